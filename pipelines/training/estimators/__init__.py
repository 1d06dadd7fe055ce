"""Estimators of any make: how they are fitted alike everywhere, and which may be kept."""
