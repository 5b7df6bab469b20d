"""Life-cycle spans: one stage for each customer and as_of, whatever the history."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.features import life_cycle
from fiel.features.spans import cut_spans, life_cycle_spans, stage_counts, stage_expr
from fiel.program import LifeCycle
from fiel.tables import TABLES

from .frames import TEOMEWHY, core_of, histories, history_core, on, program, rows, table

LAST = 140
"""Offset of the last as_of that the exhaustive tests look at; histories end at 90."""

rule_sets = st.sampled_from(
    [
        LifeCycle(),
        LifeCycle(new_max_age=20),
        LifeCycle(new_max_age=60),
        LifeCycle(new_max_age=9, recent_max=1, loyal_max_gap=1, won_back_max_gap=1, tourist_max=2, leaving_max=3),
        LifeCycle(new_max_age=30, recent_max=30, loyal_max_gap=40, won_back_max_gap=80, tourist_max=45, leaving_max=60),
    ]
)


def stage_by_hand(days: set[int], as_of: int, rules: LifeCycle) -> str | None:
    """DOMAIN.md section 1, word for word, for one customer."""
    known = sorted(day for day in days if day < as_of)
    if not known:
        return None
    age, recency = as_of - known[0], as_of - known[-1]
    gap = known[-1] - known[-2] if len(known) > 1 else None
    if age <= rules.new_max_age:
        return "curioso"
    if recency <= rules.recent_max and gap is not None and gap <= rules.loyal_max_gap:
        return "fiel"
    if rules.recent_max < recency <= rules.tourist_max:
        return "turista"
    if rules.tourist_max < recency <= rules.leaving_max:
        return "desencantado"
    if recency > rules.leaving_max:
        return "zumbi"
    assert gap is not None
    return "reconquistado" if gap <= rules.won_back_max_gap else "reborn"


def spans_of(history: dict[str, set[int]], rules: LifeCycle | None = None) -> pl.DataFrame:
    chosen = program(life_cycle=(rules or LifeCycle()).model_dump())
    return life_cycle_spans(history_core(history)["customer_days"], chosen).collect()


@pytest.mark.parametrize(
    ("age", "recency", "gap", "stage"),
    [
        (1, 1, None, "curioso"),
        (7, 7, None, "curioso"),
        (7, 1, 6, "curioso"),
        (8, 8, None, "turista"),
        (8, 7, 1, "fiel"),
        (100, 7, 14, "fiel"),
        (100, 8, 1, "turista"),
        (100, 14, 99, "turista"),
        (100, 15, 1, "desencantado"),
        (100, 28, 1, "desencantado"),
        (100, 29, 1, "zumbi"),
        (100, 7, 15, "reconquistado"),
        (100, 1, 27, "reconquistado"),
        (100, 1, 28, "reborn"),
        (100, 7, 92, "reborn"),
    ],
)
def test_stage_at_its_limits(age: int, recency: int, gap: int | None, stage: str) -> None:
    case = pl.DataFrame({"age": [age], "recency": [recency], "gap": pl.Series([gap], dtype=pl.Int64)})
    columns = (pl.col("age"), pl.col("recency"), pl.col("gap"))
    assert case.select(stage_expr(*columns, TEOMEWHY.life_cycle)).item() == stage


def test_spans_of_one_customer_who_comes_goes_and_comes_back() -> None:
    found = spans_of({"ana": {0, 3, 20, 60}}).drop("customer_id").rows()
    assert found == [
        (on(1), on(7), "curioso"),
        (on(8), on(10), "fiel"),
        (on(11), on(17), "turista"),
        (on(18), on(20), "desencantado"),
        (on(21), on(27), "reconquistado"),
        (on(28), on(34), "turista"),
        (on(35), on(48), "desencantado"),
        (on(49), on(60), "zumbi"),
        (on(61), on(67), "reborn"),
        (on(68), on(74), "turista"),
        (on(75), on(88), "desencantado"),
        (on(89), None, "zumbi"),
    ]


def test_spans_have_their_declared_schema_also_when_there_are_none() -> None:
    TABLES["feat_life_cycle_spans"].check(spans_of({"ana": {0}}).schema)
    TABLES["feat_life_cycle_spans"].check(spans_of({}).schema)


@settings(max_examples=60, deadline=None)
@given(histories, rule_sets)
def test_spans_tile_the_time_from_the_day_after_the_first_active_day(
    history: dict[str, set[int]], rules: LifeCycle
) -> None:
    for (customer,), spans in spans_of(history, rules).group_by("customer_id", maintain_order=True):
        first, last, stage = (spans[name].to_list() for name in ("first_as_of", "last_as_of", "stage"))
        assert first[0] == on(min(history[str(customer)]) + 1)
        assert [end + timedelta(days=1) for end in last[:-1]] == first[1:]
        assert last[-1] is None
        assert all(one != other for one, other in itertools.pairwise(stage)), "neighbours differ"
        assert all(end >= begin for begin, end in zip(first, last[:-1], strict=False))


@settings(max_examples=60, deadline=None)
@given(histories, rule_sets)
def test_the_stage_from_spans_is_the_stage_by_the_rule_on_every_as_of(
    history: dict[str, set[int]], rules: LifeCycle
) -> None:
    spans = spans_of(history, rules)
    dates = pl.DataFrame({"as_of": [on(offset) for offset in range(LAST)]})
    at = dates.join(spans, how="cross").filter(
        pl.col("first_as_of") <= pl.col("as_of"),
        pl.col("last_as_of").is_null() | (pl.col("last_as_of") >= pl.col("as_of")),
    )
    found = sorted((row["customer_id"], row["as_of"], row["stage"]) for row in at.iter_rows(named=True))
    expected = sorted(
        (customer, on(offset), stage)
        for customer, days in history.items()
        for offset in range(LAST)
        if (stage := stage_by_hand(days, offset, rules)) is not None
    )
    assert found == expected


@settings(max_examples=60, deadline=None)
@given(histories, st.integers(1, LAST))
def test_spans_cut_at_as_of_know_nothing_of_later_days(history: dict[str, set[int]], as_of: int) -> None:
    known = {customer: {day for day in days if day < as_of} for customer, days in history.items()}
    cut = cut_spans(spans_of(history).lazy(), on(as_of)).collect()
    assert cut.equals(cut_spans(spans_of({c: days for c, days in known.items() if days}).lazy(), on(as_of)).collect())
    assert cut["last_as_of"].null_count() == 0
    assert cut.filter(pl.col("last_as_of") == on(as_of)).height == sum(bool(days) for days in known.values())


@settings(max_examples=30, deadline=None)
@given(histories, st.integers(1, 60), st.integers(0, 60))
def test_the_daily_stage_mix_counts_the_stages_of_every_day(
    history: dict[str, set[int]], first: int, length: int
) -> None:
    found = stage_counts(spans_of(history).lazy(), on(first), on(first + length)).collect()
    counted = {(row["as_of"], row["stage"]): row["customers"] for row in found.iter_rows(named=True)}
    assert found["as_of"].n_unique() == length + 1
    for offset in range(first, first + length + 1):
        stages = [stage_by_hand(days, offset, LifeCycle()) for days in history.values()]
        expected = {stage: stages.count(stage) for stage in stages if stage is not None}
        assert {stage: n for (as_of, stage), n in counted.items() if as_of == on(offset) and n} == expected


@pytest.fixture(scope="module")
def real_life_cycle(real_data: Path) -> pl.DataFrame:
    """The real month-ends: customer_id, as_of (dtRef + 1), age, recency, gap, label, cluster, frequency, points."""
    path = real_data / "teomewhy" / "analytics" / "life_cycle.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        found = pl.read_database("select * from life_cycle", connection, infer_schema_length=None)
    days = {
        "age": "qtdeDiasPrimTransacao",
        "recency": "qtdeDiasUltTransacao",
        "earlier": "qtdeDiasPenultimaTransacao",
    }
    return found.select(
        customer_id="IdCliente",
        as_of=pl.col("dtRef").str.to_date() + pl.duration(days=1),
        label="descLifeCycle",
        **{name: pl.col(column).cast(pl.Int64) for name, column in days.items()},
    )


REAL_LABELS = {
    "01-CURIOSO": "curioso",
    "02-FIEL": "fiel",
    "02-RECONQUISTADO": "reconquistado",
    "02-REBORN": "reborn",
    "03-TURISTA": "turista",
    "04-DESENCANTADA": "desencantado",
    "05-ZUMBI": "zumbi",
}


@pytest.mark.real_data
def test_the_rule_reproduces_every_real_stage(real_life_cycle: pl.DataFrame) -> None:
    gap = pl.col("earlier") - pl.col("recency")
    found = real_life_cycle.with_columns(
        stage=stage_expr(pl.col("age"), pl.col("recency"), gap, TEOMEWHY.life_cycle),
        expected=pl.col("label").replace_strict(REAL_LABELS),
        gap=gap,
    )
    labelled = found.filter(pl.col("label").is_not_null())
    assert labelled.height == 45_593
    assert labelled.filter(pl.col("stage").ne_missing(pl.col("expected"))).is_empty()
    hole = found.filter(pl.col("label").is_null())
    assert hole.select("gap", "stage").unique().rows() == [(28, "reborn")]
    assert hole.height == 12


@pytest.mark.real_data
def test_real_customers_have_their_real_stage_by_spans_and_by_features(real_life_cycle: pl.DataFrame) -> None:
    """First, last and last-but-one active day of all month-ends, put together, are real active days.

    They are not all of them, but no other lies between the last two at any month-end, so stages are those of the file.
    """
    ages = ("age", "recency", "earlier")
    days = (
        real_life_cycle.select(
            "customer_id", **{name: pl.col("as_of") - pl.duration(days=pl.col(name)) for name in ages}
        )
        .unpivot(list(ages), index="customer_id", value_name="day")
        .select("customer_id", "day")
        .drop_nulls()
        .unique()
    )
    empty = table("customer_days", [])
    core = core_of([], customer_days=pl.concat([empty, days], how="diagonal").fill_null(0))
    dates = real_life_cycle["as_of"].unique().sort().to_list()
    expected = real_life_cycle.with_columns(expected=pl.col("label").replace_strict(REAL_LABELS).fill_null("reborn"))
    features = life_cycle.build(core, dates, TEOMEWHY).collect()
    compared = expected.join(features, on=["customer_id", "as_of"], how="full")
    assert compared.height == 45_605
    assert compared.filter(pl.col("stage").ne_missing(pl.col("expected"))).is_empty()
    spans = life_cycle_spans(core["customer_days"], TEOMEWHY).collect()
    for as_of in (dates[0], dates[-1]):
        now = cut_spans(spans.lazy(), as_of).filter(pl.col("last_as_of") == as_of)
        assert rows(now, "stage") == rows(expected.filter(pl.col("as_of") == as_of), "expected")
