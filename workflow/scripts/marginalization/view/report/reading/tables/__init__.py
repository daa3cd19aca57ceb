"""What a report shows of the tables beside the summary.

A module for each kind of them, which imports no other. Open first: `pairs.py`.
"""
