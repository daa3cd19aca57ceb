"""A model becomes a graph of operations, by `torch.export`, in whatever way its code allows.

It knows nothing of rules and windows. Open first: `exporting.py`.
"""
