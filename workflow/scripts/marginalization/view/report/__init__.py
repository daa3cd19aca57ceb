"""The report of a screen: one HTML file that stands alone, and its figures for papers."""
