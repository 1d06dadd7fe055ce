"""What was promised against what came, told on one page."""

from __future__ import annotations

import dataclasses
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.command_text import as_sent
from pipelines.core.records import FeatureTable, Publication, Report, Validation
from pipelines.metrics.bootstrap import day_weights, interval, measure
from pipelines.metrics.classification import ScoredEvents
from tests.integration.serving import DAY, Always, Serving

TOMORROW = DAY + timedelta(days=1)
GONE = {"href", "src", "srcset", "action", "data", "poster", "xlink:href"}


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    serving = Serving(tmp_path)
    serving.registry.add("2", until=DAY - timedelta(days=14))
    serving.serve("2")
    return serving


def weeks_of_features(serving: Serving, shift: float = 0.0) -> FeatureTable:
    """Twelve stable weeks, the last of them shifted."""
    generator = np.random.default_rng(3)
    for back in range(83, -1, -1):
        said = np.clip(generator.uniform(0.2, 0.6, 60) + (shift if back < 7 else 0), 0, 1)
        table = serving.features(DAY - timedelta(days=back), said.tolist())
    return table


def table_of(table: FeatureTable, day: date) -> FeatureTable:
    """An earlier day's table."""
    partition = next(one for one in table.history if one.day == day)
    return table.model_copy(update={"day": day, "partition": partition, "history": ()})


def metrics(serving: Serving, day: date, subject: str) -> dict[str, float]:
    kept = serving.warehouse.read_metrics(day, day)
    rows = kept.loc[kept["subject"] == subject]
    return dict(zip(rows["metric"], rows["value"], strict=True))


