"""Whether a model is a function of its input: what makes it another is found, named, and refused.

Open first: `consistency.py`.
"""
