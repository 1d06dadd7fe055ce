"""Partitioned files with manifests, in a folder."""
