"""Every feature of the product against an independent computation in plain SQL (`independent/`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from fiel.core import Core
from fiel.features.groups import groups_of
from fiel.features.snapshot import build_snapshots
from fiel.program import Program, load_program
from fiel.settings import Settings
from fiel.sources.customer_days import customer_days
from fiel.tables import TABLES
from tests.features.communities import core_tables, random_community, utc
from tests.features.independent import KEY, independent_features, independent_known_at

DEPARTURES: dict[str, str] = {}
"""Features that intentionally differ from DOMAIN.md section 1, each with its reason. There is none.

Readings that the domain page leaves open, the same in both computations: `next_stage` is the next other stage without a
visit, also where a curioso becomes fiel by age alone; `hours` sums whole seconds of each day, rounded down; a finished
episode counts once its catalogue entry is known; the share of a course that as_of does not know is empty, and 0 where
the customer did nothing of a known one; `live_days_d28` is as `fiel/features/calendar.py` defines it.
"""
RELATIVE = 1e-12
AS_OF = date(2025, 3, 31)


@pytest.fixture(scope="module")
def program() -> Program:
    return load_program("teomewhy", Settings())


def product_features(core: Mapping[str, pl.DataFrame], dates: Sequence[date], program: Program) -> pl.DataFrame:
    """The product's snapshots of all dates as one frame."""
    tables = dict(core)
    if "customer_days" not in tables:
        tables["customer_days"] = customer_days(core["events"].lazy(), program).collect()
    opened = Core.of(tables, known_through=max(dates))
    frames = [found["feat_snapshot"] for _, found in build_snapshots(opened, dates, program)]
    return pl.concat(frames, how="diagonal").sort(KEY)


def differences(ours: pl.DataFrame, theirs: pl.DataFrame) -> list[str]:
    """What differs, one line for each feature: integers, texts and emptiness exactly, floats to a relative 1e-12."""
    assert ours.select(KEY).equals(theirs.select(KEY)), "not the same customers and dates"
    one, other = pl.col("one"), pl.col("other")
    found = []
    for name in theirs.columns:
        if name in KEY or name in DEPARTURES:
            continue
        pair = pl.DataFrame({"one": ours[name], "other": theirs[name].cast(ours[name].dtype)})
        if pair.schema["one"].is_float():
            apart = (one - other).abs() > RELATIVE * pl.max_horizontal(one.abs(), other.abs())
        else:
            apart = one != other
        rows = pair.select(apart.fill_null(False) | (one.is_null() != other.is_null())).to_series().arg_true()
        if len(rows):
            where = ours.select(KEY).row(rows[0])
            values = pair.row(rows[0])
            found.append(f"{name}: {len(rows)} rows, first {where}: product {values[0]}, SQL {values[1]}")
    return found


def declared_features(program: Program) -> set[str]:
    """Every feature that the snapshot declares, with the program's windows, products, categories and the stages."""
    tables = [TABLES[group.table] for group in groups_of(program)]
    patterns = [pattern for table in tables for pattern in table.patterns]
    fixed = set(TABLES["feat_snapshot"].declared) | {name for table in tables for name in table.declared}
    fixed |= {pattern.name for pattern in patterns if "{" not in pattern.name}
    windows = ["life", *(f"d{days}" for days in program.features.windows)]
    keys = {
        "product_share_{key}": program.features.tracked_products,
        "category_share_{key}": program.features.tracked_categories,
        "stage_share_{key}": ("curioso", "fiel", "reconquistado", "reborn", "turista", "desencantado", "zumbi"),
        "course_share_{key}": (),
    }
    only_frequency = ("active_days_share_", "mean_gap_days_", "stage_", "stage_mean_active_days_", "active_days_ratio_")
    for pattern in patterns:
        if pattern.name.endswith("{w}"):
            stem = pattern.name.removesuffix("{w}")
            fixed |= {stem + w for w in (["d28"] if stem in only_frequency else windows)}
        elif pattern.name.endswith("{key}"):
            fixed |= {pattern.name.replace("{key}", key) for key in keys[pattern.name]}
    return fixed - set(KEY)


# ------------------------------------------------------------------------------------------ random communities


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_community_gives_the_same_features_by_both_ways(program, seed) -> None:
    core = random_community(seed, customers=120)
    dates = [date(2025, 1, 6), date(2025, 2, 5), date(2025, 4, 1), date(2025, 6, 20)]
    assert differences(product_features(core, dates, program), independent_features(core, dates)) == []


