"""One module for each outside system, and the only place that imports it."""
