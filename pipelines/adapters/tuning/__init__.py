"""Searches of settings by Optuna, each trial in a process that may be ended."""
