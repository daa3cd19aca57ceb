"""A model and backgrounds become predictions."""
