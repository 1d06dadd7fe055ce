"""Functions of at most 40 lines and 6 parameters, modules of at most 300 lines, folders of at most 12 modules.

What is still above a limit is listed with its size: it may shrink, and may not grow. What has come within
the limit is taken from the list.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PIPELINES = Path(__file__).parents[2] / "pipelines"
LINES, PARAMETERS, MODULE, FOLDER = 40, 6, 300, 12
# Options of a command are its arguments, and a migration is written once.
UNBOUNDED = ("commands/", "adapters/database/migrations/")

OVER = {
    "adapters/database/publishing.py": 331,
    "adapters/workers/pool.py": 312,
    "app/services.py _factories lines": 94,
    "audit/repair.py": 364,
    "stages/evaluate.py evaluate lines": 65,
    "stages/evaluate.py evaluate parameters": 10,
    "stages/features.py features parameters": 7,
    "stages/ingest.py ingest parameters": 7,
    "stages/monitor.py monitor lines": 62,
    "stages/monitor.py monitor parameters": 18,
    "stages/promote.py promote parameters": 9,
    "stages/score.py score lines": 59,
    "stages/score.py score parameters": 11,
    "stages/train.py train lines": 74,
    "stages/train.py train parameters": 10,
    "stages/validate.py validate parameters": 8,
    "training": 13,
}


def measured() -> Iterator[tuple[str, int, int]]:
    """What is measured, its size, and the limit."""
    for folder in (one for one in PIPELINES.rglob("*") if one.is_dir()):
        modules = [one for one in folder.glob("*.py") if one.name != "__init__.py"]
        yield folder.relative_to(PIPELINES).as_posix(), len(modules), FOLDER
    for file in PIPELINES.rglob("*.py"):
        name, text = file.relative_to(PIPELINES).as_posix(), file.read_text()
        yield name, text.count("\n"), MODULE
        if name.startswith(UNBOUNDED):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                of = f"{name} {node.name}"
                yield f"{of} lines", (node.end_lineno or 0) - node.lineno + 1, LINES
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                own = [one for one in given if one.arg not in ("self", "cls")]
                yield f"{of} parameters", len(own), PARAMETERS


def test_nothing_grows_beyond_its_limit() -> None:
    over = {name: size for name, size, limit in measured() if size > OVER.get(name, limit)}

    assert over == {}


def test_what_is_within_its_limit_is_not_excepted() -> None:
    still = {name for name, size, limit in measured() if size > limit}

    assert OVER.keys() - still == set()
