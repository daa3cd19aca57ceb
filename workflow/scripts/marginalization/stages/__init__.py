"""What the jobs of Snakemake's rules do: a module for each file of rules, a function for each rule.

A function takes the `snakemake` of its rule, reads the files that it names, calls the subpackages above, and writes. It
is all that the core knows of Snakemake, so a test calls it with a stand-in.

Open first: `screen.py`, the shards' jobs; `merge.py`, what becomes of them.
"""
