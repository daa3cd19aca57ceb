"""A screen's config: read, checked in words, made whole, and what its numbers depend on.

The text (keys that are written twice), the sections (unknown keys, missing files), the models, and the lab's own code.
It imports no torch and runs no model, since Snakemake reads the config again for every job.

Open first: `resolving.py`, which calls the rest in order.
"""
