"""What a rule runs."""
