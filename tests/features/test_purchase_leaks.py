"""Purchases, returns and what is fitted on them know nothing of the future; a planted leak of each kind is caught."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from fiel.core import Core
from fiel.features.groups import Group
from fiel.features.leakage import GroupLeakage, verify_leakage
from fiel.features.purchase_days import purchase_days, purchase_summary
from fiel.features.purchase_fits import purchase_fits, used_models
from fiel.features.rewrites import cut_core, relanded_core, rewritten_core
from fiel.features.rfm import score
from fiel.program import Program

from .frames import on
from .shops import RETAIL, random_shop, retail

AS_OF = on(180)
RULES = retail(purchases=RETAIL.purchases.model_dump() | {"min_repeaters": 20})


@pytest.fixture(scope="module")
def core() -> Core:
    return random_shop(21, customers=250)


def test_no_group_leaks_in_a_shop_with_returns(core) -> None:
    report = verify_leakage(core, [on(120), AS_OF], RULES)
    assert report.holds, str(report)
    found = {group.group: group for group in report.groups}
    assert {"rfm", "purchase", "feat_purchase_fits", "snapshot"} <= set(found)
    assert found["purchase"].values > 1_000
    assert found["feat_purchase_fits"].features == 10


Rows = Callable[[Core, date, Program], pl.LazyFrame]


def verdict(core: Core, rows: Rows) -> GroupLeakage:
    """What the check says of a group that builds each date by `rows` (customer_id, x)."""

    def build(core: Core, as_of_dates: list[date], program: Program) -> pl.LazyFrame:
        return pl.concat([rows(core, as_of, program).with_columns(as_of=pl.lit(as_of)) for as_of in as_of_dates])

    return verify_leakage(core, [AS_OF], RULES, {"planted": Group("planted", "feat_rfm", build)}).groups[0]


def days_that_stand(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return purchase_days(core, as_of).group_by("customer_id").agg(x=pl.len())


def days_that_will_stand(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    last = core["customer_days"].select(pl.col("day").max()).collect().item() + timedelta(days=1)
    return purchase_days(core, last).filter(pl.col("day") < as_of).group_by("customer_id").agg(x=pl.len())


def returns_of_as_of_itself(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    returned = core["returns"].filter(pl.col("day") <= as_of).group_by("customer_id").agg(x=pl.col("value").sum())
    return (
        core["customer_days"]
        .filter(pl.col("day") < as_of)
        .select("customer_id")
        .unique()
        .join(returned, on="customer_id")
    )


def alive_by(fitted_at: Callable[[Core, date], date]) -> Rows:
    def rows(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
        model = used_models(purchase_fits(core, [fitted_at(core, as_of)], program).collect()).purchases
        assert model is not None
        history = purchase_summary(core, as_of).collect()
        arrays = [history[name].to_numpy() for name in ("frequency", "recency_days", "age_days")]
        return history.select("customer_id", x=pl.Series(model.purchase_prob(90, *arrays))).lazy()

    return rows


def end_of_the_data(core: Core, as_of: date) -> date:
    return core["customer_days"].select(pl.col("day").max()).collect().item()


def scored_over(days: Callable[[Core, date], pl.LazyFrame]) -> Rows:
    """Frequency score among the customers that `days` has, for those known before as_of."""

    def rows(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
        own = purchase_days(core, as_of).group_by("customer_id").agg(days=pl.len().cast(pl.Int64), known=pl.lit(True))
        everyone = days(core, as_of).group_by("customer_id").agg(days=pl.len().cast(pl.Int64), known=pl.lit(False))
        scored = pl.concat([own, everyone]).with_columns(x=score(pl.col("days")))
        return scored.filter("known").select("customer_id", "x")

    return rows


HONEST = {
    "days that stand": days_that_stand,
    "parameters fitted before as_of": alive_by(lambda core, as_of: as_of),
    "cuts over the past": scored_over(purchase_days),
}
PLANTED = {
    "a return known later that already takes its purchase back": days_that_will_stand,
    "a return on as_of itself": returns_of_as_of_itself,
    "parameters fitted on all data": alive_by(end_of_the_data),
    "cuts over the future": scored_over(lambda core, as_of: purchase_days(core, as_of + timedelta(days=60))),
}


@pytest.mark.parametrize("rows", HONEST.values(), ids=HONEST)
def test_an_honest_group_holds(core, rows: Rows) -> None:
    found = verdict(core, rows)
    assert found.holds, found.moved


@pytest.mark.parametrize("rows", PLANTED.values(), ids=PLANTED)
def test_a_planted_leak_is_caught(core, rows: Rows) -> None:
    assert not verdict(core, rows).holds


# ------------------------------------------------------------------------------------------ the other worlds


def returns_of(core: Core, earlier: bool) -> pl.DataFrame:
    before = pl.col("day") < AS_OF
    return core["returns"].filter(before if earlier else ~before).sort("event_id", "line_id").collect()


def test_the_source_rows_of_a_shop_give_its_returns_and_operator_events_again(core) -> None:
    again = relanded_core(core, RULES)
    for name in ("returns", "customer_days"):
        columns = core[name].collect_schema().names()
        one, other = (each[name].select(columns).collect().sort(columns) for each in (core, again))
        assert one.equals(other), name
    operator = core["events"].filter("is_operator").select("event_id").collect().sort("event_id")
    assert operator.height > 20
    assert again["events"].filter("is_operator").select("event_id").collect().sort("event_id").equals(operator)


@pytest.mark.parametrize("make", [cut_core, rewritten_core])
def test_other_worlds_have_the_returns_that_were_known_and_others_after(core, make) -> None:
    world = make(core, AS_OF, RULES)
    assert returns_of(world, earlier=True).equals(returns_of(core, earlier=True))
    assert not returns_of(world, earlier=False).equals(returns_of(core, earlier=False))


def test_a_rewritten_world_takes_every_purchase_back_at_midnight(core) -> None:
    world = rewritten_core(core, AS_OF, RULES)
    assert purchase_days(world, AS_OF).collect().height == purchase_days(core, AS_OF).collect().height > 100
    then = AS_OF + timedelta(days=1)
    assert purchase_days(world, then).filter(pl.col("day") < AS_OF).collect().is_empty()
    unmatched = returns_of(world, earlier=False).filter(pl.col("day") == AS_OF, pl.col("purchase_day").is_null())
    assert unmatched.height > 100
    assert returns_of(world, earlier=False)["day"].max() > then, "later returns of the core are there, changed or not"
