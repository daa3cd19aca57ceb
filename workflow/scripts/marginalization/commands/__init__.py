"""The command line: a screen is begun, checked, run and looked at.

It does what a person would do by hand: writes a config, reads it as the workflow does, calls Snakemake, prints what
results hold. It imports no torch, so that a command answers at once.

Open first: `cli.py`, the commands; then the module named after one.
"""
