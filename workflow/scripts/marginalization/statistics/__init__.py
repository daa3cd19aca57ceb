"""Arrays in, arrays out: scales, statistics over backgrounds, and the comparison with controls."""
