"""Predictions, outcomes, metrics and the ledger, in SQLite or PostgreSQL."""