def test_the_independent_computation_covers_every_declared_feature(program) -> None:
    core = random_community(4, customers=60)
    dates = [date(2025, 2, 5), date(2025, 6, 20)]
    product, sql = product_features(core, dates, program), independent_features(core, dates)
    assert declared_features(program) - set(sql.columns) == set()
    assert set(product.columns) == set(sql.columns)


def test_the_comparison_sees_a_difference() -> None:
    ours = pl.DataFrame({"as_of": [AS_OF] * 3, "customer_id": ["a", "b", "c"], "n": [1, 2, None], "x": [0.5, 1.0, 0.1]})
    assert differences(ours, ours) == []
    assert differences(ours, ours.with_columns(pl.Series("n", [1, 3, None]))) != []
    assert differences(ours, ours.with_columns(pl.Series("n", [1, 2, 0]))) != []
    assert differences(ours, ours.with_columns(pl.Series("x", [0.5, 1.0 + 1e-11, 0.1]))) != []
    assert differences(ours, ours.with_columns(pl.Series("x", [0.5, 1.0 + 1e-13, 0.1]))) == []


# ------------------------------------------------------------------------------------------ a simulated community


@pytest.fixture(scope="module")
def simulated_core(simulated) -> dict[str, pl.DataFrame]:
    core = Core.open(simulated.lake)
    return {name: core[name].collect() for name in core.tables}


def test_a_simulated_community_gives_the_same_features_by_both_ways(program, simulated_core) -> None:
    dates = [date(2024, 6, 3), date(2024, 12, 30), date(2025, 5, 1), date(2025, 9, 1)]
    product, sql = product_features(simulated_core, dates, program), independent_features(simulated_core, dates)
    assert differences(product, sql) == []
    assert sql.height > 300
    constant = [name for name in sql.columns if name not in KEY and sql.get_column(name).n_unique() == 1]
    of_operators = {"product_share_reembolso_stream_elements", "category_share_churn_model"}
    assert set(constant) - of_operators <= {"live_days_d28"}, "too easy: only so few customers are live every day"


def test_the_days_of_the_core_tables_are_local_days(simulated_core) -> None:
    local = pl.col("occurred_at").dt.replace_time_zone("UTC").dt.convert_time_zone("America/Sao_Paulo").dt.date()
    for name in ("events", "completions", "skills", "rewards"):
        assert simulated_core[name].filter(local != pl.col("day")).is_empty(), name


def test_the_ingest_and_the_features_derive_the_same_customer_days(program, simulated_core) -> None:
    derived = customer_days(simulated_core["events"].lazy(), program).collect()
    stored = simulated_core["customer_days"].select(derived.columns)
    assert derived.sort("customer_id", "day").equals(stored.sort("customer_id", "day"))


def test_undated_catalogues_are_known_from_the_days_that_the_domain_says(simulated, simulated_core) -> None:
    with sqlite3.connect(simulated.source / "education-platform" / "database.db") as database:
        catalogue = pl.DataFrame(
            database.execute("select distinct descSlugCurso, cast(nrEp as integer) from cursos_episodios").fetchall(),
            schema=["course_slug", "episode"],
            orient="row",
        )
        years = pl.DataFrame(
            database.execute("select descSlugCurso, cast(nrAno as integer) from cursos").fetchall(),
            schema=["course_slug", "year"],
            orient="row",
        )
    seen = Core.open(simulated.lake).known_through + timedelta(days=1)
    episodes, links = independent_known_at(simulated_core, catalogue, years, seen)
    for sql, name in ((episodes, "course_episodes"), (links, "links")):
        key = sql.columns
        assert sql.sort(key).equals(simulated_core[name].select(key).cast(sql.schema).sort(key)), name
    assert episodes.get_column("known_from").n_unique() > 10


# ------------------------------------------------------------------------------------------ hand-made edge cases

Visits = list[tuple[str, int, list[str]]]
"""(local time, value, products sold) of each event."""


def on(*days: str) -> Visits:
    """One event worth 1 without lines at noon of each day (month-day of 2025)."""
    return [(f"2025-{day}T12:00:00", 1, []) for day in days]


