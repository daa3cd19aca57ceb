"""Models that Keras wrote: what is in their files, and how packages of the field lay such files out.

ChromBPNet's and BPNet's .h5 files, in folders and tars of folds. It imports no torch: the dry run reads the files too.

Open first: `files.py`, where a file becomes a network of layers.
"""
