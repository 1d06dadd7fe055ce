"""Words, settings and promises that every other layer relies on; imports nothing above it."""
