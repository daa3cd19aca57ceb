"""A lab's files become tables.

BED and narrowPeak, genomes, motif databases, backgrounds, tables that belong to a model; and what kind of file a model
is, told from its bytes.
It imports no config and no torch: it is given names of files and options, and its errors name the file and the row.

Open first: `intervals.py`, where a BED file is read.
"""
