"""Load a model, and read out what it returns."""
