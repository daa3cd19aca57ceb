"""How a difference between an element's and its background's activations passes through each operation.

Every rule answers three questions about one node of a graph. `reach`: which positions of its output can differ, when
its inputs differ on given windows (None: it has no rule for this, and the whole tensor must be put together)? `need`:
which positions of an input matter for given positions of the output? `apply`: what is the output's difference there?

Linear operations take the difference as it is, without their bias. The others, f, need the background x too:
f(x + difference) - f(x).
"""
