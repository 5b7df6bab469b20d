"""The one place that asks what day it is: as_of is derived here once, at the top of a flow, and passed down."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from fiel.core import Core, parse_date
from tasks.context import opened

STALE_DAYS = 3
"""Days that `latest` may lie behind the calendar before a run warns."""


@task(name="resolve as_of", cache_policy=NO_CACHE)
def resolve_as_of(program: str, requested: date | str | None) -> date:
    """The run's as_of: the one asked for; `latest` for the day after the last complete day; else the scheduled start.

    The scheduled start is converted to the program's time zone, so a late run keeps the date that it was meant for. A
    program whose source is a finished file (`source.clock: data`) means `latest` where nothing is asked for. TimeError
    where the data cannot know that date yet, or where it lies before the first event.
    """
    with opened(program) as context:
        core = Core.open(context.lake)
        wants_latest = requested == "latest" or (requested is None and context.program.source.clock == "data")
        if wants_latest:
            as_of = core.known_through + timedelta(days=1)
        elif requested is None:
            started = flow_run.scheduled_start_time or datetime.now(UTC)
            as_of = datetime.fromisoformat(str(started)).astimezone(context.program.tz).date()
        else:
            as_of = parse_date(requested)
        core.check_as_of(as_of)
        log = get_run_logger()
        log.info("as_of %s (data complete through %s)", as_of, core.known_through)
        behind = (datetime.now(UTC).astimezone(context.program.tz).date() - as_of).days
        is_live = context.program.source.clock == "calendar" and not context.program.simulated
        if wants_latest and is_live and behind > STALE_DAYS:
            log.warning("the data end %d days ago: is the source still updated?", behind)
        return as_of


@task(name="newer as_of", cache_policy=NO_CACHE)
def newer_as_of(program: str, table: str, requested: date | str | None, as_of: date) -> date | None:
    """A committed as_of of `table` after `as_of`, which makes a late scheduled run pointless; None if there is none.

    A run that was asked for a date is never skipped.
    """
    if requested is not None:
        return None
    with opened(program) as context:
        newest = max(context.lake.partitions(table), default=None)
    return newest if newest is not None and newest > as_of else None