CASES: dict[str, tuple[Visits, dict[str, Any]]] = {
    "event on day as_of - 7": (
        [("2025-03-24T00:00:00", 5, [])],
        {"active_days_d7": 1, "value_earned_d7": 5, "age_days": 7, "recency_days": 7, "stage": "curioso"},
    ),
    "event on day as_of - 8": (
        [("2025-03-23T23:59:59", 5, [])],
        {"active_days_d7": 0, "value_earned_d7": 0, "active_days_d14": 1, "age_days": 8, "stage": "turista"},
    ),
    "event on day as_of - 28": (
        on("03-03"),
        {"active_days_d28": 1, "stage": "desencantado", "stage_d28": "none", "value_cluster": "lurker"},
    ),
    "event on day as_of - 29": (
        on("03-02"),
        {"active_days_d28": 0, "stage": "zumbi", "stage_d28": "curioso", "value_cluster": "none", "next_stage": None},
    ),
    "event on day as_of - 56": (on("02-03"), {"active_days_d56": 1, "active_days_life": 1}),
    "event on day as_of - 57": (on("02-02"), {"active_days_d56": 0, "transactions_per_day_d56": 0.0, "hours_d56": 0.0}),
    "last instant before as_of": (
        [("2025-03-01T12:00:00", 1, []), ("2025-03-30T23:59:59.999", 1, [])],
        {"active_days_life": 2, "recency_days": 1, "gap_days": 29, "stage": "reborn", "transactions_night_life": 1},
    ),
    "midnight of as_of itself": (
        [("2025-03-01T12:00:00", 1, []), ("2025-03-31T00:00:00", 900, [])],
        {"active_days_life": 1, "transactions_life": 1, "value_earned_life": 1, "recency_days": 30, "gap_days": None},
    ),
    "both sides of midnight are two days": (
        [("2025-03-10T23:59:59", 1, []), ("2025-03-11T00:00:00", 1, [])],
        {"active_days_life": 2, "hours_life": 0.0, "mean_gap_days_life": 1.0, "transactions_night_share": 1.0},
    ),
    "one active day": (
        [("2025-03-20T08:00:00", 10, []), ("2025-03-20T11:30:00", -4, [])],
        {
            "mean_gap_days_life": None,
            "mean_gap_days_d28": None,
            "gap_days": None,
            "hours_life": 3.5,
            "value_net_life": 6,
            "value_earned_life": 10,
            "value_spent_life": 4,
            "transactions_per_day_life": 2.0,
            "transactions_morning_share": 1.0,
        },
    ),
    "edges of the parts of day": (
        [
            (f"2025-03-20T{at}", 1, [])
            for at in ("06:59:59", "07:00:00", "11:59:59", "12:00:00", "18:59:59", "19:00:00")
        ],
        {"transactions_morning_life": 2, "transactions_afternoon_life": 2, "transactions_night_life": 2},
    ),
    "a gap that begins before the window": (
        on("01-10", "03-10", "03-20"),
        {"mean_gap_days_life": 34.5, "mean_gap_days_d28": 34.5, "active_days_share_d28": 2 / 28},
    ),
    "no lines": (
        on("03-20", "03-21"),
        {"product_share_chat_message": 0.0, "category_share_rpg": 0.0},
    ),
    "several lines and an event without": (
        [("2025-03-20T12:00:00", 1, ["1", "1", "9", "2"]), ("2025-03-21T12:00:00", 1, [])],
        {"product_share_chat_message": 0.4, "category_share_rpg": 0.2, "product_share_airflow_lover": 0.2},
    ),
    "an operator event on a day of its own": (
        [("2025-03-01T12:00:00", 10, ["1"]), ("2025-03-29T12:00:00", 500, ["fiel-score-0.75"])],
        {
            "active_days_life": 1,
            "recency_days": 30,
            "value_net_life": 10,
            "stage": "zumbi",
            "product_share_chat_message": 1.0,
            "in_population": False,
        },
    ),
    "a refund beside the exchange": (
        [("2025-03-25T12:00:00", -100, ["7"]), ("2025-03-25T13:00:00", 100, ["8"])],
        {
            "value_spent_d7": 100,
            "value_earned_d7": 0,
            "hours_d7": 0.0,
            "product_share_reembolso_stream_elements": 0.0,
            "product_share_troca_stream_elements": 1.0,
        },
    ),
    "age 7 with a second visit turns fiel by age alone": (
        on("03-24", "03-29"),
        {"stage": "curioso", "next_stage": "fiel", "next_stage_date": date(2025, 4, 1), "stage_after_visit": "fiel"},
    ),
    "fiel at its last day": (
        on("03-01", "03-10", "03-24"),
        {"gap_days": 14, "stage": "fiel", "next_stage": "turista", "next_stage_date": date(2025, 4, 1)},
    ),
    "gap 15 is reconquistado": (on("02-01", "03-09", "03-24"), {"gap_days": 15, "stage": "reconquistado"}),
    "gap 27 is reconquistado": (on("02-01", "02-25", "03-24"), {"gap_days": 27, "stage": "reconquistado"}),
    "gap 28 is reborn": (on("02-01", "02-24", "03-24"), {"gap_days": 28, "stage": "reborn"}),
    "recency 14 is turista and a visit brings fiel": (
        on("02-01", "03-17"),
        {"stage": "turista", "next_stage_date": date(2025, 4, 1), "stage_after_visit": "fiel"},
    ),
    "recency 15 is desencantado and a visit reconquers": (
        on("02-01", "03-16"),
        {"stage": "desencantado", "next_stage_date": date(2025, 4, 14), "stage_after_visit": "reconquistado"},
    ),
    "recency 28 and a visit is reborn": (
        on("02-01", "03-03"),
        {"stage": "desencantado", "next_stage": "zumbi", "stage_after_visit": "reborn"},
    ),
    "shares of stages over a life of ten days": (
        on("03-21"),
        {"age_days": 10, "stage_share_curioso": 0.7, "stage_share_turista": 0.3, "stage_share_fiel": 0.0},
    ),
    "hyper at 1500 points in ten days": (
        [(f"2025-03-{day:02d}T12:00:00", 150, []) for day in range(11, 21)],
        {"value_cluster": "hyper"},
    ),
    "eficiente at 1500 points in eleven days": (
        [(f"2025-03-{day:02d}T12:00:00", 150, []) for day in range(10, 21)],
        {"value_cluster": "eficiente"},
    ),
    "indeciso at 750 points": ([("2025-03-20T12:00:00", 750, [])], {"value_cluster": "indeciso"}),
    "lurker at 749 points": ([("2025-03-20T12:00:00", 749, [])], {"value_cluster": "lurker"}),
    "preguicoso from five days": (on(*(f"03-{day}" for day in range(20, 25))), {"value_cluster": "preguicoso"}),
    "potencial from eleven days": (on(*(f"03-{day}" for day in range(15, 26))), {"value_cluster": "potencial"}),
}
COURSE_CASES: dict[str, dict[str, Any]] = {
    "linked": {"courses_finished": 1, "courses_finished_rewarded": 1, "course_share_a_b": 1.0},
    "linked today": {"courses_finished": 0, "courses_begun": 0, "learning_recency_days": None, "course_share_a_b": 0.0},
    "never linked": {"courses_finished": 0, "learning_recency_days": None, "course_share_a_b": 0.0},
    "two users": {"courses_begun": 0, "courses_finished_unrewarded": 1, "course_share_a_b": 1.0},
    "finished today": {"courses_begun": 1, "course_share_a_b": 0.5, "learning_recency_days": 30},
    "linked until yesterday": {"courses_finished": 0, "learning_recency_days": None},
    "linked until today": {"courses_finished": 1, "course_share_a_b": 1.0},
    "learnt yesterday": {"courses_finished": 0, "course_share_c": 1 / 2, "learning_recency_days": 1},
}
"""Course a-b has episodes 1 and 2, a third known from as_of; course c has two; course new is known from as_of."""


