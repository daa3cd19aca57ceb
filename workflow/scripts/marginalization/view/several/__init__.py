"""Several screens side by side: what they share, what changed in the verdicts, and how far the effects differ.

It reads screens' results alone, and writes one HTML file that is made of the parts of a screen's report.

Open first: `comparing.py`.
"""
