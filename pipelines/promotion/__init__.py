"""Which model may serve, and which one does."""
