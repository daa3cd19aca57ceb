"""Rules of what moves values without changing them.

Reshapes, picks of positions, and tensors side by side. They import only what all rules do, of the folder above.

Open first: `reshapes.py`.
"""
