"""A first look at a model, before its shards: is it a function, what would mend it, how fast is it."""
