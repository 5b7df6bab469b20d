"""The simulated bank: the shape of the real table, a target with known probabilities, and no surprise on a re-run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiel.errors import SettingsError
from fiel.models.columns import dropped_columns
from fiel.models.metrics import auc
from fiel.simulate.draws import Draws
from fiel.simulate.santander import COLUMNS, CONSTANT, REPEATED, Population, population, simulate


@pytest.fixture(scope="module")
def people() -> Population:
    return population(Draws(7), 20_000)


def test_the_table_is_as_wide_as_the_real_one(people: Population) -> None:
    columns = people.table.columns
    assert (columns[0], columns[-1], len(columns)) == ("ID", "TARGET", COLUMNS + 2)
    assert all(dtype in (pl.Int64, pl.Float64) for dtype in people.table.dtypes)


def test_constant_and_repeated_columns_are_as_many_as_in_the_real_table(people: Population) -> None:
    names = [name for name in people.table.columns if name not in ("ID", "TARGET")]
    found = dropped_columns(people.table, names)["reason"].value_counts()
    counts = dict(found.iter_rows())
    assert counts["constant"] == CONSTANT
    assert counts["duplicate"] >= REPEATED


def test_most_numbers_are_zero_and_unknown_values_have_their_sentinels(people: Population) -> None:
    numbers = people.table.drop("ID", "TARGET").to_numpy()
    assert 0.8 < (numbers == 0).mean() < 0.97
    assert (people.table["var3"].to_numpy() == -999_999).sum() > 0
    assert (numbers == 9_999_999_999).sum() > 0


def test_ids_are_distinct_whole_numbers_with_gaps(people: Population) -> None:
    ids = people.table["ID"].to_numpy()
    assert len(set(ids)) == len(ids)
    assert ids.min() >= 0
    assert ids.max() > len(ids) + 1


def test_about_four_in_a_hundred_are_unsatisfied_as_their_known_probability_says(people: Population) -> None:
    labels = people.table["TARGET"].to_numpy()
    rate = labels.mean()
    assert 0.03 < rate < 0.05
    assert rate == pytest.approx(people.prob.mean(), abs=4 * np.sqrt(0.04 / 20_000))
    assert 0.75 < auc(labels, people.prob) < 0.9


def test_more_customers_leave_the_first_ones_as_they_are(people: Population) -> None:
    assert population(Draws(7), 500).table.equals(people.table.head(500))


def test_another_seed_makes_other_customers(people: Population) -> None:
    assert not population(Draws(8), 500).table.equals(people.table.head(500))


def test_the_files_are_the_competition_s_and_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    first, again = (simulate(tmp_path / name, customers=300, seed=3) for name in ("a", "b"))
    train, test = (pl.read_csv(path) for path in first.files)
    assert [path.name for path in first.files] == ["train.csv", "test.csv"]
    assert train.columns == [*test.columns, "TARGET"]
    assert (first.labelled, first.positives) == (train.height, train["TARGET"].sum())
    assert train.height + test.height == first.customers == 300
    assert not set(train["ID"]) & set(test["ID"])
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in again.files]


def test_nobody_cannot_be_simulated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="customers is 0"):
        simulate(tmp_path, customers=0)
