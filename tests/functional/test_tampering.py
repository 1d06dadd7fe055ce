"""`redeye verify` on a real root: after a night, and after somebody tampered with it."""

from __future__ import annotations

import json

import pytest
from world import FIRST, World

pytestmark = pytest.mark.slow


def test_after_a_night_every_invariant_holds_until_somebody_tampers(world: World) -> None:
    whole = world.redeye("verify", "--json")
    (world.root / "runs" / FIRST / "publication.json").unlink()
    broken = world.redeye("verify", "--day", FIRST)

    assert whole.returncode == 0, whole.stderr
    told = json.loads(whole.stdout)
    assert told["held"]
    assert len(told["invariants"]) == 12
    assert broken.returncode == 3
    assert "I12 broken" in broken.stderr
    assert f"redeye score --day {FIRST}" in broken.stderr
    assert "its publication.json is missing" in " ".join(broken.stdout.split())
