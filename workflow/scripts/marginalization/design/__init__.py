"""What a screen is, without torch: its elements, where they go, and its jobs."""
