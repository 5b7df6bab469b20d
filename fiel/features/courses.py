"""Course features: what a linked customer learnt on the course platform, as far as known (DOMAIN.md section 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.errors import SourceError
from fiel.features.arithmetic import ratio
from fiel.program import Program


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Course features, `feat_courses`: one row for each as_of and customer with an active day before it.

    Known at as_of are links, episodes, finished episodes, skills and rewards of days before it. A customer whose link
    is not known yet, or who has none, counts zero. `course_share_{key}` exists for each course with an episode known
    at the newest of `as_of_dates`; it is null at an as_of that does not know the course, so it says nothing there.
    """
    courses = _course_keys(core, max(as_of_dates))
    return pl.concat([_at(core, as_of, courses) for as_of in as_of_dates])


def course_key(slug: str) -> str:
    """The slug as part of a column name: lower case, every other character `_`."""
    return re.sub(r"[^a-z0-9]", "_", slug.lower())


@dataclass(frozen=True)
class _Course:
    slug: str
    known_from: date


def _course_keys(core: Core, as_of: date) -> dict[str, _Course]:
    """Courses known at `as_of` by column key, in the order of their slugs; SourceError if two slugs give one key."""
    known = (
        core["course_episodes"]
        .filter(pl.col("known_from") < as_of)
        .group_by("course_slug")
        .agg(pl.col("known_from").min())
        .sort("course_slug")
        .collect()
    )
    found: dict[str, _Course] = {}
    for slug, known_from in known.iter_rows():
        key = course_key(slug)
        if key in found:
            raise SourceError(
                f"table core_course_episodes, column course_slug: {found[key].slug!r} and {slug!r} would share the "
                f"feature column course_share_{key}; rename one of them in the source"
            )
        found[key] = _Course(slug, known_from)
    return found


def _at(core: Core, as_of: date, courses: dict[str, _Course]) -> pl.LazyFrame:
    known, before = pl.col("known_from") < as_of, pl.col("day") < as_of
    still_known = pl.col("known_until").is_null() | (pl.col("known_until") >= as_of)
    links = core["links"].filter(known, still_known).select("user_id", "customer_id")
    episodes = core["course_episodes"].filter(known).select("course_slug", "episode")
    completions, skills, rewards = (
        core[name].filter(before).join(links, on="user_id") for name in ("completions", "skills", "rewards")
    )
    progress = _progress(completions, rewards, episodes)
    learning = pl.concat([frame.select("customer_id", "day") for frame in (completions, skills, rewards)])
    known_now = {key: course.known_from < as_of for key, course in courses.items()}
    return (
        core["customer_days"]
        .filter(before)
        .select("customer_id")
        .unique()
        .join(_course_counts(progress, courses), on="customer_id", how="left")
        .join(learning.group_by("customer_id").agg(pl.col("day").max()), on="customer_id", how="left")
        .select(
            "customer_id",
            pl.lit(as_of).alias("as_of"),
            pl.col("^courses_.*$").fill_null(0),
            learning_recency_days=(pl.lit(as_of) - pl.col("day")).dt.total_days(),
            **{
                f"course_share_{key}": pl.col(f"course_share_{key}").fill_null(0.0)
                if is_known
                else pl.lit(None, pl.Float64)
                for key, is_known in known_now.items()
            },
        )
    )


def _progress(completions: pl.LazyFrame, rewards: pl.LazyFrame, episodes: pl.LazyFrame) -> pl.LazyFrame:
    """One row for each customer and begun course: share of the known episodes done, finished, rewarded."""
    total = episodes.group_by("course_slug").agg(total=pl.len())
    claimed = rewards.select("customer_id", "course_slug", rewarded=pl.lit(True)).unique()
    return (
        completions.join(episodes, on=["course_slug", "episode"], how="semi")
        .group_by("customer_id", "course_slug")
        .agg(done=pl.col("episode").n_unique())
        .join(total, on="course_slug")
        .join(claimed, on=["customer_id", "course_slug"], how="left")
        .select(
            "customer_id",
            "course_slug",
            share=ratio(pl.col("done").cast(pl.Int64), pl.col("total").cast(pl.Int64)),
            finished=pl.col("done") == pl.col("total"),
            rewarded=pl.col("rewarded").fill_null(False),
        )
    )


def _course_counts(progress: pl.LazyFrame, courses: dict[str, _Course]) -> pl.LazyFrame:
    """One row for each customer who began a course: counts of courses, and the share of each course."""
    finished, rewarded = pl.col("finished"), pl.col("rewarded")
    counts = {
        "courses_finished": finished,
        "courses_begun": ~finished,
        "courses_finished_rewarded": finished & rewarded,
        "courses_finished_unrewarded": finished & ~rewarded,
    }
    shares = {
        f"course_share_{key}": pl.col("share").filter(pl.col("course_slug") == course.slug).max()
        for key, course in courses.items()
    }
    return progress.group_by("customer_id").agg(
        **{name: flag.sum().cast(pl.Int64) for name, flag in counts.items()}, **shares
    )
