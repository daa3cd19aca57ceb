"""What commands share: their options, and the files of the workflow.

Open first: `options.py`, how a screen and a target are named.
"""
