"""What a report reads of a screen, and how much of it is shown.

Of a large screen the page shows the strongest elements; here it is chosen which, and their details are read. It
imports nothing that draws: no chart, no page.

Open first: `screens.py`.
"""
