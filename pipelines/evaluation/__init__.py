"""What a model is worth on days it has not seen, and whether a feature leaks."""
