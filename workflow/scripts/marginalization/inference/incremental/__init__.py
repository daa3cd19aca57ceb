"""Computing only what a substitution changes."""
