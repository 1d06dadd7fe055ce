"""The flights whose outcomes are all known at the next cutoff, for tests of anything but that."""

from __future__ import annotations

from dataclasses import replace

from pipelines import problem

PROBLEM = replace(problem.PROBLEM, label_maturity_days=0)
