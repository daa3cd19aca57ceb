"""What a screen is, without torch: its elements, where they go, and its jobs.

Motifs, annotations, pairs and controls become elements; elements get placements; placements and backgrounds get jobs,
each named after all that its numbers depend on. It imports nothing that runs a model.

Open first: `plan.py`, which gives the list of jobs.
"""
