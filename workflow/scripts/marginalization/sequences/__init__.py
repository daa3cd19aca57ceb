"""DNA as strings and as tensors."""
