"""The leakage check: the honest groups hold, and a planted leak of each kind is caught."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from fiel.core import Core
from fiel.errors import SchemaError, TimeError
from fiel.features.groups import GROUPS, Group
from fiel.features.leakage import ROWS, LeakageReport, verify_leakage
from fiel.features.rewrites import cut_core, relanded_core, rewritten_core, sampled
from fiel.features.snapshot import build_snapshots
from fiel.features.spans import life_cycle_spans
from fiel.lake import Lake
from fiel.program import Program, load_program
from fiel.settings import Settings
from fiel.simulate.changes import Change
from fiel.simulate.teomewhy import simulate
from fiel.sources.ingest import ingest
from fiel.sources.landing import PARSED, land_core
from fiel.sources.rules import Sieve
from fiel.sources.version import SourceVersion
from fiel.tables import CORE_TABLES, TABLES, known_at

DATES = [date(2025, 2, 20), date(2025, 5, 1), date(2025, 8, 15)]
NOW = datetime(2026, 6, 1)


@pytest.fixture(scope="module")
def program() -> Program:
    return load_program("teomewhy", Settings())


@pytest.fixture(scope="module")
def core(simulated) -> Core:
    """A simulated community in Kaggle's files, through the ingest, in memory."""
    return sampled(Core.open(simulated.lake), 10_000)


# ------------------------------------------------------------------------------------------ the honest groups


def test_no_registered_group_leaks(core, program) -> None:
    report = verify_leakage(core, DATES, program)
    assert report.holds, str(report)
    side_tables = [table for group in GROUPS.values() for table in group.side_tables]
    assert [group.group for group in report.groups] == [*GROUPS, *side_tables, "snapshot"]
    assert report.as_of_dates == tuple(DATES)


def test_the_report_says_how_much_was_compared(core, program) -> None:
    report = verify_leakage(core, DATES[:1], program)
    by_name = {group.group: group for group in report.groups}
    assert by_name["activity"].features > 50
    assert by_name["activity"].values > 1_000
    assert "activity: holds (55 features" in str(report)


def test_a_sample_of_customers_is_enough_for_a_quick_answer(core, program) -> None:
    assert verify_leakage(core, DATES[1:2], program, max_customers=50).holds


# ------------------------------------------------------------------------------------------ planted leaks

Build = Callable[[Core, list[date], Program], pl.LazyFrame]


def leaky(name: str, build: Build, per_customer: bool = True) -> dict[str, Group]:
    return {name: Group(name, "feat_activity", build, per_customer)}


def for_each(rows: Callable[[Core, date, Program], pl.LazyFrame]) -> Build:
    """A group that builds each date alone, from customers with an active day before it."""

    def build(core: Core, as_of_dates: list[date], program: Program) -> pl.LazyFrame:
        def at(as_of: date) -> pl.LazyFrame:
            customers = core["customer_days"].filter(pl.col("day") < as_of).select("customer_id").unique()
            found = customers.join(rows(core, as_of, program), on="customer_id", how="left")
            return found.with_columns(as_of=pl.lit(as_of))

        return pl.concat([at(as_of) for as_of in as_of_dates])

    return build


