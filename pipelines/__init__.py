"""Redeye: retrain every night, prove before serving, score the day."""
