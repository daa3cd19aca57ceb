"""The first screen of a report: what acts, in a sentence and a row each, and whether it can be trusted.

It works on what `reading` has read, and imports nothing that draws.

Open first: `found.py`.
"""
