"""Models as packages of the field keep them: what is in their files, and how these are laid out.

ChromBPNet's and BPNet's .h5 files, which Keras wrote, and Cherimoya's .torch, in folders and tars of folds. It imports
no torch: the dry run reads the files too.

Open first: `stored.py`, where a config's path becomes files, and what is in them.
"""
