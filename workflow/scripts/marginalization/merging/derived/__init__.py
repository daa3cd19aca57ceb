"""What follows from the summary alone: clusters of like motifs, and what a lab measured.

Open first: `clusters.py`.
"""
