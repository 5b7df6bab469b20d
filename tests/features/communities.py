"""Small communities of core tables for tests: hand-made edge cases, and random ones from a seed.

They need neither the simulator nor the ingest, so a defect there cannot hide one in the features.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from fiel.tables import TABLES

ZONE = "America/Sao_Paulo"
PRODUCTS = {
    "1": ("ChatMessage", "chat"),
    "2": ("Airflow Lover", "lovers"),
    "3": ("R Lover", "lovers"),
    "4": ("Resgatar Ponei", "ponei"),
    "5": ("Lista de presença", "present"),
    "6": ("Presença Streak", "present"),
    "7": ("Troca de Pontos StreamElements", "streamelements"),
    "8": ("Reembolso: Troca de Pontos StreamElements", "streamelements"),
    "9": ("Daily Loot", "rpg"),
    "001 - Espada Longa": ("Espada Longa", "rpg"),
    "10": ("Churn_2pp", "churn_model"),
    "fiel-score-0.75": ("fiel-score-0.75", "fiel"),
}
OPERATOR_PRODUCTS = ("8", "10", "fiel-score-0.75")


def utc(text: str) -> datetime:
    """Naive UTC of a local wall-clock time in the day time zone."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE))
    return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)


def core_tables(
    events: pl.DataFrame,
    lines: pl.DataFrame | None = None,
    links: pl.DataFrame | None = None,
    episodes: pl.DataFrame | None = None,
    completions: pl.DataFrame | None = None,
    skills: pl.DataFrame | None = None,
    rewards: pl.DataFrame | None = None,
) -> dict[str, pl.DataFrame]:
    """Core tables in their declared columns from the few columns that matter; customer_days is left to the product.

    `events`: event_id, customer_id, occurred_at, value, origin; an event is an operator event if one of its lines sells
    an operator product. `lines`: event_id, product_id.
    """
    local_day = pl.col("occurred_at").dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE).dt.date()
    lines = _typed(lines, {"event_id": pl.String, "product_id": pl.String})
    operator = lines.filter(pl.col("product_id").is_in(OPERATOR_PRODUCTS)).get_column("event_id").unique().to_list()
    events = events.with_columns(
        pl.col("occurred_at").cast(pl.Datetime("us")),
        pl.col("value").cast(pl.Int64),
        local_day.alias("day"),
        pl.col("event_id").is_in(operator).alias("is_operator"),
        (pl.col("origin") == "twitch").alias("is_live"),
    )
    names = pl.DataFrame(
        [(key, name, category) for key, (name, category) in PRODUCTS.items()],
        schema=["product_id", "product_name", "category"],
        orient="row",
    )
    lines = (
        lines.with_row_index("line_id")
        .with_columns(pl.col("line_id").cast(pl.String))
        .join(events.select("event_id", "customer_id", "day", "is_operator"), on="event_id")
        .join(names, on="product_id", how="left")
        .with_columns(quantity=pl.lit(1, pl.Int64), value=pl.lit(1, pl.Int64))
    )
    customers = events.select("customer_id").unique()
    products = names.join(
        lines.group_by("product_id").agg(known_from=pl.col("day").min()), on="product_id", how="left"
    ).with_columns(source_category=pl.col("category"))
    dated = local_day.alias("day")
    return {
        "customers": _declared(
            "customers",
            customers.with_columns(
                first_version=pl.lit("test=1"), last_version=pl.lit("test=1"), status=pl.lit("present")
            ),
        ),
        "events": _declared("events", events),
        "event_lines": _declared("event_lines", lines),
        "products": _declared("products", products),
        "links": _declared("links", _filled(links, "links").with_columns(first_version=pl.lit("test=1"))),
        "course_episodes": _declared("course_episodes", _filled(episodes, "course_episodes")),
        "completions": _declared("completions", _filled(completions, "completions").with_columns(dated)),
        "skills": _declared("skills", _filled(skills, "skills").with_columns(dated)),
        "rewards": _declared("rewards", _filled(rewards, "rewards").with_columns(dated)),
    }


