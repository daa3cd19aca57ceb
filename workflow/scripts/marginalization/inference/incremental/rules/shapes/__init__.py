"""Rules of what moves values without changing them: reshapes, picks of positions, tensors side by side.

They import nothing but what all rules do: `base.py` and `windows.py` of the folder above.

Open first: `reshapes.py`.
"""
