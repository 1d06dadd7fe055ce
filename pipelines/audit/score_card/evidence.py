"""Where this installation shows that an item of the score card holds: settings, records, tables, the registry."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from statistics import fmean

from pipelines.audit.score_card.scoring import Evidence, Facts
from pipelines.core.atomic_files import read_regular
from pipelines.core.errors import DataError
from pipelines.core.records import (
    Candidates,
    Evaluation,
    FeatureTable,
    Publication,
    Validation,
    Verdict,
)
from pipelines.metrics.task import task_of
from pipelines.monitoring.quality import PUBLISHED
from pipelines.promotion.champion import past_champions

WATCHED = timedelta(days=28)
FEW = 3  # versions, of fewer a correlation says nothing
NO_NIGHT = "no night has done it yet"


def schema(facts: Facts) -> Evidence:
    """A suite of expectations for every table of the problem, and for its features."""
    names = [*(table.name for table in facts.problem.tables), "features"]
    folder = facts.repository / "expectations"
    there = [name for name in names if (folder / f"{name}.json").is_file()]
    rules = sum(
        len(json.loads(read_regular(folder / f"{name}.json")).get("expectations", ()))
        for name in there
    )
    without = [name for name in names if name not in there]
    more = f"; none for {', '.join(without)}" if without else ""
    return Evidence(not without, f"{rules} rules for {len(there)} of {len(names)} tables{more}")


def importance(facts: Facts) -> Evidence:
    """The newest evaluated night drew how much each feature tells."""
    drawn = [night.day for night in facts.nights if "plots" in night.files]
    return Evidence(bool(drawn), f"plots/importance.png of {drawn[-1]}" if drawn else NO_NIGHT)


def leaks(facts: Facts) -> Evidence:
    """What the leak gate found on the newest night."""
    found = facts.last("evaluation", Evaluation)
    if found is None or not found.leaks:
        return Evidence(there=False, words=NO_NIGHT)
    caught = [check.subject for check in found.leaks if not check.passed]
    told = f"caught {', '.join(caught)}" if caught else "caught nothing"
    return Evidence(not caught, f"{len(found.leaks)} nets of {found.day} {told}")


def roles(facts: Facts) -> Evidence:
    """The database's roles are defined."""
    path = facts.repository / "infra" / "roles.sql"
    return Evidence(path.is_file(), f"infra/roles.sql: {'there' if path.is_file() else 'gone'}")


def history(facts: Facts) -> Evidence:
    """A declaration is all: every declared feature is there for the days before."""
    table = facts.last("feature_table", FeatureTable)
    if table is None:
        return Evidence(there=False, words=NO_NIGHT)
    kept = f"{len(table.names)} features of {len(table.history)} earlier days on {table.day}"
    return Evidence(bool(table.history), kept)


def features(facts: Facts) -> Evidence:
    """The newest table has the features that are declared now."""
    table, declared = facts.last("feature_table", FeatureTable), facts.problem.features.dictionary
    if table is None:
        return Evidence(there=False, words=NO_NIGHT)
    same = set(table.names) == set(declared)
    return Evidence(same, f"{len(declared)} declared, {len(table.names)} computed on {table.day}")


def committed(facts: Facts) -> Evidence:
    """The newest models were made from a commit as it stands."""
    commit = facts.last_run.get("git_commit", "")
    clean = bool(commit) and commit != "unknown" and not commit.endswith("+changes")
    return Evidence(clean, f"commit {commit}" if commit else NO_NIGHT)


def online(facts: Facts) -> Evidence:
    """Whether versions with the lower loss on test days had the lower loss on settled days."""
    loss, live = task_of(facts.problem.task).loss, defaultdict(list)
    for one in facts.warehouse.counted():
        if one.model_version:
            live[one.model_version].append(one.loss)
    pairs = []
    for version in facts.registry.registered():
        blessing = facts.warehouse.blessing(version) if version.version in live else None
        figures = blessing.promised.figures if blessing else None
        if figures is not None and loss in figures.metrics:
            pairs.append((figures.metrics[loss].mid, fmean(live[version.version])))
    if len(pairs) < FEW:
        words = f"{len(pairs)} versions with settled days, {FEW} are needed"
        return Evidence(there=False, words=words)
    found = _rank_correlation(pairs)
    return Evidence(found > 0, f"rank correlation {found:.2f} over {len(pairs)} versions")


