"""Computing only what a substitution changes.

A model captured as a graph, programs that say what to compute on which windows, and runs of them. It knows operations
by their rules alone, and imports nothing from `config`, `design` or `store`.

Open first: `engine.py`. `registry.py` lists which operation has which rule. The idea, with a worked example, is told in
docs/how-it-works.md.
"""
