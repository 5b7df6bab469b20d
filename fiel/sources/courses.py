"""Course tables with the day from which each fact was known (DOMAIN.md section 1, known-at)."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.program import Program
from fiel.sources.rules import day_of
from fiel.tables import TABLES

_LINK = ["user_id", "customer_id"]

COURSE_ORIGIN = "cursos"
"""Origin of the transactions that the course platform makes."""

PARSED: dict[str, dict[str, pl.DataType]] = {
    "links": {"user_id": pl.String(), "customer_id": pl.String()},
    "courses": {"course_slug": pl.String(), "year": pl.Int64()},
    "episodes": {"course_slug": pl.String(), "episode": pl.Int64()},
    "completions": {
        "user_id": pl.String(),
        "course_slug": pl.String(),
        "episode": pl.Int64(),
        "occurred_at": pl.Datetime("us"),
    },
    "skills": {
        "skill_event_id": pl.String(),
        "user_id": pl.String(),
        "skill": pl.String(),
        "level": pl.String(),
        "occurred_at": pl.Datetime("us"),
    },
    "rewards": {"user_id": pl.String(), "course_slug": pl.String(), "occurred_at": pl.Datetime("us")},
}


def core_tables(
    parsed: dict[str, pl.DataFrame],
    events: pl.DataFrame,
    program: Program,
    version: str,
    known_through: date,
    merged: pl.DataFrame,
    previous: Core | None,
) -> dict[str, pl.DataFrame]:
    """core_links, core_course_episodes, core_completions, core_skills, core_rewards."""
    dated = {
        name: parsed[name].with_columns(day_of("occurred_at", program.day_time_zone).alias("day"))
        for name in ("completions", "skills", "rewards")
    }
    return {
        "core_links": links(parsed["links"], events, version, known_through, merged, previous),
        "core_course_episodes": course_episodes(
            parsed["episodes"],
            parsed["courses"],
            dated["completions"],
            program,
            _seen(known_through, previous),
            previous,
        ),
        "core_completions": dated["completions"],
        "core_skills": dated["skills"],
        "core_rewards": dated["rewards"],
    }


def links(
    parsed: pl.DataFrame,
    events: pl.DataFrame,
    version: str,
    known_through: date,
    merged: pl.DataFrame,
    previous: Core | None,
) -> pl.DataFrame:
    """Links with the days from and until which each is known.

    Of the first version ever ingested nobody knows how old a link is: it is known from the customer's first event of
    origin `cursos`, and without one from the day that this version was seen (the day after its last complete day). A
    link that a later version brings, or that names another customer than before, is known from the day of that
    version; the one before it, or one that is gone, stays known until that day. A link to a merged customer follows it.
    """
    seen = _seen(known_through, previous)
    columns = list(TABLES["core_links"].declared)
    survivors = merged.select("customer_id", "merged_into")
    now = _survivor(parsed, survivors).with_columns(pl.lit(version).alias("first_version"))
    if previous is None:
        first_course_event = (
            events.filter(pl.col("origin") == COURSE_ORIGIN)
            .group_by("customer_id")
            .agg(pl.col("day").min().alias("_day"))
        )
        return (
            now.join(first_course_event, on="customer_id", how="left")
            .with_columns(
                pl.min_horizontal("_day", pl.lit(seen)).alias("known_from"), pl.lit(None, pl.Date).alias("known_until")
            )
            .select(columns)
        )
    before = _survivor(previous["links"].select(columns).collect(), survivors)
    in_force = pl.col("known_until").is_null()
    ended = before.filter(in_force).join(now, on=_LINK, how="anti").with_columns(pl.lit(seen).alias("known_until"))
    new = now.join(before.filter(in_force), on=_LINK, how="anti").with_columns(
        pl.lit(seen).alias("known_from"), pl.lit(None, pl.Date).alias("known_until")
    )
    kept = before.join(ended, on=[*_LINK, "known_from"], how="anti")
    return (
        pl.concat([frame.select(columns) for frame in (kept, ended, new)])
        .sort([*_LINK, "known_from", "known_until"], nulls_last=False)
        .unique([*_LINK, "known_from"], keep="first", maintain_order=True)
    )


def course_episodes(
    catalogue: pl.DataFrame,
    courses: pl.DataFrame,
    completions: pl.DataFrame,
    program: Program,
    seen: date,
    previous: Core | None = None,
) -> pl.DataFrame:
    """Episodes of the catalogue and finished ones, each known from the earliest completion of it or of a later one.

    Courses of an earlier year than `courses_undated_until` are older than their records: all their episodes are known
    from that date at the latest. So it is for the first version ever ingested. Later ones change no date that an
    earlier one gave and take no episode away; an episode that they append to such an old course is known from `seen`,
    the day of that version, at the latest.

    >>> from datetime import date
    >>> from fiel.program import Program, Source
    >>> program = Program(name="toy", title="Toy", source=Source(format="teomewhy"))
    >>> catalogue = pl.DataFrame({"course_slug": ["sql"] * 3, "episode": [1, 2, 3]})
    >>> done = pl.DataFrame({"course_slug": ["sql", "sql"], "episode": [2, 1],
    ...                      "day": [date(2025, 3, 1), date(2025, 4, 1)]})
    >>> years = pl.DataFrame({"course_slug": ["sql"], "year": [2025]})
    >>> known = course_episodes(catalogue, years, done, program, seen=date(2025, 6, 1))
    >>> known.sort("episode").get_column("known_from").to_list()
    [datetime.date(2025, 3, 1), datetime.date(2025, 3, 1), None]
    """
    until = program.courses_undated_until
    key = ["course_slug", "episode"]
    before = pl.DataFrame(schema=TABLES["core_course_episodes"].declared)
    if previous is not None:
        before = previous["course_episodes"].collect()
    earliest = completions.group_by(key).agg(pl.col("day").min())
    undated = pl.col("year") < until.year
    latest = pl.when(pl.lit(previous is None)).then(pl.lit(until)).when("_is_new").then(pl.lit(seen))
    return (
        pl.concat([catalogue.select(key), earliest.select(key), before.select(key)])
        .unique()
        .join(earliest, on=key, how="left")
        .join(courses.select("course_slug", "year"), on="course_slug", how="left")
        .join(
            before.select(*key, pl.col("known_from").alias("_before"), pl.lit(False).alias("_is_new")),
            on=key,
            how="left",
        )
        .with_columns(pl.col("_is_new").fill_null(True))
        .sort("course_slug", pl.col("episode"), descending=[False, True])
        .with_columns(pl.col("day").cum_min().over("course_slug").alias("_cum"))
        .with_columns(pl.col("_cum").forward_fill().over("course_slug").alias("known_from"))
        .with_columns(
            pl.when(undated).then(pl.min_horizontal("known_from", latest)).otherwise("known_from").alias("known_from")
        )
        .select(*key, pl.coalesce("_before", "known_from").alias("known_from"))
    )


def _seen(known_through: date, previous: Core | None) -> date:
    """The day on which a version was seen: the day after its last complete day, never before that of an earlier one."""
    earlier = known_through if previous is None else previous.known_through
    return max(known_through, earlier) + timedelta(days=1)


def _survivor(rows: pl.DataFrame, survivors: pl.DataFrame) -> pl.DataFrame:
    """Rows with merged customers replaced by their survivors."""
    return (
        rows.join(survivors, on="customer_id", how="left")
        .with_columns(pl.coalesce("merged_into", "customer_id").alias("customer_id"))
        .drop("merged_into")
    )
