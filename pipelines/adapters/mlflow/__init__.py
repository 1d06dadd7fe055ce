"""Runs, registered versions and their aliases."""