def edge_community() -> dict[str, pl.DataFrame]:
    events, lines = [], []
    for customer, (visits, _) in CASES.items():
        for at, value, products in visits:
            key = f"{customer} {at}"
            events.append((key, customer, utc(at), value, "twitch"))
            lines += [(key, product) for product in products]
    events += [(f"{name} start", name, utc("2025-03-01T12:00:00"), 1, "cursos") for name in COURSE_CASES]
    events += [
        ("operator only", "operator only", utc("2025-03-20T12:00:00"), 50, "twitch"),
        ("future only", "future only", utc("2025-04-02T12:00:00"), 50, "twitch"),
    ]
    lines.append(("operator only", "fiel-score-0.75"))
    done = [
        ("u1", "a-b", 1, "2025-03-01T13:00:00"),
        ("u1", "a-b", 2, "2025-03-02T13:00:00"),
        ("u2", "a-b", 1, "2025-03-01T13:00:00"),
        ("u3", "a-b", 1, "2025-03-01T13:00:00"),
        ("u4", "a-b", 1, "2025-03-01T13:00:00"),
        ("u5", "a-b", 1, "2025-03-01T13:00:00"),
        ("u5", "a-b", 2, "2025-03-02T13:00:00"),
        ("u6", "a-b", 1, "2025-03-01T13:00:00"),
        ("u6", "a-b", 2, "2025-03-31T00:00:00"),
        *((user, "a-b", episode, "2025-03-01T13:00:00") for user in ("u8", "u9") for episode in (1, 2)),
        ("u7", "c", 2, "2025-03-05T13:00:00"),
        ("u7", "c", 9, "2025-03-05T13:00:00"),
        ("u7", "new", 1, "2025-03-05T13:00:00"),
    ]
    owner = {"u1": "linked", "u2": "linked today", "u4": "two users", "u5": "two users", "u6": "finished today"}
    owner |= {"u7": "learnt yesterday", "u8": "linked until yesterday", "u9": "linked until today"}
    until = {"u8": date(2025, 3, 30), "u9": AS_OF}
    known = [("a-b", 1, 1), ("a-b", 2, 1), ("a-b", 3, 31), ("c", 1, 1), ("c", 2, 30), ("new", 1, 31)]
    return core_tables(
        pl.DataFrame(events, schema=["event_id", "customer_id", "occurred_at", "value", "origin"], orient="row"),
        pl.DataFrame(lines, schema=["event_id", "product_id"], orient="row"),
        links=pl.DataFrame(
            [
                (user, name, AS_OF if name == "linked today" else date(2025, 3, 29), until.get(user))
                for user, name in owner.items()
            ],
            schema=["user_id", "customer_id", "known_from", "known_until"],
            orient="row",
        ),
        episodes=pl.DataFrame(
            [(slug, episode, date(2025, 3, day)) for slug, episode, day in known],
            schema=["course_slug", "episode", "known_from"],
            orient="row",
        ),
        completions=pl.DataFrame(
            [(user, slug, episode, utc(at)) for user, slug, episode, at in done],
            schema=["user_id", "course_slug", "episode", "occurred_at"],
            orient="row",
        ),
        skills=pl.DataFrame(
            [
                ("s1", "u7", "sql", "1", utc("2025-03-30T23:00:00")),
                ("s2", "u7", "sql", "2", utc("2025-03-31T00:00:00")),
            ],
            schema=["skill_event_id", "user_id", "skill", "level", "occurred_at"],
            orient="row",
        ),
        rewards=pl.DataFrame(
            [("u1", "a-b", utc("2025-03-30T20:00:00")), ("u5", "a-b", utc("2025-03-31T00:00:00"))],
            schema=["user_id", "course_slug", "occurred_at"],
            orient="row",
        ),
    )


