"""promote: bless every candidate or say why not, and let the gate decide which is put forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.audit.tags import EVIDENCE, mend_tags, tags_of
from pipelines.core.config import PromoteParams
from pipelines.core.errors import BusyError, GateRefused
from pipelines.core.records import (
    Blessing,
    BlessingEntry,
    Candidate,
    Candidates,
    Claim,
    Evaluation,
    Evidence,
    FeatureTable,
    LedgerEntry,
    ModelVersion,
    Verdict,
)
from pipelines.data.ports import Lake
from pipelines.monitoring.ports import Warehouse
from pipelines.monitoring.promoted_quality import make_promises
from pipelines.promotion.champion import (
    current_champion,
    past_champions,
    roll_back,
    set_champion,
    sync_champion,
)
from pipelines.promotion.claims import contests, harm_claims, line_before, line_claims
from pipelines.promotion.gate import Lines, describe, judge, withdraw
from pipelines.promotion.ports import Registry
from pipelines.promotion.quality import quality
from pipelines.reports.card import Card
from pipelines.reports.ports import RunFiles
from pipelines.training.model_file import TOLERANCE, furthest, golden_day
from pipelines.training.ports import ModelFile, ScoringPool, ScoringRequest, ScoringResult


def promote(
    params: PromoteParams,
    candidates: Candidates,
    evaluation: Evaluation,
    feature_table: FeatureTable,
    lake: Lake,
    registry: Registry,
    warehouse: Warehouse,
    workers: ScoringPool,
    pages: RunFiles,
) -> Verdict:
    """The verdict on tonight's candidates, and in the warehouse, where `score` asks, which may serve.

    Every candidate is judged for both blessings, so that a person may promote any that has them, and its
    evaluation is kept: it is what live answers are held against, should it be promoted. Nothing else
    writes blessings; MLflow's tags show them. Only a verdict moves an alias. A refusal is a verdict,
    not an error. Raises BusyError when the evaluation is of other candidates.
    """
    _refuse_others(evaluation, candidates)
    of = {one.name: one.version for one in candidates.candidates}
    golden = lake.path(golden_day(feature_table.history))
    blessings = {}
    for name, safe in _infra(params, candidates, golden, registry, workers).items():
        blessings[name] = {"quality": quality(name, evaluation, params), "infra": safe}
    there = _bless(candidates, blessings, evaluation, registry, warehouse)
    serving = registry.version("champion")
    served = set(past_champions(warehouse.ledger()))
    warehouse.write_metrics(evaluation.day, make_promises(evaluation, served))
    taken_down = served - {serving.version if serving else ""}
    lines, harm = _compare_lines(candidates, evaluation, params, warehouse)
    verdict = judge(evaluation, params, blessings, frozenset(taken_down), lines)
    found = {
        "harm": harm,
        "mended": tuple(map(str, mend_tags(registry, warehouse))),
        "contenders": {name: of[name] for name in blessings if blessings[name]["infra"].passed},
    }
    verdict = withdraw(verdict.model_copy(update=found), lines, params)
    verdict = _enact(verdict, feature_table, registry, warehouse)
    _show(there, evaluation, verdict, lines, registry, pages)
    return verdict


def _show(
    there: Sequence[tuple[Candidate, BlessingEntry]],
    evaluation: Evaluation,
    verdict: Verdict,
    lines: Lines,
    registry: Registry,
    pages: RunFiles,
) -> None:
    """Tell on each version, in MLflow, what was found of it; the whole card is a page of the night too."""
    facts, files = registry.run_params(evaluation.run_id) or {}, {}
    for candidate, entry in there:
        gate = describe(candidate.name, verdict, lines)
        registry.show(candidate.version, {EVIDENCE: gate})
        card = Card(candidate, entry, evaluation, facts, gate)
        registry.describe(candidate.version, card.markdown())
        files[card.file] = card.page()
        pages.write(card.file, files[card.file])
    registry.log(evaluation.run_id, {}, {name: page.encode() for name, page in files.items()})


def _refuse_others(evaluation: Evaluation, candidates: Candidates) -> None:
    if evaluation.run_id != candidates.run_id:
        raise BusyError(
            f"promote {candidates.day}: evaluation.json is of MLflow run {evaluation.run_id}, and "
            f"candidates.json of {candidates.run_id}: another night of this day is at work; run "
            f"`redeye evaluate --day {candidates.day}` when it is done"
        )


def _compare_lines(
    candidates: Candidates, evaluation: Evaluation, params: PromoteParams, warehouse: Warehouse
) -> tuple[Lines, tuple[Claim, ...]]:
    """What settled days prove of tonight's lines, and against the champion's."""
    losses, champion = warehouse.counted(), evaluation.champion_line
    compared = {one.of: one for one in contests(losses, champion)} if champion else {}
    of = {one.name: one.line for one in candidates.candidates}
    before = line_before(losses, champion) if champion else None
    lines = Lines(of, champion, line_claims(compared, of.values(), params))
    return lines, harm_claims(compared, before, params)


def _bless(
    candidates: Candidates,
    blessings: Mapping[str, Mapping[str, Blessing]],
    evaluation: Evaluation,
    registry: Registry,
    warehouse: Warehouse,
) -> list[tuple[Candidate, BlessingEntry]]:
    """Keep what was found of each candidate, with its figures; then show it in MLflow. Those that are there."""
    there = []
    for candidate in candidates.candidates:
        version = registry.version(candidate.version)
        if version is not None:  # else it is gone, which `infra` says
            entry = _entry(candidate, version, blessings[candidate.name], evaluation)
            warehouse.bless(entry)
            registry.show(candidate.version, tags_of(entry))
            there.append((candidate, entry))
    return there


def _entry(
    candidate: Candidate,
    version: ModelVersion,
    found: Mapping[str, Blessing],
    evaluation: Evaluation,
) -> BlessingEntry:
    """What is kept of one judgement."""
    quality, infra = found["quality"], found["infra"]
    evidence = Evidence(
        day=evaluation.day,
        first_test_day=evaluation.first_test_day,
        last_test_day=evaluation.last_test_day,
        rows=evaluation.rows,
        figures=evaluation.model(candidate.name),
    )
    return BlessingEntry(
        store=version.store,
        model=version.model,
        version=candidate.version,
        sha256=candidate.sha256,
        verdict="passed" if quality.passed and infra.passed else "refused",
        quality=quality,
        infra=infra,
        evidence=evidence.model_dump(mode="json"),
        actor="gate",
        learned=candidate.learned,
    )


def _infra(
    params: PromoteParams,
    candidates: Candidates,
    golden: Path,
    registry: Registry,
    workers: ScoringPool,
) -> dict[str, Blessing]:
    """Whether each version, loaded from the registry in a process of its own, answers as training did."""
    blessings, questions = {}, []
    for candidate in candidates.candidates:
        try:
            file = _fetch(params, candidate, registry)
        except GateRefused as error:
            blessings[candidate.name] = Blessing(passed=False, reason=str(error))
        else:
            questions.append(ScoringRequest(candidate.name, file, golden))
    expected = {candidate.name: candidate.golden for candidate in candidates.candidates}
    with workers.ask(questions) as replies:
        for question, reply in replies:
            blessings[question.name] = _compare(question.name, reply, expected[question.name])
    return blessings


def _compare(name: str, reply: ScoringResult, golden: Sequence[float]) -> Blessing:
    """Whether the scores of the golden batch are training's."""
    if reply.scores is None:
        why = f"{name}, loaded from the registry, does not answer: {reply.reason}"
        return Blessing(passed=False, reason=why)
    apart = furthest(reply.scores, golden)
    how = "as in training" if apart <= TOLERANCE else f"otherwise than in training, by {apart:.2g}"
    why = (
        f"{name}, loaded from the registry, scores the golden batch of {len(reply.scores)} events {how} "
        f"(a relative difference of {TOLERANCE:g} is allowed)"
    )
    return Blessing(passed=apart <= TOLERANCE, reason=why)


