"""How good scores are, for every kind of task."""
