"""A model becomes a graph of operations, by PyTorch's exporter, in whatever way its code allows.

Of the rules it takes how operations are read, and nothing else. Open first: `exporting.py`.
"""