def _rank_correlation(pairs: list[tuple[float, float]]) -> float:
    from scipy.stats import spearmanr

    found = float(spearmanr(pairs).statistic)
    return found if found == found else 0.0  # noqa: PLR0124  not defined where all are alike


def tuned(facts: Facts) -> Evidence:
    """The newest search of settings, and whether nights search by themselves."""
    every, found = facts.params.tune.every_days, facts.warehouse.tuning(date.max)
    searched = f"the last search was on {found.day}" if found else "nothing was searched yet"
    return Evidence(bool(found and every), f"tune.every_days is {every}; {searched}")


def canary(facts: Facts) -> Evidence:
    """What the frozen canary lost beside the champion, on days that both answered."""
    losses = {(one.day, one.contender): one.loss for one in facts.warehouse.counted()}
    both = [
        (lost, losses[day, "champion"])
        for (day, who), lost in losses.items()
        if who == "canary" and (day, "champion") in losses
    ]
    if not both:
        return Evidence(there=False, words="no settled day that canary and champion answered")
    more = sum(lost for lost, _ in both) / sum(champion for _, champion in both) - 1
    return Evidence(there=True, words=f"the canary's loss is {more:+.2%} on {len(both)} days")


def simpler(facts: Facts) -> Evidence:
    """The newest scoreboard."""
    found = facts.last("candidates", Candidates)
    compared = found.scoreboard if found else ()
    words = f"{found.day}: {found.reason}" if found else NO_NIGHT
    return Evidence(len(compared) > 1, words)


def reproducible(facts: Facts) -> Evidence:
    """What the newest run tells of its making."""
    needed = ("git_commit", "data_version", "lock_sha256", "seed")
    told = [name for name in needed if facts.last_run.get(name)]
    return Evidence(len(told) == len(needed), f"the run tells {', '.join(told) or 'nothing'}")


def specs(facts: Facts) -> Evidence:
    """Every model spec builds an estimator."""
    built = [type(spec.build({"x": "number"}, 0, 1)).__name__ for spec in facts.problem.recipes]
    return Evidence(bool(built), f"{len(built)} specs build {', '.join(built)}")


def whole_night(facts: Facts) -> Evidence:
    """Every stage of the newest night ended well."""
    if not facts.nights:
        return Evidence(there=False, words=NO_NIGHT)
    last = facts.nights[-1]
    failed = [note.stage for note in last.notes if note.exit_code]
    told = f"failed: {', '.join(failed)}" if failed else f"{len(last.notes)} stages ended well"
    return Evidence(bool(last.notes) and not failed, f"{last.day}: {told}")


def gate(facts: Facts) -> Evidence:
    """The newest verdict, and the judgement that the warehouse keeps of its version."""
    verdict = facts.last("verdict", Verdict)
    version = facts.registry.version(verdict.version) if verdict else None
    if verdict is None or version is None:
        return Evidence(there=False, words=NO_NIGHT)
    entry = facts.warehouse.blessing(version)
    words = f"version {verdict.version} of {verdict.day}: {entry.verdict if entry else 'not kept'}"
    return Evidence(entry is not None, words)


def one_example(facts: Facts) -> Evidence:
    """The newest published day, of which each event can be asked about."""
    found = facts.last("publication", Publication)
    if found is None or not found.scored:
        return Evidence(there=False, words=NO_NIGHT)
    asked = f"redeye explain --day {found.day} --event KEY"
    return Evidence(there=True, words=f"{found.scored:,} events: `{asked}`")


def shadow(facts: Facts) -> Evidence:
    """Who else was asked about the newest published day."""
    found = facts.last("publication", Publication)
    asked = found.contenders if found else ()
    answered = [one.contender for one in asked if one.outcome == "answered"]
    others = [name for name in answered if found and name != found.answered_by]
    told = f"beside {found.answered_by} answered {', '.join(others) or 'nobody'}" if found else ""
    return Evidence(bool(others), told or NO_NIGHT)


