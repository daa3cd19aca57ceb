"""Motif tables of the lab: a name that stands twice, and equal consensuses."""

MEME = """MEME version 4

ALPHABET= ACGT

MOTIF M1 first
letter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0
 0.1 0.1 0.7 0.1
 0.1 0.1 0.7 0.1
 0.7 0.1 0.1 0.1

MOTIF M1 first
letter-probability matrix:
 0.1 0.1 0.1 0.7
 0.7 0.1 0.1 0.1

MOTIF M2 same as the first
letter-probability matrix: alength= 4 w= 3
 0.0 0.0 1.0 0.0
 0.0 0.0 1.0 0.0
 1.0 0.0 0.0 0.0
"""
TSV = "name\tsequence\tnote\nspaced\tGGNNNCC\tx\nwide\tACGTACGTACGTA\ty\nsingle\tC\tz\n"
