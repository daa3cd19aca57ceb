"""A screen's config: read, checked in words, made whole, and what its numbers depend on."""
