"""Names that follow from content: equal content, equal name."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd


def checksum(predictions: pd.DataFrame) -> str:
    """SHA-256 over `event_key` and `score`, bit by bit, in key order; -0.0 is 0.0, as it is to SQLite."""
    ordered = predictions
    if not predictions["event_key"].is_monotonic_increasing:
        ordered = predictions.sort_values("event_key", kind="stable")
    digest = hashlib.sha256("\n".join(ordered["event_key"].tolist()).encode())
    digest.update(b"\0")  # where the keys end
    digest.update((ordered["score"].to_numpy(dtype=np.dtype("<f8")) + 0.0).tobytes())
    return digest.hexdigest()


def run_name(*parts: str) -> str:
    """A short name for work that is determined by these parts: 20 hexadecimal digits, 80 bits."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
