"""When runs of a day begin: at a time of the clock in the problem's zone, which no cron line can say.

Airflow's own `CronPartitionTimetable` loses the last day of a range in `airflow backfill create`, for a range ends
when its last day begins, and has no limit to the missed runs that it makes when a scheduler was off.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from airflow._shared.timezones.timezone import coerce_datetime, utcnow
from airflow.exceptions import InvalidPartitionKeyError
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable

from pipelines.core.command_text import as_sent
from pipelines.core.dates import clock_time, parse_day
from pipelines.core.errors import UsageError

DAY = timedelta(days=1)


class NightTimetable(CronPartitionTimetable):
    """A run a day, at `at` (HH:MM) in `zone`; its partition key is the date on which it begins there.

    Of the runs that were missed, the newest and `catch_up` ones before it are made.
    """

    def __init__(self, at: str, *, zone: str, catch_up: int = 0) -> None:
        self._at: time = clock_time(at)
        cron = f"{self._at.minute} {self._at.hour} * * *"  # for the pages; ticks are computed here
        super().__init__(cron, timezone=zone, key_format="%Y-%m-%d")
        self._said = {"at": at, "zone": zone, "catch_up": catch_up}
        self._catch_up = catch_up

    @property
    def summary(self) -> str:
        return f"{self._said['at']} {self._said['zone']}"

    def serialize(self) -> dict[str, Any]:
        return dict(self._said)

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> NightTimetable:
        return cls(data["at"], zone=data["zone"], catch_up=data["catch_up"])

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run after the last one; of those that were missed, none that is too old to be caught up."""
        newest = following = self._align_to_prev(coerce_datetime(utcnow()))
        if last_dagrun_info is not None:
            oldest = newest
            for _ in range(self._catch_up if restriction.catchup else 0):
                oldest = self._get_prev(oldest)
            following = max(oldest, self._get_next(last_dagrun_info.run_after))
        if restriction.earliest is not None:
            following = max(following, self._align_to_next(restriction.earliest))
        if restriction.latest is not None and restriction.latest < following:
            return None
        return self._run_at(following)

    def iter_partition_dagrun_infos(
        self, *, earliest: datetime, latest: datetime
    ) -> Iterable[DagRunInfo]:
        """The runs of all days from the one date to the other, both included, whatever the hours say."""
        for n in range((latest.date() - earliest.date()).days + 1):
            if tick := self._tick(earliest.date() + n * DAY):
                yield self._run_at(tick)

    def _run_at(self, tick: Any) -> DagRunInfo:
        key = self._format_key(tick)
        date_ = self._partition_date(parse_day(key))
        return DagRunInfo(
            run_after=tick, data_interval=None, partition_date=date_, partition_key=key
        )

    def _partition_date(self, day: date) -> Any:
        """The day's midnight in UTC, whatever the zone: Airflow's calendar counts days in UTC."""
        return coerce_datetime(datetime.combine(day, time(), UTC))

    def localize_partition_datetime(self, dt: datetime) -> Any:
        """A bound of a window of partitions, by what its calendar and clock say, among those midnights."""
        return coerce_datetime(dt.replace(tzinfo=UTC))

    def resolve_partition_date(self, partition_key: str | None) -> Any:
        """Airflow asks for it when somebody starts a run: one of no day is refused before it is made."""
        if partition_key is None:
            raise InvalidPartitionKeyError(
                as_sent(
                    "say which day: give it as partition key, YYYY-MM-DD; in a shell, run `redeye night --day DAY`"
                )
            )
        return super().resolve_partition_date(partition_key)

    def _decode_partition_date(self, partition_key: str) -> Any:
        """As a scheduled run of that day has it, so that Airflow knows both as runs of one partition."""
        try:
            day = parse_day(partition_key)
        except UsageError as error:
            raise InvalidPartitionKeyError(f"partition key: {error}") from error
        if self._tick(day) is None:
            raise InvalidPartitionKeyError(
                f"partition key: {partition_key} is a day that {self._said['zone']} left out"
            )
        return self._partition_date(day)

    def _tick(self, day: date) -> Any:
        """The instant of the day's run. A time that the clocks skip is as much later; one that they show
        twice counts when it comes first. None for a day that the zone left out, such as Samoa's 2011-12-30.
        """
        for fold in (0, 1):  # of a skipped hour around midnight, the second reading is on the day
            told = datetime.combine(day, self._at.replace(fold=fold), self._timezone)
            tick = coerce_datetime(told).in_timezone("UTC")
            if tick.in_timezone(self._timezone).date() == day:
                return tick
        return None

    def _get_next(self, current: Any) -> Any:
        day = current.in_timezone(self._timezone).date()
        ticks = (self._tick(day + n * DAY) for n in range(4))
        return next(tick for tick in ticks if tick and tick > current)

    def _get_prev(self, current: Any) -> Any:
        day = current.in_timezone(self._timezone).date()
        ticks = (self._tick(day - n * DAY) for n in range(4))
        return next(tick for tick in ticks if tick and tick < current)


class RedeyeTimetables(AirflowPlugin):
    """Makes the timetable known to every component of Airflow."""

    name = "redeye_timetables"
    timetables = [NightTimetable]  # noqa: RUF012  Airflow wants a list