def _fetch(params: PromoteParams, candidate: Candidate, registry: Registry) -> ModelFile:
    version = registry.version(candidate.version)
    if version is None:
        raise GateRefused("the version is gone from the registry; run train again")
    if version.unreadable or version.sha256 != candidate.sha256:
        raise GateRefused(
            f"{candidate.name}: version {version.version} is not the file that training registered "
            f"({version.unreadable or 'its tag sha256 is another'}); run train again"
        )
    file = registry.fetch(version)
    megabytes = file.path.stat().st_size / 2**20
    if megabytes > params.max_model_mb:
        raise GateRefused(
            f"{candidate.name}: its file has {megabytes:.0f} MB, above {params.max_model_mb:g} "
            f"(promote.max_model_mb); make a smaller model, or raise the limit"
        )
    return file


def _enact(
    verdict: Verdict, table: FeatureTable, registry: Registry, warehouse: Warehouse
) -> Verdict:
    """Move the aliases and write the ledger; done before, nothing moves."""
    if verdict.withdrawn:
        return _withdraw(verdict, table, registry, warehouse)
    serving, ledger = registry.version("champion"), warehouse.ledger()
    now = serving.version if serving else None
    if verdict.blessed and registry.version("canary") is None:
        registry.point("canary", verdict.version)  # the ruler: Redeye never moves it again
    if verdict.outcome == "challenger" and now != verdict.version:
        registry.point("challenger", verdict.version)
    if verdict.outcome != "champion":
        return verdict.model_copy(update={"champion": now})
    # Also after a kill between the two: the alias has moved, and the ledger does not know.
    if now != verdict.version or verdict.version not in past_champions(ledger):
        entry = LedgerEntry(
            version=verdict.version,
            before=current_champion(ledger),
            actor="gate",
            reason=verdict.reason,
        )
        set_champion(entry, registry, warehouse)
    return verdict


def _withdraw(
    verdict: Verdict, table: FeatureTable, registry: Registry, warehouse: Warehouse
) -> Verdict:
    """Give the place back to the last champion of the line before; done before, nothing moves."""
    line, why = str(verdict.withdrawn), str(verdict.harm[0])
    serving = sync_champion(registry, warehouse, table.declared).serving
    if serving is not None and serving.line == line:
        return verdict.model_copy(update={"champion": serving.version})
    reason = f"{line} is proven better: {why}"
    try:
        entry = roll_back(reason, registry, warehouse, table.declared, line)
    except GateRefused as error:
        told = f"{verdict.reason}; the champion is not withdrawn: {error}"
        return verdict.model_copy(update={"withdrawn": None, "reason": told})
    return verdict.model_copy(update={"champion": entry.version})