def rollback(facts: Facts) -> Evidence:
    """Whether there is somebody to go back to."""
    served = past_champions(facts.warehouse.ledger())
    words = f"the ledger has {len(served)} champions"
    return Evidence(len(set(served)) > 1, words + ("" if served else ", so there is no way back"))


def told(facts: Facts) -> Evidence:
    """Whether people can be reached."""
    names = ", ".join(facts.reached)
    return Evidence(bool(names), f"{names} is set" if names else "no way to reach people is set")


def validated(facts: Facts) -> Evidence:
    """The newest validation."""
    found = facts.last("validation", Validation)
    if found is None:
        return Evidence(there=False, words=NO_NIGHT)
    return Evidence(found.passed, f"{len(found.checks)} partitions on {found.day}: {found.reason}")


def same_scores(facts: Facts) -> Evidence:
    """Tonight's versions, loaded from the registry, scored as in training."""
    verdict, made = facts.last("verdict", Verdict), facts.last("candidates", Candidates)
    if verdict is None or made is None:
        return Evidence(there=False, words=NO_NIGHT)
    alike = f"{len(verdict.contenders)} of {len(made.candidates)} versions of {verdict.day}"
    whole = len(verdict.contenders) == len(made.candidates)
    return Evidence(whole, f"{alike}, loaded, score the golden batch as in training")


def age(facts: Facts) -> Evidence:
    """How old what answered was, against monitor.max_champion_age_days."""
    found, most = facts.last("publication", Publication), facts.params.monitor.max_champion_age_days
    if found is None or found.trained_until is None:
        return Evidence(there=False, words="no model has answered yet")
    days = (found.day - found.trained_until).days
    return Evidence(days <= most, f"{days} days on {found.day}, {most} are allowed")


def numbers(facts: Facts) -> Evidence:
    """Whether every event of the newest published day has a valid score of whoever was asked."""
    found = facts.last("publication", Publication)
    if found is None:
        return Evidence(there=False, words=NO_NIGHT)
    invalid = [one.contender for one in found.contenders if one.outcome == "invalid"]
    told = f"{found.scored:,} of {found.events:,} events of {found.day} have a valid score"
    more = f"; invalid: {', '.join(invalid)}" if invalid else ""
    return Evidence(found.scored == found.events and not invalid, told + more)


def speed(facts: Facts) -> Evidence:
    """Seconds of the newest night's fits beside those of the nights before."""
    times = [sum(one.seconds for one in night.candidates) for night in facts.all("candidates", Candidates)]  # fmt: skip
    if len(times) < 2:
        return Evidence(there=False, words=f"{len(times)} nights with times, 2 are needed")
    *before, last = times
    return Evidence(there=True, words=f"fits took {last:.0f} s, before {fmean(before):.0f} s")


def quality(facts: Facts) -> Evidence:
    """Settled days of the last weeks on which what was published is measured."""
    found = facts.last("publication", Publication)
    if found is None:
        return Evidence(there=False, words=NO_NIGHT)
    try:
        rows = facts.warehouse.read_metrics(found.day - WATCHED, found.day, [PUBLISHED])
    except DataError as error:
        return Evidence(there=False, words=str(error))
    mine = rows[rows["metric"] == task_of(facts.problem.task).loss]
    return Evidence(len(mine) > 0, f"{mine['day'].nunique()} measured days up to {found.day}")


def slices(facts: Facts) -> Evidence:
    """The slices that the problem declares, and those on which the newest candidates were compared."""
    declared, found = facts.problem.slices, facts.last("evaluation", Evaluation)
    compared = {
        one.name
        for model in (found.candidates if found else ())
        for of in model.slices.values()
        for one in of
    }
    named = f"declared: {', '.join(declared) or 'none'}"
    return Evidence(bool(declared and compared), f"{named}; {len(compared)} compared")
