"""A model and backgrounds become predictions.

The functions that the package gives to Python: `predict`, `marginalize`, `ablate`, streams of motifs, mutagenesis,
attributions. It imports nothing from `store`, `design` or `jobs`.

Open first: `marginals.py`, then `session.py`, which chooses between full forward passes and `incremental/`.
"""
