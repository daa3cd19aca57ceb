"""The one error for bad input: its message names the file, the row, and the remedy."""


class InputError(ValueError):
    """Input that no screen can be run on; the message alone is enough to fix it."""
