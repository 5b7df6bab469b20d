"""Attribute features of an undated table: sentinels, zeros, the rows' independence of each other."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.core import Core
from fiel.errors import ProgramError, TimeError
from fiel.features.attributes import NO_STAGE, build, undated_snapshots
from fiel.program import Attributes, Program, read_program
from fiel.settings import HOME
from fiel.tables import TABLES, known_at

AS_OF = date(2016, 3, 2)
PROGRAM = read_program(HOME / "deployments" / "programs" / "santander.yaml")
PROGRAM = PROGRAM.model_copy(update={"attributes": Attributes(sentinels=(-999_999, 9_999_999_999))})
CELLS = st.sampled_from([0.0, -0.0, 1.0, 2.5, -1.0, -999_999.0, 9_999_999_999.0, None])
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12)


def with_rules(**rules: Any) -> Program:
    """The program with these rules of attributes beside its sentinels."""
    return PROGRAM.model_copy(update={"attributes": Attributes(sentinels=(-999_999, 9_999_999_999), **rules)})


def core_of(rows: list[tuple[float | None, ...]], texts: list[str | None] | None = None) -> Core:
    columns = {
        f"x_v{place}": pl.Series([row[place] for row in rows], dtype=pl.Float64) for place in range(len(rows[0]))
    }
    if texts is not None:
        columns["c_level"] = pl.Series(texts, dtype=pl.String)
    names = pl.Series("customer_id", [str(number) for number in range(len(rows))])
    empty = pl.DataFrame(schema=TABLES["core_labels"].declared)
    return Core.of(
        {"attributes": pl.DataFrame([names]).with_columns(**columns), "labels": empty}, AS_OF - timedelta(days=1)
    )


def features(rows: list[tuple[float | None, ...]], program: Program = PROGRAM) -> pl.DataFrame:
    return build(core_of(rows), [AS_OF], program).collect().sort("customer_id")


def test_a_sentinel_is_a_missing_value_and_no_zero() -> None:
    found = features([(-999_999.0, 9_999_999_999.0, 0.0), (1.0, 0.0, 0.0)])
    assert found.select("x_v0", "x_v1", "x_v2", "zero_count").rows() == [(None, None, 0.0, 1), (1.0, 0.0, 0.0, 2)]


def test_the_program_says_what_the_sentinels_are_and_whether_zeros_are_counted() -> None:
    other = PROGRAM.model_copy(update={"attributes": Attributes(sentinels=(1.0,), zero_count=False)})
    found = features([(1.0, -999_999.0, 0.0)], other)
    assert found.select("x_v0", "x_v1", "x_v2", "zero_count").rows() == [(None, -999_999.0, 0.0, None)]


def test_a_family_has_its_sum_and_how_many_of_it_are_not_zero() -> None:
    other = with_rules(families=("v", "v1"))
    found = features([(1.0, 2.5, 0.0), (-999_999.0, 0.0, 4.0), (None, -999_999.0, None)], other)
    assert found.select("sum_v", "nonzero_v", "sum_v1", "nonzero_v1").rows() == [
        (3.5, 2, 2.5, 1),
        (4.0, 1, 0.0, 0),
        (0.0, 0, 0.0, 0),
    ]


def test_two_columns_have_their_difference_and_their_ratio_where_both_are_known() -> None:
    other = with_rules(differences=(("v0", "v1"),), ratios=(("v0", "v1"),))
    found = features([(1.0, 4.0, 0.0), (3.0, 0.0, 0.0), (-999_999.0, 2.0, 0.0), (2.0, None, 0.0)], other)
    assert found.select("difference_v0_less_v1", "ratio_v0_over_v1").rows() == [
        (-3.0, 0.25),
        (3.0, None),
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"families": ("saldo",)}, "field `attributes.families`: no column begins with saldo"),
        ({"differences": (("v0", "v9"),)}, "field `attributes.differences`: the table has no column v9"),
        ({"ratios": (("v8", "v0"),)}, "field `attributes.ratios`: the table has no column v8"),
    ],
)
def test_a_column_that_the_table_lacks_is_named(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(ProgramError, match=re.escape(said)):
        features([(1.0, 2.0, 3.0)], with_rules(**rules))


def test_a_pair_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"attributes\.ratios names one thing twice"):
        Attributes(ratios=(("a", "b"), ("a", "b")))


def test_text_levels_are_carried_and_never_counted_as_zeros() -> None:
    core = core_of([(0.0, 1.0, 1.0)], texts=["0"])
    found = build(core, [AS_OF], PROGRAM).collect()
    assert (found["c_level"].item(), found["zero_count"].item()) == ("0", 1)


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_they_are_what_a_loop_over_the_cells_finds(rows: list[tuple[float | None, ...]]) -> None:
    known = [[None if cell in (-999_999.0, 9_999_999_999.0) else cell for cell in row] for row in rows]
    expected = {str(number): (*row, sum(cell == 0 for cell in row)) for number, row in enumerate(known)}
    found = features(rows).select("customer_id", "x_v0", "x_v1", "x_v2", "zero_count").rows()
    assert {who: values for who, *values in found} == {who: list(values) for who, values in expected.items()}


@settings(deadline=None, max_examples=50)
@given(ROWS, st.tuples(CELLS, CELLS, CELLS))
def test_no_row_moves_with_another_one(rows: list[tuple[float | None, ...]], other: tuple[float | None, ...]) -> None:
    assert features([*rows, other]).filter(pl.col("customer_id") != str(len(rows))).equals(features(rows))


def test_the_outcome_and_who_was_treated_are_never_features() -> None:
    assert known_at("core_labels", "label") == known_at("core_labels", "is_treated") == "never"
    names = build(core_of([(0.0, 1.0, 1.0)]), [AS_OF], PROGRAM).collect_schema().names()
    assert not {"label", "is_treated"} & set(names)


def test_a_snapshot_holds_everyone_without_a_stage() -> None:
    core = core_of([(0.0, 1.0, 2.0), (3.0, 4.0, 5.0)])
    ((day, tables),) = undated_snapshots(core, [AS_OF], {"feat_attributes": build(core, [AS_OF], PROGRAM)})
    snapshot = tables["feat_snapshot"]
    assert day == AS_OF
    assert snapshot["stage"].to_list() == [NO_STAGE, NO_STAGE]
    assert snapshot["in_population"].all()
    assert snapshot["zero_count"].to_list() == [1, 0]


def test_a_date_after_the_source_version_is_refused() -> None:
    core, later = core_of([(0.0, 1.0, 2.0)]), date(2016, 3, 9)
    with pytest.raises(TimeError):
        list(undated_snapshots(core, [later], {"feat_attributes": build(core, [later], PROGRAM)}))
