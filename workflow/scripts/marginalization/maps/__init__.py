"""Which bases of the significant motifs carry their effects, and whether these are the motif's own.

It does not choose what is significant: that stands in clusters.parquet.
Open first: `likeness.py`.
"""