def random_community(
    seed: int, customers: int = 200, first: date = date(2024, 11, 20), days: int = 220
) -> dict[str, pl.DataFrame]:
    """A random community: bursts and silences, odd hours, events without lines or with several, courses, late links."""
    rng = np.random.default_rng(seed)
    start = datetime(first.year, first.month, first.day)
    rows: list[tuple[str, str, datetime, int, str]] = []
    lines: list[tuple[str, str]] = []
    keys = list(PRODUCTS)
    for number in range(customers):
        customer = f"c{number:04d}"
        busy = rng.choice([0.01, 0.05, 0.2, 0.6])
        joined = int(rng.integers(0, days))
        for day in range(joined, days):
            if rng.random() > (1 if day == joined else busy):
                continue
            for _ in range(int(rng.integers(1, 6))):
                seconds = int(rng.choice([0, 3 * 3600, 3 * 3600 - 1, 86_399, int(rng.integers(0, 86_400))]))
                instant = start + timedelta(days=day, seconds=seconds, milliseconds=int(rng.choice([0, 0, 1, 999])))
                event = f"e{len(rows)}"
                value = int(rng.choice([-500, -20, 0, 1, 1, 10, 50, 400]))
                rows.append((event, customer, instant, value, str(rng.choice(["twitch", "twitch", "cursos"]))))
                lines += [(event, str(rng.choice(keys))) for _ in range(int(rng.choice([0, 1, 1, 1, 2, 4])))]
    events = pl.DataFrame(rows, schema=["event_id", "customer_id", "occurred_at", "value", "origin"], orient="row")
    return core_tables(
        events,
        pl.DataFrame(lines, schema=["event_id", "product_id"], orient="row"),
        **_random_courses(rng, customers, first, days),
    )


def _random_courses(rng: np.random.Generator, customers: int, first: date, days: int) -> dict[str, pl.DataFrame]:
    """Courses of 1 to 4 episodes; users finish, stop, claim rewards; some are linked late or never."""
    start = datetime(first.year, first.month, first.day)
    courses = {"python-2024": 3, "sql-2020": 1, "pandas-2025": 4, "ml-flow-2025": 2}
    completions, skills, rewards, links = [], [], [], []
    for user in range(customers // 2):
        key = f"u{user}"
        known = first + timedelta(days=int(rng.integers(0, days)))
        until = known + timedelta(days=int(rng.integers(0, 90))) if rng.random() < 0.3 else None
        if rng.random() < 0.8:
            links.append((key, f"c{int(rng.integers(0, customers)):04d}", known, until))
        if until is not None:
            links.append((key, f"c{int(rng.integers(0, customers)):04d}", until, None))
        moment = start + timedelta(days=int(rng.integers(0, days)), seconds=int(rng.integers(0, 86_400)))
        for slug, episodes in courses.items():
            for episode in range(1, int(rng.integers(0, episodes + 1)) + 1):
                completions.append((key, slug, episode, moment))
                moment += timedelta(hours=int(rng.integers(1, 200)))
            if rng.random() < 0.3:
                rewards.append((key, slug, moment))
        skills += [
            (f"{key}-{n}", key, "sql", "1", moment + timedelta(days=int(rng.integers(0, 40))))
            for n in range(int(rng.integers(0, 2)))
        ]
    done = pl.DataFrame(completions, schema=["user_id", "course_slug", "episode", "occurred_at"], orient="row")
    known_from = [
        (slug, episode, first + timedelta(days=int(rng.integers(0, days))) if rng.random() < 0.9 else None)
        for slug, episodes in courses.items()
        for episode in range(1, episodes + 1)
    ]
    return {
        "links": pl.DataFrame(links, schema=["user_id", "customer_id", "known_from", "known_until"], orient="row"),
        "episodes": pl.DataFrame(known_from, schema=["course_slug", "episode", "known_from"], orient="row"),
        "completions": done,
        "skills": pl.DataFrame(
            skills, schema=["skill_event_id", "user_id", "skill", "level", "occurred_at"], orient="row"
        ),
        "rewards": pl.DataFrame(rewards, schema=["user_id", "course_slug", "occurred_at"], orient="row"),
    }


def _typed(frame: pl.DataFrame | None, schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema) if frame is None else frame.cast(dict(schema))


def _filled(frame: pl.DataFrame | None, table: str) -> pl.DataFrame:
    """The frame, or an empty one of the table's declared columns."""
    return pl.DataFrame(schema=TABLES[f"core_{table}"].declared) if frame is None else frame


def _declared(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The table's declared columns in their types; a column that does not matter here is empty."""
    declared = TABLES[f"core_{table}"].declared
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in declared.items()
    )
