"""The parts of all shards become tables.

Parts are found, checked and read side by side, row group by row group; out come the summary, profiles, cooperativity,
differences between models or targets, and mean attributions. It runs no model, and imports nothing from `view`.

Open first: `summary.py`.
"""
