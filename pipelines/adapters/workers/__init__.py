"""Processes with limits, in which model files are opened."""
