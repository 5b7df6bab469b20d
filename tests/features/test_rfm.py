"""Recency, frequency, monetary value: what they count, how they are scored, and when a return is felt."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.features.groups import GROUPS
from fiel.features.rfm import build, score
from fiel.features.rfm_segments import SEGMENTS
from fiel.features.snapshot import build_group, build_snapshots, categorical_features, model_features
from fiel.tables import TABLES

from .frames import TEOMEWHY, history_core, on, rows
from .shops import RETAIL, Return, random_shop, retail, shop

AS_OF = 400
VALUES = ("days_since_last", "purchase_days_d365", "revenue_net_d365")
SCORES = ("r_score", "f_score", "m_score")


def rfm(purchases, returns=(), as_of: int = AS_OF, rules=RETAIL):
    return build(shop(purchases, returns), [on(as_of)], rules).collect()


@pytest.mark.parametrize(
    ("purchases", "returns", "expected", "why"),
    [
        ({399: 50}, [], (1, 1, 50), "the day before as_of"),
        ({400: 50, 10: 9}, [], (390, 0, 0), "a purchase on as_of is not known"),
        ({35: 50}, [], (365, 1, 50), "the first day of the window"),
        ({34: 50}, [], (366, 0, 0), "the day before the window"),
        ({100: 50, 200: 70}, [("ana", 399, 200, 70)], (300, 1, 50), "taken back before as_of"),
        ({100: 50, 200: 70}, [("ana", 400, 200, 70)], (200, 2, 120), "taken back on as_of"),
        ({100: 50, 200: 70}, [("ana", 300, 200, 30)], (200, 2, 90), "taken back in part"),
        ({100: 50}, [("ana", 200, None, 80)], (300, 1, -30), "an unmatched return counts against the net value"),
        ({100: 50, 10: 9}, [("ana", 34, None, 80)], (300, 1, 50), "an unmatched return before the window"),
        ({20: 50}, [("ana", 200, 20, 30)], (380, 0, 0), "a matched return goes with its purchase day"),
        ({100: 50}, [("ana", 101, 100, 50)], (None, 0, 0), "nothing stands"),
        (
            {100: 50},
            [("ana", 101, 100, 50), ("ana", 102, None, 7)],
            (None, 0, -7),
            "nothing stands, and more came back",
        ),
    ],
)
def test_what_is_counted(purchases: dict[int, int], returns: list[Return], expected, why: str) -> None:
    assert rows(rfm({"ana": purchases}, returns), *VALUES) == {"ana": expected}, why


def test_the_window_is_the_program_s() -> None:
    found = rfm({"ana": {100: 50, 390: 7}}, rules=retail(rfm={"window_days": 30}))
    assert rows(found, "purchase_days_d30", "revenue_net_d30") == {"ana": (1, 7)}


def test_five_different_customers_have_five_different_scores() -> None:
    found = rfm({f"c{n}": {AS_OF - 1 - day: 100 * n for day in range(10 - 2 * n, 10 - n)} for n in range(1, 6)})
    assert rows(found, *SCORES) == {f"c{n}": (n, n, n) for n in range(1, 6)}


def test_equal_customers_have_equal_scores_and_levels_may_be_empty() -> None:
    bought = {f"once{n}": {100: 10} for n in range(6)} | {f"twice{n}": {100: 10, 200: 10} for n in range(2)}
    found = rows(rfm(bought), *SCORES)
    assert {found[name] for name in found if name.startswith("once")} == {(1, 1, 1)}
    assert {found[name] for name in found if name.startswith("twice")} == {(5, 5, 5)}


def test_who_has_nothing_that_stands_has_the_lowest_scores() -> None:
    bought = {f"c{n}": {100 + n: 10} for n in range(4)} | {"ana": {390: 99}}
    found = rfm(bought, [("ana", 391, 390, 99)] + [(f"c{n}", 150, None, 500) for n in range(4)])
    assert rows(found, *SCORES, "rfm_segment")["ana"] == (1, 1, 1, "lost")
    assert rows(found, "revenue_net_d365") == {"ana": 0} | dict.fromkeys((f"c{n}" for n in range(4)), -490)


def exact_scores(values: list[int]) -> list[int]:
    """1 + the cuts strictly below, in fractions."""
    ordered, last = sorted(values), len(values) - 1
    cuts = []
    for part in range(1, 5):
        rank = Fraction(last * part, 5)
        low = ordered[int(rank)]
        high = ordered[min(int(rank) + 1, last)]
        cuts.append(low + (rank - int(rank)) * (high - low))
    return [1 + sum(cut < value for cut in cuts) for value in values]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-(10**12), 10**12) | st.integers(0, 6), min_size=1, max_size=60))
def test_scores_count_the_cuts_strictly_below(values: list[int]) -> None:
    found = pl.DataFrame({"value": values}).select(score(pl.col("value"))).to_series().to_list()
    assert found == exact_scores(values)


@pytest.mark.parametrize("seed", range(5))
def test_the_cuts_are_numpy_s_quantiles(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 40, 333)
    cuts = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
    found = pl.DataFrame({"value": values}).select(score(pl.col("value"))).to_series().to_list()
    assert found == [1 + int((cuts < value).sum()) for value in values]


@pytest.mark.parametrize("values", [[], [None, None]])
def test_without_a_value_there_is_no_score(values: list[int | None]) -> None:
    frame = pl.DataFrame({"value": values}, schema={"value": pl.Int64})
    assert frame.with_columns(score=score(pl.col("value")))["score"].to_list() == values


def test_the_long_gone_take_no_part_in_the_cuts_and_a_first_purchase_stays_new() -> None:
    gone = {f"gone{n}": {20 + n: 500} for n in range(10)}
    bought = {"first": {AS_OF + 99: 10}, "often": {AS_OF + 20 * n: 10 for n in range(5)}, "once": {200: 10}}
    found = rows(rfm(gone | bought, as_of=AS_OF + 100), "r_score", "f_score", "rfm_segment")
    assert found["first"] == (5, 1, "new")
    assert {found[name] for name in gone} == {(1, 1, "lost")}


def test_every_customer_with_an_active_day_has_a_row_in_the_declared_form() -> None:
    core, dates = random_shop(3), [on(100), on(300)]
    for as_of, frame in build_group(core, GROUPS["rfm"], dates, RETAIL):
        known = core["customer_days"].filter(pl.col("day") < as_of).select("customer_id").unique().collect()
        assert frame["customer_id"].to_list() == sorted(known["customer_id"])
        assert TABLES["feat_rfm"].schema.is_valid(frame.select(list(TABLES["feat_rfm"].declared)))
        assert set(frame["rfm_segment"]) <= set(SEGMENTS)
        assert frame["days_since_last"].null_count() > 0, "too easy: nobody took everything back"


def test_later_days_and_returns_and_dates_move_nothing() -> None:
    core = random_shop(4)
    alone = dict(build_group(core, GROUPS["rfm"], [on(150)], RETAIL))[on(150)]
    together = dict(build_group(core, GROUPS["rfm"], [on(100), on(150), on(300)], RETAIL))[on(150)]
    past = {name: core[name].filter(pl.col("day") < on(150)).collect() for name in ("customer_days", "returns")}
    cut = dict(build_group(type(core).of(past, on(149)), GROUPS["rfm"], [on(150)], RETAIL))[on(150)]
    assert alone.equals(together)
    assert alone.equals(cut)


def test_the_scores_of_the_segments_are_those_of_the_snapshot() -> None:
    features = RETAIL.features.model_dump() | {"groups": ["activity", "life_cycle", "rfm"]}
    rules = retail(features=features)
    ((_, tables),) = build_snapshots(random_shop(5), [on(200)], rules)
    frame = tables["feat_snapshot"]
    assert frame.select(tables["feat_rfm"].columns).equals(tables["feat_rfm"])
    usable = model_features(rules, frame.columns)
    assert {*SCORES, "rfm_segment", "days_since_last"} <= set(usable)
    assert "rfm_segment" in categorical_features(rules, usable)


def test_a_program_without_returns_counts_active_days() -> None:
    found = build(history_core({"ana": {1, 5, 9}, "bia": {9}}), [on(10)], TEOMEWHY).collect()
    assert rows(found, *VALUES) == {"ana": (1, 3, 3), "bia": (1, 1, 1)}
