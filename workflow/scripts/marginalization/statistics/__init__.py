"""Arrays in, arrays out: scales, statistics over backgrounds, and the comparison with controls.

Effects on their scales; their mean, interval and test over backgrounds; the null that controls make; measures of
profiles. It imports no torch and reads no file: what it takes and gives are arrays, and tables of elements.

Open first: `summary.py`.
"""
