"""A lab's files become tables."""
