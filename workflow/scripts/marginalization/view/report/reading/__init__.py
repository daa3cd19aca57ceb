"""What a report reads of a screen, and how much of it is shown."""
