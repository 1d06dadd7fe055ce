"""The same scores on every processor: OpenBLAS, NumPy and the C library made to do as other ones do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from on_processor import N_SINGLE, recipes

HERE = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
# Name → what the processor must be able to do, and the environment in which libraries do as told.
PROCESSORS = {
    "Nehalem": ("sse4_2", {"OPENBLAS_CORETYPE": "Nehalem"}),
    "Haswell": ("avx2", {"OPENBLAS_CORETYPE": "Haswell"}),
    "SkylakeX": ("avx512vl", {"OPENBLAS_CORETYPE": "SkylakeX"}),
    "no-AVX512": ("avx2", {
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    }),
    "no-AVX": ("sse4_2", {
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
    }),
}  # fmt: skip
MODELS = [name for name, _, _ in recipes()]
Found = dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each processor that this one can be made to be has found; the first has made the models."""
    folder = tmp_path_factory.mktemp("processors")
    told = ("OPENBLAS_", "NPY_", "GLIBC_", "OMP_")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(told)}
    all_found = {}
    for name, (flag, own) in PROCESSORS.items():
        if flag not in HERE:
            continue
        script = Path(__file__).with_name("on_processor.py")
        command = [sys.executable, str(script), str(folder), name]
        subprocess.run(command, env=environ | own, check=True, capture_output=True)
        with np.load(folder / f"{name}.npz") as kept:
            all_found[name] = dict(kept)
    if len(all_found) < 2:
        pytest.skip("this processor has only one kernel")
    return all_found


def test_the_processors_differ_at_all(found: Found) -> None:
    weights = [one["flights-logistic-regression weights"] for one in found.values()]

    assert any((one != weights[0]).any() for one in weights)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_file_gives_the_same_scores_on_every_processor(found: Found, model: str) -> None:
    first, *others = (one[f"{model} loaded"] for one in found.values())

    assert len(np.unique(first)) > 100
    assert all((other == first).all() for other in others)


@pytest.mark.parametrize("model", MODELS)
def test_a_row_scores_the_same_alone_and_among_any_others(found: Found, model: str) -> None:
    for one in found.values():
        assert (one[f"{model} backwards"] == one[f"{model} loaded"]).all()
        assert (one[f"{model} alone"] == one[f"{model} loaded"][:N_SINGLE]).all()


@pytest.mark.parametrize("model", MODELS)
def test_what_another_processor_has_fitted_gives_the_same_published_scores(
    found: Found, model: str
) -> None:
    first, *others = (one[f"{model} fitted here"] for one in found.values())

    assert all((other == first).all() for other in others)


@pytest.mark.parametrize("model", [name for name in MODELS if "boosting" not in name])
def test_weights_from_two_processors_differ_by_rounding_only(found: Found, model: str) -> None:
    first, *others = (one[f"{model} weights"] for one in found.values())

    assert all(np.abs(other - first).max() < 1e-9 * np.abs(first).max() for other in others)
