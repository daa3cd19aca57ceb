"""How a difference between activations passes through each operation: a class for each family of them."""
