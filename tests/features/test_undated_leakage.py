"""The leakage check of an undated table: it holds, and it finds an outcome or another customer in a feature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import pytest

from fiel.core import Core
from fiel.errors import TimeError
from fiel.features import attributes
from fiel.features.groups import Group
from fiel.features.leakage import LeakageReport, verify_leakage
from fiel.features.other_rows import is_watched, other_customers, other_outcomes
from fiel.program import Attributes, Program, read_program
from fiel.settings import HOME
from fiel.simulate.draws import Draws
from fiel.simulate.santander import population

AS_OF = date(2016, 3, 2)
PROGRAM = read_program(HOME / "deployments" / "programs" / "santander.yaml").model_copy(
    update={"attributes": Attributes(families=("ind",), ratios=(("var3", "var15"),))}
)


@pytest.fixture(scope="module")
def core() -> Core:
    table = population(Draws(7), 400).table
    names = [*table.columns[1:20], *[name for name in table.columns if name.startswith(("ind_var2_", "saldo_var2_"))]]
    numbers = [pl.col(name).cast(pl.Float64).alias(f"x_{name.lower()}") for name in names]
    rows = table.select(pl.col("ID").cast(pl.String).alias("customer_id"), *numbers)
    labels = table.select(
        pl.col("ID").cast(pl.String).alias("customer_id"),
        pl.when(pl.col("ID") % 5 > 0).then("TARGET").cast(pl.Int64).alias("label"),
        pl.lit(None, pl.Boolean).alias("is_treated"),
    )
    return Core.of({"attributes": rows, "labels": labels}, AS_OF - timedelta(days=1))


def check(core: Core, build: object) -> LeakageReport:
    """The check of a group that stands in for `attributes`."""
    group = Group("attributes", "feat_attributes", build, is_undated=True)  # type: ignore[arg-type]
    return verify_leakage(core, [AS_OF], PROGRAM, groups={"attributes": group})


def moved(report: LeakageReport) -> set[tuple[str, str]]:
    return {(found.feature, found.rewrite) for group in report.groups for found in group.moved}


def test_no_attribute_moves(core: Core) -> None:
    report = verify_leakage(core, [AS_OF], PROGRAM)
    assert report.holds, str(report)
    assert [group.group for group in report.groups] == ["attributes", "snapshot"]
    assert all(group.values > 8_000 for group in report.groups)


def test_a_feature_that_reads_the_outcome_is_found(core: Core) -> None:
    def build(core: Core, dates: Sequence[date], program: Program) -> pl.LazyFrame:
        rows = attributes.build(core, dates, program).join(core["labels"], on="customer_id", how="left")
        return rows.with_columns(x_var3=pl.col("label").cast(pl.Float64)).drop("label", "is_treated")

    assert moved(check(core, build)) == {("x_var3", "every outcome rewritten")}


def test_a_feature_that_is_fitted_on_everyone_is_found(core: Core) -> None:
    def build(core: Core, dates: Sequence[date], program: Program) -> pl.LazyFrame:
        return attributes.build(core, dates, program).with_columns(x_var15=pl.col("x_var15") - pl.col("x_var15").mean())

    assert moved(check(core, build)) == {("x_var15", "other customers rewritten")}


def test_a_column_that_is_left_out_where_it_is_constant_in_all_rows_is_found(core: Core) -> None:
    def build(core: Core, dates: Sequence[date], program: Program) -> pl.LazyFrame:
        rows = attributes.build(core, dates, program).collect()
        varied = [name for name in rows.columns if not name.startswith("x_") or rows[name].n_unique() > 1]
        return rows.lazy().select(varied)

    assert {rewrite for _, rewrite in moved(check(core, build))} == {"other customers rewritten"}


def test_a_customer_who_goes_with_another_one_is_found(core: Core) -> None:
    def build(core: Core, dates: Sequence[date], program: Program) -> pl.LazyFrame:
        return attributes.build(core, dates, program).filter(pl.col("x_var15") >= pl.col("x_var15").median())

    assert ("(rows)", "other customers rewritten") in moved(check(core, build))


def test_every_outcome_is_another_one(core: Core) -> None:
    both = core["labels"].collect().join(other_outcomes(core)["labels"].collect(), on="customer_id")
    assert both.filter(pl.col("label").eq_missing(pl.col("label_right"))).is_empty()
    assert both["label_right"].null_count() == 0


def test_watched_customers_stay_and_around_them_some_go_some_come_and_some_change(core: Core) -> None:
    before, after = core["attributes"].collect(), other_customers(core)["attributes"].collect()
    ids, others = set(before["customer_id"]), set(after["customer_id"])
    watched = before.filter(is_watched())
    assert 100 < watched.height < 300
    assert after.filter(is_watched()).sort("customer_id").equals(watched.sort("customer_id"))
    assert ids - others
    assert others - ids
    kept = before.join(after, on="customer_id").filter(~is_watched())
    assert 0 < (kept["x_var15"] != kept["x_var15_right"]).sum() < kept.height


def test_a_date_that_the_source_version_does_not_know_is_refused(core: Core) -> None:
    with pytest.raises(TimeError):
        verify_leakage(core, [AS_OF + timedelta(days=1)], PROGRAM)