def days_through_as_of(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return core["customer_days"].filter(pl.col("day") <= as_of).group_by("customer_id").agg(x=pl.len())


def whole_year_total(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    year = core["customer_days"].filter(pl.col("day").dt.year() == as_of.year)
    return year.group_by("customer_id").agg(x=pl.col("value_earned").sum())


def days_of_life(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return core["customer_days"].group_by("customer_id").agg(x=pl.len())


def undated_catalogue(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    done = core["completions"].filter(pl.col("day") < as_of).group_by("user_id", "course_slug").agg(done=pl.len())
    known = core["course_episodes"].group_by("course_slug").agg(all=pl.len())
    links = core["links"].filter(
        pl.col("known_from") < as_of, pl.col("known_until").is_null() | (pl.col("known_until") >= as_of)
    )
    shares = links.join(done, on="user_id").join(known, on="course_slug").with_columns(pl.col("done") / pl.col("all"))
    return shares.group_by("customer_id").agg(x=pl.col("done").max())


def courses_done(core: Core, links: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    done = core["completions"].filter(pl.col("day") < as_of).join(links, on="user_id")
    return done.group_by("customer_id").agg(x=pl.struct("course_slug", "episode").n_unique())


def late_link(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return courses_done(core, core["links"].filter(pl.col("known_until").is_null()), as_of)


def link_as_it_is_today(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    in_force = core["links"].filter(pl.col("known_from") < as_of, pl.col("known_until").is_null())
    return courses_done(core, in_force, as_of)


def balance_today(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return core["customers"].select("customer_id", x="balance_points")


def creation_stamp(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return core["customers"].select("customer_id", x=(pl.lit(as_of) - pl.col("source_created_at").dt.date()))


def spans_that_are_not_cut(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    spans = life_cycle_spans(core["customer_days"], program)
    now = spans.filter(pl.col("first_as_of") <= as_of, pl.col("last_as_of").fill_null(date.max) >= as_of)
    return now.select("customer_id", x="last_as_of")


def reward_without_a_date(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    links = core["links"].filter(pl.col("known_from") < as_of)
    return links.join(core["rewards"], on="user_id").group_by("customer_id").agg(x=pl.len())


def peers_of_tomorrow(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    days = core["customer_days"].filter(pl.col("day") < as_of).group_by("customer_id").agg(own=pl.len())
    mean = core["customer_days"].group_by("customer_id").agg(n=pl.len()).select(pl.col("n").mean())
    return days.join(mean, how="cross").select("customer_id", x=pl.col("own") / pl.col("n"))


def lines_with_todays_catalogue(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    products = core["products"].select(listed=pl.len())
    return core["customers"].select("customer_id").join(products, how="cross").rename({"listed": "x"})


PLANTED = {
    "an event on as_of itself": days_through_as_of,
    "a future event": days_of_life,
    "a whole-year total": whole_year_total,
    "an undated catalogue of episodes": undated_catalogue,
    "an undated catalogue of products": lines_with_todays_catalogue,
    "a late link": late_link,
    "a link as it is today": link_as_it_is_today,
    "a balance as of today": balance_today,
    "a creation stamp": creation_stamp,
    "spans that are not cut": spans_that_are_not_cut,
    "a reward without its date": reward_without_a_date,
    "what the others will do": peers_of_tomorrow,
}


@pytest.mark.parametrize("rows", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_leak_is_caught(core, program, rows) -> None:
    report = verify_leakage(core, DATES[1:2], program, leaky("planted", for_each(rows)))
    assert not report.holds
    moved = report.groups[0].moved
    assert {found.feature for found in moved} == {"x"}
    assert all(found.rows > 0 for found in moved)
    assert report.groups[1].holds, "the snapshot itself is honest"


def customers_of_as_of(core: Core, as_of_dates: list[date], program: Program) -> pl.LazyFrame:
    days = core["customer_days"]
    return pl.concat(
        [
            days.filter(pl.col("day") <= as_of).select("customer_id", as_of=pl.lit(as_of), x=pl.lit(1)).unique()
            for as_of in as_of_dates
        ]
    )


def the_newest_date_of_the_batch(core: Core, as_of_dates: list[date], program: Program) -> pl.LazyFrame:
    days = core["customer_days"].filter(pl.col("day") < max(as_of_dates)).group_by("customer_id").agg(x=pl.len())
    first = core["customer_days"].group_by("customer_id").agg(first=pl.col("day").min())
    return pl.concat(
        [
            first.filter(pl.col("first") < as_of)
            .join(days, on="customer_id")
            .with_columns(as_of=pl.lit(as_of))
            .drop("first")
            for as_of in as_of_dates
        ]
    )


def customers_in_all(core: Core, as_of_dates: list[date], program: Program) -> pl.LazyFrame:
    counted = core["customers"].select(x=pl.len())
    return pl.concat([counted.with_columns(as_of=pl.lit(as_of)) for as_of in as_of_dates])


def test_rows_that_only_the_future_brings_are_caught(core, program) -> None:
    report = verify_leakage(core, DATES[1:2], program, leaky("planted", customers_of_as_of))
    assert {found.feature for found in report.groups[0].moved} == {ROWS}


def test_a_date_that_learns_from_a_later_one_of_its_batch_is_caught(core, program) -> None:
    assert not verify_leakage(core, DATES[1:2], program, leaky("planted", the_newest_date_of_the_batch)).holds


def test_a_leak_in_a_group_for_all_customers_is_caught(core, program) -> None:
    report = verify_leakage(core, DATES[1:2], program, leaky("planted", customers_in_all, per_customer=False))
    assert not report.holds
    assert "every customer" in str(report)


def test_the_report_names_group_feature_date_and_an_example(core, program) -> None:
    report = verify_leakage(core, DATES[1:2], program, leaky("planted", for_each(days_of_life)))
    told = str(report)
    moved = report.groups[0].moved[0]
    assert told.startswith("planted: LEAKS: 1 features moved")
    for part in ("x at 2025-05-01", f"{moved.rows} rows moved", str(moved.customer_id), "became"):
        assert part in told
    assert isinstance(report, LeakageReport)


# ------------------------------------------------------------------------------------------ what it refuses


def test_an_undeclared_column_is_refused(core, program) -> None:
    wild = Core.of(
        {name: core[name].collect() for name in core.tables}
        | {"customers": core["customers"].with_columns(mood=pl.lit("good")).collect()},
        core.known_through,
    )
    with pytest.raises(SchemaError, match=r"core_customers\.mood declares no known-at rule"):
        verify_leakage(wild, DATES, program)


@pytest.mark.parametrize("as_of", [date(2020, 1, 1), date(2026, 1, 1)])
def test_a_date_that_the_data_do_not_reach_is_refused(core, program, as_of) -> None:
    with pytest.raises(TimeError):
        verify_leakage(core, [as_of], program)


def test_no_date_at_all_is_refused(core, program) -> None:
    with pytest.raises(TimeError, match="at least one"):
        verify_leakage(core, [], program)


# ------------------------------------------------------------------------------------------ the other worlds


def comparable(name: str, frame: pl.LazyFrame) -> pl.DataFrame:
    """Rows of a core table without the columns that are never a feature, in order."""
    columns = [column for column in TABLES[name].declared if known_at(name, column) != "never"]
    return frame.select(columns).collect().sort(TABLES[name].key)


KEYED = [name for name in CORE_TABLES if TABLES[name].key and known_at(name, TABLES[name].key[0]) != "never"]


@pytest.mark.parametrize("name", KEYED)
def test_landing_the_source_rows_of_a_core_again_gives_the_same_core(core, program, name) -> None:
    short = name.removeprefix("core_")
    assert comparable(name, relanded_core(core, program)[short]).equals(comparable(name, core[short]))


def test_the_past_of_another_world_is_the_same_and_its_future_is_not(core, program) -> None:
    as_of = DATES[1]
    for world in (cut_core(core, as_of, program), rewritten_core(core, as_of, program)):
        for name in ("events", "event_lines", "completions", "skills", "rewards", "customer_days"):
            table = f"core_{name}"
            before = pl.col("day") < as_of
            past = comparable(table, core[name].filter(before))
            assert comparable(table, world[name].filter(before)).equals(past), name
            future = comparable(table, core[name].filter(~before))
            assert not comparable(table, world[name].filter(~before)).equals(future), name


def test_a_rewritten_world_has_events_at_the_very_midnight_of_as_of(core, program) -> None:
    events = rewritten_core(core, DATES[1], program)["events"].filter(pl.col("day") == DATES[1]).collect()
    assert events.get_column("occurred_at").min() == datetime(2025, 5, 1, 3)


def test_a_rewritten_world_changes_every_catalogue(core, program) -> None:
    world = rewritten_core(core, DATES[1], program)
    for name in ("links", "course_episodes", "products", "customers"):
        assert world[name].collect().height > core[name].collect().height * 0.9
        assert not world[name].collect().equals(core[name].collect())
    links = world["links"].collect()
    assert links.get_column("known_until").drop_nulls().min() > DATES[1]
    assert (links.get_column("known_from") > DATES[1]).any()


# ------------------------------------------------------------------------------------------ as lived: two real versions


def test_a_later_version_of_the_files_moves_no_feature_of_an_earlier_date(tmp_path, program) -> None:
    """The same community exported twice, 60 days apart, the second time with renamed products, ingested in turn."""
    lake = Lake(str(tmp_path / "lake"), "teomewhy")
    as_of = date(2025, 6, 1)
    dates = [date(2025, 3, 1), as_of]
    found = []
    for name, end, changes in (
        ("first", as_of - timedelta(days=1), ()),
        ("second", date(2025, 7, 31), (Change("rename", "5", "Renamed"), Change("rename", "9", "Reembolso"))),
    ):
        simulate(tmp_path / name, customers=200, end=end, changes=changes)
        ingest(program, lake, Settings(), str(tmp_path / name), now=NOW)
        renamed = Core.open(lake)["changes"].filter(pl.col("kind") == "renamed").collect()
        assert renamed.height == len(changes)
        snapshots = dict(build_snapshots(Core.open(lake), dates, program))
        found.append([snapshots[day]["feat_snapshot"] for day in dates])
    for first, second in zip(*found, strict=True):
        assert first.height > 30
        names = [name for name in first.columns if name in second.columns]
        assert first.select(names).equals(second.select(names))
        for name in set(first.columns) ^ set(second.columns):
            frame = first if name in first.columns else second
            assert frame.get_column(name).is_null().all(), name


# ------------------------------------------------------------------------------------------ names learnt later


def test_a_product_name_that_a_later_version_learns_does_not_reach_back(program) -> None:
    rows = {
        "events": pl.DataFrame(
            {
                "event_id": ["e1", "e2"],
                "customer_id": ["ana", "ana"],
                "occurred_at": [datetime(2025, 3, 1, 15), datetime(2025, 3, 20, 15)],
                "value": [1, 1],
                "origin": ["twitch", "twitch"],
            },
            schema=PARSED["events"],
        ),
        "lines": pl.DataFrame(
            {"event_id": ["e1"], "line_id": ["l1"], "product_id": ["77"], "quantity": [1], "value": [1]},
            schema=PARSED["lines"],
        ),
    }
    first = landed("first", rows, None, program)
    later = landed(
        "second",
        {
            "events": pl.concat(
                [
                    rows["events"],
                    rows["events"].with_columns(pl.col("event_id") + "b", pl.col("occurred_at") + timedelta(days=30)),
                ]
            ),
            "lines": pl.concat([rows["lines"], rows["lines"].with_columns(event_id=pl.lit("e1b"))]),
            "products": pl.DataFrame(
                {"product_id": ["77"], "product_name": ["ChatMessage"], "source_category": ["fiel"]}
            ),
        },
        first,
        program,
    )
    share = pl.col("customer_id", "product_share_chat_message", "active_days_life")
    as_of = date(2025, 3, 10)
    before, after = (
        dict(build_snapshots(core, [as_of], program))[as_of]["feat_activity"].select(share) for core in (first, later)
    )
    assert before.equals(after)
    lines = later["event_lines"].collect().sort("event_id")
    assert lines.get_column("product_name").to_list() == [None, "ChatMessage"]
    assert lines.get_column("is_operator").to_list() == [False, True]


def landed(version: str, rows: dict[str, pl.DataFrame], previous: Core | None, program: Program) -> Core:
    landing = land_core(program, SourceVersion(version, ()), rows, Sieve(version), previous, same_rules=True)
    tables = {name.removeprefix("core_"): frame for name, frame in landing.tables.items()}
    return Core.of(tables, landing.known_through)


# ------------------------------------------------------------------------------------------ other programs


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "folder"), [("cdnow", "cdnow"), ("online_retail", "online_retail"), ("retail", "online_retail")]
)
def test_no_group_leaks_on_real_purchases(real_data, tmp_path, name, folder) -> None:
    program = load_program(name, Settings())
    lake = Lake(str(tmp_path / "lake"), name)
    ingest(program, lake, Settings(), str(real_data / folder))
    core = Core.open(lake)
    days = (core.known_through - core.first_day).days
    report = verify_leakage(core, [core.first_day + timedelta(days=days * third // 3) for third in (1, 2)], program)
    assert report.holds, str(report)
