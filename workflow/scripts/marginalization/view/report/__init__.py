"""The report of a screen: one HTML file that needs no other, and its figures for papers.

The contents as JSON, charts as specifications, and a template, script and style that show them. It imports no torch,
and the page asks nothing of a network.

Open first: `page.py`, then `contents.py`.
"""
