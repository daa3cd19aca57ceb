"""What need not be computed within a window: where two motifs are far apart, or an element decides alone.

Open first: `reached.py`, which follows such a gap through a network; `placed.py` finds it in what is substituted.
"""
