"""From declarations to point-in-time queries and tables."""
