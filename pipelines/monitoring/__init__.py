"""What became of published scores, and what people are told."""
