"""For people: a finished screen in the terminal, and its report."""
