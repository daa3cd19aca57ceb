"""For people: a finished screen in the terminal, and its report.

It reads the folder of results as any reader of the tables could. It runs no model and imports no torch, so that a
command answers at once.

Open first: `results.py`, which reads; `printing.py`, which lays out tables in the terminal.
"""