class Page(HTMLParser):
    """Tags, and what they would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in GONE]


def missing(report: Report) -> list[str]:
    return [alert for alert in report.alerts if "have not come" in alert]


def test_outcomes_that_do_not_come_are_told(serving: Serving) -> None:
    days = [DAY + timedelta(days=n) for n in range(4)]
    for day in days[:3]:
        serving.score(day)

    settlement = serving.settle(days[3])
    report, _ = serving.monitor(days[3], settlement=settlement)

    assert settlement.settled == {}
    told = f"Of 9 events published from {DAY} to {days[2]} the outcomes of 9 have not come"
    assert [alert.split(",")[0] for alert in missing(report)] == [told]
    assert f"Run `redeye night --day {days[3]}`." in missing(report)[0]
    for day in days[:2]:
        serving.flew(day, [20, 0, None])
    report, _ = serving.monitor(days[3], settlement=serving.settle(days[3]))
    assert not missing(report)


def test_outcomes_that_take_time_are_missed_when_they_should_be_there(serving: Serving) -> None:
    serving.problem = dataclasses.replace(serving.problem, label_maturity_days=14)
    serving.score()

    early, _ = serving.monitor(DAY + timedelta(days=14))
    late, _ = serving.monitor(DAY + timedelta(days=15))

    assert (len(missing(early)), len(missing(late))) == (0, 1)


def test_no_day_is_judged_before_its_outcomes_are_complete(serving: Serving) -> None:
    serving.score()
    serving.flew(DAY, [20, 20])  # the third takes longer
    settlement = serving.settle(TOMORROW)
    serving.problem = dataclasses.replace(serving.problem, label_maturity_days=3)

    early, page = serving.monitor(TOMORROW, settlement=settlement)
    serving.flew(DAY, [20, 20, 0])
    night = DAY + timedelta(days=4)
    late, _ = serving.monitor(night, settlement=serving.settle(night))

    assert "rate_observed" not in metrics(serving, TOMORROW, "published")
    assert early.metrics["events_28d"] == 0
    assert "100.0 %" not in page
    assert late.metrics["rate_observed_28d"] == pytest.approx(2 / 3)


def test_published_answers_are_measured_when_their_outcomes_are_known(serving: Serving) -> None:
    serving.score()  # 0.6, 0.4 and 0.2 for flights 1, 2 and 3
    serving.flew(DAY, [20, 0, None])
    settlement = serving.settle(TOMORROW)

    report, page = serving.monitor(TOMORROW, settlement=settlement)

    kept = metrics(serving, DAY, "champion 2")
    assert kept["events"] == 2
    assert kept["auc"] == 1.0
    assert kept["rate_predicted"] == pytest.approx(0.5)
    assert kept["brier"] == pytest.approx(0.16)
    assert report.metrics["rate_observed_28d"] == 0.5
    assert "50.0 %" in page


def test_a_night_is_watched_and_told_on_either_database(tmp_path: Path, url: str) -> None:
    serving = Serving(tmp_path, url=url)
    serving.registry.add("2", until=DAY - timedelta(days=14))
    serving.registry.add("3", times=1.5)
    serving.serve("2")
    serving.registry.aliases["challenger"] = "3"
    serving.score(rollout=0.5)
    serving.flew(DAY, [20, 0, None])
    table = serving.features(TOMORROW)
    serving.workers.fate["champion"] = "crashed"

    for _ in range(2):
        _, page = serving.monitor(
            TOMORROW, serving.score(TOMORROW, table), serving.settle(TOMORROW), table
        )

    assert metrics(serving, DAY, "published")["events"] == 2
    assert metrics(serving, DAY, "challenger 3")["events"] == 2
    assert metrics(serving, TOMORROW, "challenger 3")["estimated_brier"] > 0
    assert len(serving.notifier.sent) == 1
    assert [one.told for one in serving.warehouse.incidents(DAY)] == ["sent"]
    assert "challenger 3" in page


def test_every_contenders_answers_are_measured_not_only_the_published_ones(
    serving: Serving,
) -> None:
    serving.registry.add("3", times=1.5)
    serving.registry.aliases["challenger"] = "3"
    serving.score()
    serving.flew(DAY, [20, 0, 20])

    _, page = serving.monitor(TOMORROW, settlement=serving.settle(TOMORROW))

    assert (
        metrics(serving, DAY, "published")["brier"] == metrics(serving, DAY, "champion 2")["brier"]
    )
    assert metrics(serving, DAY, "challenger 3")["rate_predicted"] == pytest.approx(0.6)
    assert metrics(serving, DAY, "baseline")["events"] == 3
    assert metrics(serving, TOMORROW, "challenger 3")["gain_log_loss_28d"] != 0
    assert "challenger 3" in page


def test_the_report_tells_what_acting_on_the_scores_was_worth(serving: Serving) -> None:
    """Of three flights the model warns of the last two: one is on time and costs 100, one is late and
    saves 300. The baseline warns of all three, of which two are late.
    """
    serving.score()
    serving.flew(DAY, [20, 0, 20])

    _, page = serving.monitor(TOMORROW, settlement=serving.settle(TOMORROW))

    section = page.partition("What it was worth")[2].partition("<h2>")[0]
    assert "A score is acted on from 0.25 on." in section
    assert "01 Oct – 01 Oct" in section
    assert section.count(">+200<") == 2 * 2  # in total and over doing nothing, by week and in all
    assert section.count(">-300<") == 2  # over the baseline, likewise
    assert "Over baseline" in section
    assert "Over champion 2" in section


def test_the_scores_of_the_day_are_measured(serving: Serving) -> None:
    publication = serving.score()

    report, _ = serving.monitor(publication=publication)

    assert metrics(serving, DAY, "scores")["score_mean"] == pytest.approx(0.4)
    assert report.metrics["score_mean"] == pytest.approx(0.4)
    assert report.page == "runs/2013-10-01/report.html"


def test_monitoring_again_changes_nothing(serving: Serving) -> None:
    publication = serving.score()
    first = serving.monitor(publication=publication)
    kept = serving.warehouse.read_metrics(DAY, DAY)

    assert serving.monitor(publication=publication) == first
    assert serving.warehouse.read_metrics(DAY, DAY).equals(kept)


def test_features_that_moved_are_an_alert(serving: Serving) -> None:
    table = weeks_of_features(serving, shift=0.3)
    publication = serving.score(table=table)

    report, page = serving.monitor(publication=publication, table=table)

    (alert,) = [alert for alert in report.alerts if "unlike the training data" in alert]
    assert alert.startswith(
        "said looks unlike the training data over the last 7 days: its index is"
    )
    assert alert.endswith("Run `redeye features --day 2013-10-01 --known now`.")
    assert metrics(serving, DAY, "said")["psi"] > 0.25
    assert report.metrics["features_drifted"] == 1
    assert "drifted" in page


def test_features_that_stayed_are_none(serving: Serving) -> None:
    table = weeks_of_features(serving)
    publication = serving.score(table=table)
    settlement = serving.settle(DAY)

    report, page = serving.monitor(publication=publication, table=table, settlement=settlement)

    assert report.alerts == ()
    assert "Nothing to do." in page


def test_days_that_the_model_did_not_learn_from_are_no_ground_for_comparison(
    serving: Serving,
) -> None:
    """The world shifts when training has ended, more than a week ago: it has drifted all the same."""
    serving.registry.add("2", until=DAY - timedelta(days=21))
    generator = np.random.default_rng(3)
    for back in range(83, -1, -1):
        said = generator.uniform(0.2, 0.4, 60) + (0.3 if back < 20 else 0)
        table = serving.features(DAY - timedelta(days=back), said.tolist())

    report, _ = serving.monitor(publication=serving.score(table=table), table=table)

    assert report.metrics["features_drifted"] == 1


def test_a_days_quality_is_measured_again_while_its_outcomes_arrive(serving: Serving) -> None:
    serving.score()
    serving.flew(DAY, [20, 0])
    serving.monitor(TOMORROW, settlement=serving.settle(TOMORROW))
    early = metrics(serving, DAY, "published")
    serving.flew(DAY, [20, 0, 20])  # the third is known a day later

    later = TOMORROW + timedelta(days=1)
    _, page = serving.monitor(later, settlement=serving.settle(later))

    late = metrics(serving, DAY, "published")
    assert (early["events"], late["events"]) == (2, 3)
    assert late["rate_observed"] == pytest.approx(2 / 3)
    assert "of a day&#39;s outcomes are known one night later" in page


def test_quality_is_told_by_slice_with_an_interval(serving: Serving) -> None:
    table = weeks_of_features(serving)
    for back in range(6, 0, -1):
        day = DAY - timedelta(days=back)
        serving.score(day, table_of(table, day))
        serving.flew(day, [20.0 if n % 3 else 0.0 for n in range(60)])

    _, page = serving.monitor(settlement=serving.settle(DAY), table=table)

    yesterday = DAY - timedelta(days=1)
    kept = serving.warehouse.read_metrics(yesterday, yesterday)
    told = kept.loc[kept["subject"] == "champion 2 origin=EWR"].set_index("metric")
    assert told.loc["events", "value"] == 60
    assert (
        told.loc["log_loss", "low"] < told.loc["log_loss", "value"] < told.loc["log_loss", "high"]
    )
    assert "origin=EWR (360)" in page


def promise(serving: Serving, version: str, times: float = 1.0) -> None:
    """What a version of `a_month` was promoted with: four weeks of the world as it was."""
    generator = np.random.default_rng(12)
    said = generator.beta(2, 5, 28 * 150)
    labels, days = (generator.random(said.size) < said).astype(float), np.arange(said.size) // 150
    scored = ScoredEvents(labels, said * times, np.zeros(said.size), days, 28)
    drawn = measure(scored, day_weights(28, 200, 28))
    spans = {name: interval(drawn[name], 28) for name in ("log_loss", "information", "auc")}
    serving.warehouse.write_metrics(DAY - timedelta(days=50), {f"promised {version}": spans})


def a_month(serving: Serving, **planted: bool) -> tuple[Report, str]:
    """Five weeks of nights with a canary beside the champion; something is planted in the last one."""
    serving.registry.add("1", times=0.8, until=DAY - timedelta(days=90))
    serving.registry.add("2", until=DAY - timedelta(days=50))
    serving.registry.aliases["canary"] = "1"
    promise(serving, "1", 0.8)
    promise(serving, "2")
    generator = np.random.default_rng(11)
    for back in range(140, -1, -1):
        day, last_week = DAY - timedelta(days=back), back < 7
        said = generator.beta(2, 5, 150)
        if planted.get("inputs") and last_week:
            said = np.clip(said + 0.3, 0, 1)
        table = serving.features(day, said.tolist())
        if back > 28:
            continue
        if planted.get("model") and back == 6:
            serving.registry.models["2"] = dataclasses.replace(
                serving.registry.models["2"], estimator=Always(times=0.3)
            )
        publication = serving.score(day, table)
        odds = generator.permutation(said) if planted.get("world") and last_week else said
        late = generator.random(150) < odds
        # Flights are numbered from the last event to the first.
        serving.flew(day, np.where(late, 30.0, 0.0)[::-1].tolist())
        if back in (22, 15, 8, 4, 0):
            settlement = serving.settle(day)
        if back in (8, 4, 0):
            told = serving.monitor(day, publication=publication, settlement=settlement, table=table)
    return told


def causes(page: str) -> set[str]:
    known = ("moved inputs", "broken model", "changed world", "unclear")
    return {one for one in known if f'<span class="badge warn">{one}</span>' in page}


@pytest.mark.parametrize(
    ("planted", "cause"),
    [
        ({"inputs": True}, "moved inputs"),
        ({"model": True}, "broken model"),
        ({"world": True}, "changed world"),
    ],
)
def test_the_canary_tells_moved_inputs_a_broken_model_and_a_changed_world_apart(
    serving: Serving, planted: dict[str, bool], cause: str
) -> None:
    _, page = a_month(serving, **planted)

    assert causes(page) == {cause}


def test_what_was_promised_is_what_the_version_was_promoted_with(serving: Serving) -> None:
    report, page = a_month(serving)

    kept = serving.warehouse.read_metrics(date.min, date.max, ["promised 2"]).set_index("metric")
    assert f'<td>AUC</td><td class="number">{kept.loc["auc", "value"]:.4f}<br>' in page
    assert "What version 2 was promoted with" in page
    assert "outside" not in page
    assert [alert for alert in report.alerts if "promised" in alert] == []


def test_lost_discrimination_is_an_alarm_with_its_size(serving: Serving) -> None:
    """Outcomes that have nothing to do with the scores, on half of the days."""
    promise(serving, "2")
    generator = np.random.default_rng(5)
    for back in range(9, -1, -1):
        day, said = DAY - timedelta(days=back), generator.beta(2, 5, 150)
        table = serving.features(day, said.tolist())
        publication = serving.score(day, table)
        late = generator.random(150) < generator.permutation(said)
        serving.flew(day, np.where(late, 30.0, 0.0).tolist())

    report, page = serving.monitor(
        publication=publication, settlement=serving.settle(DAY), table=table
    )

    (told,) = [alert for alert in report.alerts if "events apart less than was promised" in alert]
    assert re.search(r"AUC 0\.[45]\d\d came on 9 settled days where 0\.[67]\d\d was promised", told)
    assert "was promised</span>" in page


def test_a_version_from_before_promises_were_kept_is_compared_with_nothing(
    serving: Serving,
) -> None:
    serving.score()
    serving.flew(DAY, [20, 0, None])

    _, page = serving.monitor(
        TOMORROW, publication=serving.score(TOMORROW), settlement=serving.settle(TOMORROW)
    )

    assert "Version 2 is from before promises were kept" in page


def test_what_to_expect_of_the_days_answers_is_told_and_reconciled(serving: Serving) -> None:
    _, page = a_month(serving)

    tonight = metrics(serving, DAY, "published")
    assert tonight["estimated_log_loss"] == pytest.approx(0.56, abs=0.06)
    assert "log loss to expect of today's answers" in page
    kept = serving.warehouse.read_metrics(DAY - timedelta(days=8), DAY - timedelta(days=8))
    told = kept.loc[kept["subject"] == "published"].set_index("metric")["value"]
    assert told["estimated_log_loss"] == pytest.approx(told["log_loss"], abs=0.08)
    assert "How good the estimates were" in page
    assert causes(page) == set()


def test_people_are_told_once_what_is_wrong_and_what_to_run(serving: Serving) -> None:
    serving.registry.down = True
    serving.flew(DAY - timedelta(days=1), [20, 0, None])
    for back in (1, 0):
        day = DAY - timedelta(days=back)
        publication = serving.score(day)
        for _ in range(2):  # a night again tells nobody anything
            serving.monitor(day, publication=publication, settlement=serving.settle(day))

    ((title, text),) = serving.notifier.sent

    assert title == "Redeye flights-late, 2013-09-30"
    assert text.startswith("The baseline answered, not the champion: the registry does not answer")
    assert text.endswith(f"\n  $ {as_sent('redeye explain --day 2013-09-30')}\n")


def test_an_older_night_that_is_monitored_again_tells_nobody(serving: Serving) -> None:
    serving.monitor(TOMORROW, serving.score(TOMORROW), serving.settle(TOMORROW))
    serving.notifier.sent.clear()
    serving.workers.fate["champion"] = "crashed"

    report, page = serving.monitor(DAY, serving.score(), serving.settle(DAY))

    assert serving.notifier.sent == []
    assert report.alerts
    assert "an older night" in page


def test_a_message_that_cannot_be_sent_fails_no_night_and_goes_out_with_the_next(
    serving: Serving,
) -> None:
    serving.registry.down = True
    publication = serving.score()
    serving.notifier.down = True

    report, page = serving.monitor(publication=publication, settlement=serving.settle(DAY))

    assert report.alerts
    assert "not sent: webhook at chat.example.com: answered 500" in page
    serving.notifier.down = False
    serving.monitor(TOMORROW, serving.score(TOMORROW), serving.settle(TOMORROW))
    assert len(serving.notifier.sent) == 1


def test_another_than_the_champion_is_an_alert(serving: Serving) -> None:
    serving.registry.down = True
    publication = serving.score()

    report, page = serving.monitor(publication=publication)

    assert any(
        "The baseline answered, not the champion: the registry does not answer" in alert
        for alert in report.alerts
    )
    assert "The baseline answered" in page


def test_a_night_in_which_nothing_worked_is_told_all_the_same(serving: Serving) -> None:
    blocked = Validation(day=DAY, passed=False, reason="flights are empty", checks=(), findings=())

    report, page = serving.monitor(validation=blocked)

    assert f"<code>$ {as_sent('redeye score --day 2013-10-01')}</code>" in page
    assert not re.search(r">[^<]*(?<![\w/])redeye [a-z]+ --", page)
    told = " ".join(report.alerts)
    assert "The data were blocked: flights are empty" in told
    assert "Run `redeye score --day 2013-10-01`" in told
    assert "Run `redeye settle --day 2013-10-01`" in told
    assert "No predictions were published for this day" in page


def test_a_night_that_still_runs_is_no_outage_and_what_was_is_resolved_when_it_has_published(
    serving: Serving,
) -> None:
    running, _ = serving.monitor(settlement=serving.settle(DAY), running="train was done at 03:10")
    serving.monitor()  # an hour later it seems dead
    (before,) = (i for i in serving.warehouse.incidents(DAY) if i.subject == "score failed")
    published, _ = serving.monitor(publication=serving.score(), settlement=serving.settle(DAY))

    (told,) = running.alerts
    assert told.startswith("The night of 2013-10-01 still runs (train was done at 03:10)")
    assert before.resolved_on is None
    assert published.alerts == ()
    resolved = {i.subject: i.resolved_on for i in serving.warehouse.incidents(DAY)}
    assert resolved == dict.fromkeys(("still running", "score failed", "settle failed"), DAY)


def test_what_was_resolved_and_fails_again_is_told_again(serving: Serving) -> None:
    serving.monitor()
    serving.monitor(publication=serving.score(), settlement=serving.settle(DAY))
    told = len(serving.notifier.sent)

    serving.monitor(TOMORROW)

    failed = [i for i in serving.warehouse.incidents(DAY) if i.subject == "score failed"]
    assert [(i.first_day, i.resolved_on) for i in failed] == [(DAY, DAY), (TOMORROW, None)]
    assert len(serving.notifier.sent) == told + 1


def test_days_without_a_published_night_are_an_alarm_until_they_are_filled_in(
    serving: Serving,
) -> None:
    later = DAY + timedelta(days=4)
    for day in (DAY, DAY + timedelta(days=2)):
        serving.score(day)

    before, _ = serving.monitor(later, settlement=serving.settle(later))
    for day in (DAY + timedelta(days=1), DAY + timedelta(days=3)):
        serving.score(day)
    after, _ = serving.monitor(later, serving.score(later), serving.settle(later))

    told = " ".join(before.alerts)
    assert "No predictions were published for 2013-10-02, 2013-10-04. Run " in told
    assert "Run `redeye backfill --from 2013-10-04 --to 2013-10-04`." in told
    assert "published for 2013-10-05; the newest that were are of 2013-10-03." in told
    assert "No predictions" not in " ".join(after.alerts)


def test_the_page_escapes_what_comes_from_data(serving: Serving) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    publication = serving.score().model_copy(
        update={"reason": evil, "answered_by": evil, "model_version": evil}
    )

    _, page = serving.monitor(publication=publication)

    assert "&lt;script&gt;" in page
    assert not Page(page).tags & {"script", "img", "iframe", "object", "link"}


def test_the_page_loads_nothing_from_elsewhere(serving: Serving) -> None:
    table = weeks_of_features(serving)
    for back in range(3, 0, -1):
        serving.score(DAY - timedelta(days=back), serving.features(DAY - timedelta(days=back)))
        serving.flew(DAY - timedelta(days=back), [20, 0, 16])
    settlement = serving.settle(DAY)

    _, page = serving.monitor(
        publication=serving.score(table=table), settlement=settlement, table=table
    )

    assert page.count("<svg") == 5
    assert set(Page(page).loads) <= {"validation.html"}
    assert not re.search(r"https?://|url\(|@import", page)
    assert len(page) < 1_000_000


def test_a_version_that_was_asked_for_is_no_alert(serving: Serving) -> None:
    publication: Publication = serving.score(model="2")

    report, _ = serving.monitor(publication=publication, settlement=serving.settle(DAY))

    assert report.alerts == ()


# For the morning after


def test_a_sample_of_the_day_and_what_was_never_seen_before_are_kept_once(
    serving: Serving,
) -> None:
    table = weeks_of_features(serving, shift=0.3)
    serving.score(table=table)

    for _ in range(2):
        serving.monitor(table=table)

    (sampled,) = serving.ask("SELECT count(*), count(DISTINCT event_key) FROM sample")
    assert sampled == (60, 60)
    (kept,) = serving.ask("SELECT features FROM sample ORDER BY event_key LIMIT 1")
    assert re.fullmatch(r'\{"said": 0\.\d+\}', str(kept[0]))
    strange = serving.ask("SELECT feature, value, reason FROM outlier")
    assert strange
    assert all(float(str(value)) > 0.6 for _, value, _ in strange)
    assert all("above the highest of" in str(reason) for *_, reason in strange)


def test_the_queries_of_the_guides_answer(serving: Serving) -> None:
    table = weeks_of_features(serving, shift=0.3)
    publication = serving.score(table=table)
    serving.flew(DAY, [20.0 * (number % 2) for number in range(60)])
    serving.settle(TOMORROW)
    serving.monitor(publication=publication, table=table)
    docs = Path(__file__).parents[2] / "docs"
    guides = [(docs / name).read_text() for name in ("postmortem.md", "watching.md")]
    queries = re.findall(r"```sql\n(.*?)```", "".join(guides), re.DOTALL)
    (worst,) = serving.ask("SELECT event_key FROM prediction_current ORDER BY 1 LIMIT 1")

    found = {
        query: serving.ask(query.replace("2013-10-01|UA|1545|EWR|515", str(worst[0])))
        for query in queries
    }

    assert len(found) >= 6
    assert [query for query, rows in found.items() if not rows] == []
