"""What a rule runs.

A shard of effects or of attributions, on a device, with a log, a record of how it went, and pieces, from which it goes
on after a kill. It imports nothing from `merging` or `view`: a shard knows of no other shard.

Open first: `effects.py`, the shard; `pieces.py`, how it goes on.
"""
