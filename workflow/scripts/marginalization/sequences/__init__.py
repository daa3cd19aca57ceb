"""DNA as strings and as tensors.

Letters, complements and named random draws; shuffles; one-hot tensors, and substitutions into them, batch by batch.
It imports nothing from this package. Strings need no torch: only `onehot.py` and `constructs.py` import it.

Open first: `onehot.py`, which has the substitution itself.
"""