@pytest.fixture(scope="module")
def edges(program) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Features of the hand-made community on four dates, by the product and by SQL."""
    core = edge_community()
    dates = [date(2025, 3, 3), date(2025, 3, 30), AS_OF, date(2025, 4, 1)]
    return product_features(core, dates, program), independent_features(core, dates)


def test_the_edge_cases_give_the_same_features_by_both_ways(edges) -> None:
    assert differences(*edges) == []


EXPECTED = {name: expected for name, (_, expected) in CASES.items()} | COURSE_CASES


@pytest.mark.parametrize("customer", EXPECTED)
def test_an_edge_case_has_the_values_worked_out_by_hand(edges, customer) -> None:
    for frame in edges:
        row = frame.row(by_predicate=(pl.col("customer_id") == customer) & (pl.col("as_of") == AS_OF), named=True)
        assert {name: row[name] for name in EXPECTED[customer]} == EXPECTED[customer]


def test_operator_events_alone_and_future_events_make_no_customer(edges) -> None:
    for frame in edges:
        customers = frame.filter(pl.col("as_of") == AS_OF).get_column("customer_id")
        assert "operator only" not in customers
        assert "future only" not in customers


def test_a_course_that_as_of_does_not_know_has_no_share(edges) -> None:
    for frame in edges:
        assert frame.filter(pl.col("as_of") <= AS_OF).get_column("course_share_new").is_null().all()
        assert frame.filter(pl.col("as_of") > AS_OF).get_column("course_share_new").is_not_null().all()


def test_customers_of_courses_only_are_not_in_the_population(edges) -> None:
    for frame in edges:
        courses = frame.filter(pl.col("customer_id").is_in(list(COURSE_CASES)))
        assert not courses.get_column("in_population").any()
