"""The parts of all shards become tables."""
