"""Where results lie, how their files are written and read, and whether they are still what was written.

Files that appear whole or not at all, the schemas of all tables, checksums, and what earlier plans left behind.
It imports nothing from this package but its errors, and no torch: what the numbers mean is others' matter.

Open first: `schemas.py`, for what comes out; `files.py`, for how it is written.
"""
