"""The networks of packages of the field in PyTorch, made from their files without the packages.

Each gives profile logits and log counts. It imports nothing from the rest of `models`.

Open first: `keras.py`, which follows a file layer by layer; `cherimoya.py` has one network.
"""
