"""Whether every invariant holds, and what can be repaired."""
