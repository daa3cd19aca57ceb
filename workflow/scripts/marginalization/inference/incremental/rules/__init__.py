"""How a difference between activations passes through each operation: a class for each family of them.

A rule says where its output differs, what it needs for that, and computes it. It imports nothing from outside this
folder: what it asks of a run (backgrounds, weights, memory) is a protocol of `base.py`.

Open first: `base.py`, then `convolution.py`. Which operation has which rule is listed by those who ask for them.
"""
