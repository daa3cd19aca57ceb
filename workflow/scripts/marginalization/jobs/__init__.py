"""One shard is computed: on a device, with a log, a record and pieces.

It is of effects, of attributions or of ablations. The record tells how it went; from the pieces it goes on after a
kill. It imports nothing from `merging` or `view`: a shard knows of no other shard.

Open first: `shard.py`, the shard; `pieces.py`, how it goes on.
"""
