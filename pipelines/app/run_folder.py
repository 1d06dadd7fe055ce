"""What nights left in their folders, read as it is found: nothing there is believed to be whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.audit.runs import RunFolder, StageLog
from pipelines.core.config import Paths, ScheduleParams
from pipelines.core.dates import day_of_name, find_gaps, spell_gaps
from pipelines.core.errors import DataError
from pipelines.core.graph import Graph
from pipelines.core.records import ARTEFACTS, Record
from pipelines.core.text import secrets_in_url

READ_BY_PEOPLE = (".json", ".jsonl", ".html", ".log")
SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN", "API_KEY")
SHORTEST_SECRET = 6  # a shorter one would be found everywhere


def nights_left(places: Paths, graph: Graph) -> list[RunFolder]:
    """Every night that left anything, oldest first."""
    folders = sorted((places.root / "runs").glob("????-??-??"))
    return [_night_left(folder, graph) for folder in folders if day_of_name(folder.name)]


def underway(folder: Path, graph: Graph, now: float) -> str | None:
    """What a night that has not published yet did last, if it still runs; None if it does not.

    It does when no stage before `score` has failed, and the last record is no older than the longest
    stage may take. `now` is in seconds since the epoch.
    """
    # The look in the morning settles as well, whether there was a night or not: that tells nothing.
    before = [name for name in graph.names[: graph.names.index("score")] if name != "settle"]
    failed = any(
        note.exit_code for note in _notes(folder, graph) if note.stage in (*before, "score")
    )
    paths = {name: folder / f"{_stem(graph, name)}.json" for name in before}
    made = {path.stat().st_mtime: name for name, path in paths.items() if path.exists()}
    if failed or not made or (folder / f"{_stem(graph, 'score')}.json").exists():
        return None
    last = max(made)
    longest = 60 * max(graph[name].timeout_minutes for name in (*before, "score"))
    at = datetime.fromtimestamp(last, UTC)
    return f"{made[last]} was done at {at:%H:%M} UTC" if now - last <= longest else None


def missing_nights(ran: Sequence[date]) -> str:
    """The days between the oldest and the newest night that had none, with the command for the last gap."""
    gaps = find_gaps(ran)
    if not gaps:
        return ""
    first, last = gaps[-1]
    return f"no night ran for {spell_gaps(gaps)}; run `redeye backfill --from {first} --to {last}`"


def overdue(places: Paths, now: datetime, schedule: ScheduleParams) -> str:
    """That the newest published night is older than the schedule expects, with the command to run.

    A night is due at `schedule.watch` of its own day. Nights of days long past, as of a replayed year, follow
    no schedule: it is expected to go on only where the newest night was made on its own day, or the next.
    """
    folders = sorted((places.root / "runs").glob("????-??-??/publication.json"))
    published = [day for one in folders if (day := day_of_name(one.parent.name))]
    if not published:
        return ""
    newest, here = max(published), now.astimezone(ZoneInfo(schedule.zone))
    made = min(one.stat().st_mtime for one in (places.root / "runs" / f"{newest}").iterdir())
    made_on = datetime.fromtimestamp(made, ZoneInfo(schedule.zone)).date()
    expected = here.date() - timedelta(days=here.time() < schedule.watch)
    if not newest <= made_on <= newest + timedelta(days=1) or expected <= newest:
        return ""
    return (
        f"the newest night that published is {newest}, and the schedule expects {expected} by now; "
        f"run `redeye night --day {expected}`"
    )


def last_tries(folder: Path) -> dict[str, dict[str, Any]]:
    """How the last try of each stage of a night went, by stage, as its log says."""
    path = folder / "stages.jsonl"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return {str(note["stage"]): note for note in map(_line, lines) if note}


def readable_texts(places: Paths) -> Iterator[tuple[str, str]]:
    """Every page, record and log of the nights: where it stands, and what it says."""
    for path in sorted((places.root / "runs").rglob("*")):
        if path.suffix in READ_BY_PEOPLE and path.is_file():
            yield str(path.relative_to(places.root)), path.read_text(errors="replace")


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Passwords and keys in the environment's variables and in the URLs of some."""
    found = [v for name, v in environ.items() if any(word in name for word in SECRET_WORDS)]
    found += [secret for v in environ.values() if "://" in v for secret in secrets_in_url(v)]
    return sorted({one for one in found if len(one) >= SHORTEST_SECRET})


def _night_left(folder: Path, graph: Graph) -> RunFolder:
    files = frozenset(path.name for path in folder.iterdir())
    stems = [stem for stem in ARTEFACTS if f"{stem}.json" in files]
    records = {stem: _record(folder / f"{stem}.json", stem) for stem in stems}
    return RunFolder(
        day=date.fromisoformat(folder.name),
        notes=tuple(_notes(folder, graph)),
        records={stem: record for stem, record in records.items() if record},
        files=files,
    )


def _record(path: Path, stem: str) -> Record | None:
    try:
        return ARTEFACTS[stem].from_json(path.read_bytes(), str(path))
    except DataError:
        return None


def _notes(folder: Path, graph: Graph) -> Iterator[StageLog]:
    """The last try of each stage that there is."""
    for stage, note in last_tries(folder).items():
        if stage in graph.names:
            yield StageLog(stage, _stem(graph, stage), note["exit_code"], note["error"])


def _stem(graph: Graph, stage: str) -> str:
    return next(Path(out).stem for out in graph[stage].outs if Path(out).stem in ARTEFACTS)


def _line(text: str) -> dict[str, Any] | None:
    """A line of the log; None for one that a killed process did not finish, or that is none of the log's."""
    try:
        note = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kinds = {"stage": str, "exit_code": int, "error": str | None}
    whole = isinstance(note, dict) and all(
        name in note and isinstance(note[name], kind) for name, kind in kinds.items()
    )
    return note if whole else None
