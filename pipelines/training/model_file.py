"""Models as one file each, as data and never as code; the same model has the same bytes.

With each goes a golden batch: rows on which it must score as it did when it was trained.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.errors import ConfigError, DataError, GateRefused
from pipelines.core.records import Partition
from pipelines.metrics.task import task_of
from pipelines.training.estimators.trusted_types import TRUSTED, archived, foreign
from pipelines.training.model import Model, ModelFormat

CARD = "redeye"  # the booster's attribute, or with .json the archive's member, that describes the model
# The library of each form, and how many numbers of its version must be those of the training:
# XGBoost promises that later versions read a model, scikit-learn promises it to its own version only.
LIBRARY: dict[ModelFormat, tuple[str, int]] = {"ubj": ("xgboost", 1), "skops": ("scikit-learn", 2)}
UNPACKED_BYTES = 2 * 2**30  # of an archive


def pack(model: Model) -> bytes:
    """The model's file: UBJSON for XGBoost, a skops archive for scikit-learn.

    Raises RecipeError when the estimator holds a type outside the closed list.
    """
    card: dict[str, object] = {
        "name": model.name,
        "schema": dict(model.schema),
        "vocabulary": {name: list(words) for name, words in model.vocabulary.items()},
        "trained_until": model.trained_until.isoformat(),
        "trained_with": version(LIBRARY[model.form][0]),
    }
    if model.task != Model.task:  # a file that says nothing is of a binary model
        card |= {"task": model.task, "bounds": model.bounds}
    if model.shift:
        card |= {"shift": model.shift}
    described = json.dumps(card)
    pack_as = _pack_booster if model.form == "ubj" else _pack_estimator
    return pack_as(model, described)


def unpack(form: ModelFormat, content: bytes) -> Model:
    """The model in a file.

    Raises GateRefused when it is not of its form, holds a type outside the list, or was trained with a
    version of its library that may have answered otherwise than the one that is here.
    """
    read = _unpack_booster if form == "ubj" else _unpack_estimator
    card, load = read(content)
    try:
        fields = json.loads(card)
        _check_library(form, fields.get("trained_with"))
        low, high = fields.get("bounds", Model.bounds)
        return Model(
            name=fields["name"],
            form=form,
            schema=fields["schema"],
            vocabulary={name: tuple(words) for name, words in fields["vocabulary"].items()},
            trained_until=date.fromisoformat(fields["trained_until"]),
            estimator=load(),
            task=task_of(fields.get("task", Model.task)).name,
            bounds=(float(low), float(high)),
            shift=float(fields.get("shift", Model.shift)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise _refused("its description cannot be read") from error


def check_sha256(content: bytes, expected: str) -> None:
    """Raise GateRefused when the bytes are not those that were registered."""
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise GateRefused(
            f"model file: SHA-256 is {found[:12]}…, registered was {expected[:12] or 'nothing'}…; "
            f"restore the file, or promote another version"
        )


def _pack_booster(model: Model, card: str) -> bytes:
    booster = model.estimator.copy()
    booster.set_attr(**{CARD: card})
    return bytes(booster.save_raw("ubj"))


def _check_library(form: ModelFormat, trained_with: str | None) -> None:
    name, numbers = LIBRARY[form]
    here = version(name)
    if trained_with and trained_with.split(".")[:numbers] != here.split(".")[:numbers]:
        raise _refused(
            f"it was trained with {name} {trained_with}, and {here}, which is here, may answer otherwise"
        )


def _unpack_booster(content: bytes) -> tuple[str, Callable[[], Any]]:
    import xgboost

    if not content.startswith(b"{L"):
        # An object whose keys have lengths, as every booster begins; XGBoost ends the process on nothing.
        raise _refused("it is no XGBoost model")
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except (
        xgboost.core.XGBoostError,
        UnicodeDecodeError,
    ) as error:  # it quotes what it cannot read
        raise _refused("it is no XGBoost model") from error
    return booster.attr(CARD) or "", lambda: booster


def _pack_estimator(model: Model, card: str) -> bytes:
    return _canonical(archived(model.name, model.estimator), card)


def _unpack_estimator(content: bytes) -> tuple[str, Callable[[], Any]]:
    import skops.io

    def load() -> Any:
        with _skops_refusals():
            return skops.io.loads(content, trusted=sorted(TRUSTED))

    with _skops_refusals():
        _refuse_bomb(content)
        found = foreign(content)
        if found:
            raise _refused(f"it holds {', '.join(found)}, which no model may")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(f"{CARD}.json").decode(), load


def _refuse_bomb(content: bytes) -> None:
    """Before anything is unpacked: readers take no more of a member than the directory says it has."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > UNPACKED_BYTES:
        raise _refused(f"it unpacks to more than {UNPACKED_BYTES / 2**20:,.0f} MB")


