"""A first look at a model, before its shards: is it a function, what would repair it, how fast is it.

The rule `probe` runs three sequences; of a model that is refused it tries what would help, and tells only what did.
It imports nothing from `jobs`, `merging` or `view`.

Open first: `probe.py`.
"""
