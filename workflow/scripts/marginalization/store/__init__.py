"""Where results lie, how their files are written and read, and whether they are still what was written."""
