"""The split of an undated program by customer: seeded, stable, and never told by anything but the customer."""

from __future__ import annotations

import hashlib
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiel.models.cohorts import split_customers
from fiel.models.parts import CustomerParts, uniform
from fiel.program import read_program
from tests.conftest import ROOT

PROGRAM = read_program(ROOT / "deployments" / "programs" / "santander.yaml")
PARTS = CustomerParts(7, 0.6, 0.15)


def test_the_shares_are_those_asked_for() -> None:
    found = PARTS.of(pl.Series([str(number) for number in range(20_000)])).value_counts(normalize=True)
    shares = dict(found.iter_rows())
    assert shares["train"] == pytest.approx(0.6, abs=0.012)
    assert shares["valid"] == pytest.approx(0.15, abs=0.009)
    assert shares["oot"] == pytest.approx(0.25, abs=0.011)


def test_the_number_of_a_customer_is_the_hash_of_seed_and_id() -> None:
    digest = hashlib.sha256(b"part 7/4711").hexdigest()
    assert uniform(pl.Series(["4711"]), "part 7")[0] == int(digest[:13], 16) / 16**13


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=30, unique=True), st.integers(0, 10))
def test_a_customer_keeps_the_part_whoever_else_is_there(ids: list[str], other: int) -> None:
    together = PARTS.of(pl.Series(ids)).to_list()
    alone = [PARTS.of(pl.Series([one]))[0] for one in ids]
    assert together == alone
    assert PARTS.of(pl.Series([*ids, str(other)])).to_list()[: len(ids)] == together


def test_another_seed_draws_another_split() -> None:
    ids = pl.Series([str(number) for number in range(100)])
    assert PARTS.of(ids).to_list() != CustomerParts(8, 0.6, 0.15).of(ids).to_list()


def test_the_parts_are_read_back_from_what_a_version_says_of_them() -> None:
    assert CustomerParts.parse(str(PARTS)) == PARTS
    assert CustomerParts.parse("") is None


def test_every_row_of_an_undated_program_is_in_exactly_one_part() -> None:
    as_of = date(2016, 3, 2)
    split = split_customers(PROGRAM, as_of)
    rows = pl.DataFrame({"customer_id": [str(number) for number in range(500)]}).with_columns(as_of=pl.lit(as_of))
    parts = [split.rows(rows, name) for name in ("train", "valid", "oot")]
    assert sum(part.height for part in parts) == rows.height
    assert pl.concat(parts).sort("customer_id").equals(rows.sort("customer_id"))
    assert split.dates == (as_of,)
    assert split.rows(rows, "train", "valid").height == parts[0].height + parts[1].height


def test_a_program_of_dated_events_has_no_parts_by_customer() -> None:
    dated = read_program(ROOT / "deployments" / "programs" / "teomewhy.yaml")
    assert CustomerParts.of_program(dated) is None
