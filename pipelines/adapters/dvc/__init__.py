"""Versions of the raw data."""