@contextmanager
def _skops_refusals() -> Iterator[None]:
    from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

    try:
        yield
    except (UntrustedTypesFoundException, UnsupportedTypeException) as error:
        raise _refused("it holds a type that no model may") from error
    except (
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ImportError,
    ) as error:
        raise _refused("it is no skops archive of a model") from error


def _canonical(content: bytes, card: str) -> bytes:
    """The archive without what differs between two savings of one model: memory addresses and times."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        tree = json.loads(archive.read("schema.json"))
        numbers: dict[str, str] = {}
        _renumber(tree, numbers)
        members = {
            new: archive.read(old) for old, new in numbers.items() if old in archive.namelist()
        }
    members |= {"schema.json": json.dumps(tree, indent=2).encode(), f"{CARD}.json": card.encode()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name), member, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _renumber(node: Any, numbers: dict[str, str]) -> None:
    """Number ids and the files named after them in the order of their first appearance."""
    for child in node if isinstance(node, list) else ():
        _renumber(child, numbers)
    if not isinstance(node, dict):
        return
    if "__id__" in node:
        node["__id__"] = int(numbers.setdefault(str(node["__id__"]), str(len(numbers) + 1)))
    if isinstance(node.get("file"), str):
        stem, _, suffix = node["file"].partition(".")
        number = numbers.setdefault(stem, str(len(numbers) + 1))
        node["file"] = numbers.setdefault(f"{stem}.{suffix}", f"{number}.{suffix}")
    for child in node.values():
        _renumber(child, numbers)


def _refused(why: str) -> GateRefused:
    return GateRefused(f"model file: {why}; train again, or promote another version")


ROWS = 500  # scores that are kept of a batch: of rows evenly spread over it
# Relative. Scores are rounded to 24 bits; on another processor one may be rounded to the number beside
# it, 1.2e-7 away.
TOLERANCE = 1e-6


def golden_day(history: Sequence[Partition]) -> Partition:
    """The last day's features that have rows: real ones, known to training and to promotion alike."""
    filled = [partition for partition in history if partition.rows]
    if not filled:
        raise DataError("feature table: no earlier day has events; land more history")
    return filled[-1]


def golden_scores(model: Model, batch: pd.DataFrame) -> tuple[float, ...]:
    """The model's scores of rows spread evenly over the batch."""
    return tuple(_spread(model.checked_scores(batch)).tolist())


def furthest(scores: np.ndarray, golden: Sequence[float] | np.ndarray) -> float:
    """The largest relative difference between scores of the batch and golden ones, or those of another
    model; infinite when there are not as many, or one of them is no number.
    """
    found, expected = _spread(scores), _spread(np.asarray(golden))
    if found.shape != expected.shape:
        return float("inf")
    apart = np.abs(found - expected)
    relative = np.divide(apart, np.abs(expected), out=apart.copy(), where=expected != 0)
    return float(np.nan_to_num(relative, nan=np.inf).max(initial=0.0))


def _spread(scores: np.ndarray) -> np.ndarray:
    places = np.linspace(0, len(scores) - 1, min(len(scores), ROWS)).round().astype("int64")
    return np.asarray(scores[places])
