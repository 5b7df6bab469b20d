"""The realised quality of earlier scores."""

from __future__ import annotations

import math

import polars as pl
import pytest

from fiel.models.quality import realised_quality
from fiel.tables import TABLES
from tests.models import worlds


def scores(probs: list[float | None], version: str = "3", as_of: object = worlds.JULY) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(len(probs))],
            "as_of": [as_of] * len(probs),
            "prob": pl.Series(probs, dtype=pl.Float64),
            "model_version": [version] * len(probs),
        }
    )


def labels(values: list[int], as_of: object = worlds.JULY) -> pl.DataFrame:
    customers = [f"c{number}" for number in range(len(values))]
    return pl.DataFrame({"customer_id": customers, "as_of": [as_of] * len(values), "label": values})


def test_the_figures_are_those_of_the_scored_customers() -> None:
    found = realised_quality(scores([0.9, 0.2, 0.4, None]), labels([1, 0, 1, 1]), "fiel")
    TABLES["out_quality"].check(found.schema)
    (row,) = found.to_dicts()
    assert (row["customers"], row["target_rate"], row["auc"]) == (3, pytest.approx(2 / 3), 1.0)
    assert row["mean_prob"] == pytest.approx(0.5)
    assert row["brier"] == pytest.approx((0.01 + 0.04 + 0.36) / 3)
    assert row["log_loss"] == pytest.approx(-(math.log(0.9) + math.log(0.8) + math.log(0.4)) / 3)


def test_one_row_for_each_cohort_and_model() -> None:
    both = pl.concat([scores([0.9, 0.2]), scores([0.5, 0.5], "4"), scores([0.1, 0.2], as_of=worlds.AUGUST)])
    found = realised_quality(both, pl.concat([labels([1, 0]), labels([0, 1], worlds.AUGUST)]), "fiel")
    assert found.select("as_of", "model_version").rows() == [
        (worlds.JULY, "3"),
        (worlds.JULY, "4"),
        (worlds.AUGUST, "3"),
    ]


def test_one_class_only_has_no_auc() -> None:
    (row,) = realised_quality(scores([0.9, 0.2]), labels([1, 1]), "fiel").to_dicts()
    assert row["auc"] is None
    assert row["log_loss"] is not None


def test_a_cohort_without_labels_has_no_row() -> None:
    assert realised_quality(scores([0.9], as_of=worlds.AUGUST), labels([1]), "fiel").is_empty()


def test_a_customer_who_is_gone_is_left_out() -> None:
    (row,) = realised_quality(scores([0.9, 0.2, 0.3]), labels([1, 0]), "fiel").to_dicts()
    assert row["customers"] == 2


def test_each_target_is_measured_on_its_own_rows() -> None:
    soon = scores([0.2, 0.9]).with_columns(target=pl.lit("purchase_30"))
    both = pl.concat([soon, soon.with_columns(target=pl.lit("other"), prob=pl.lit(0.5))])
    (row,) = realised_quality(both, labels([0, 1]), "purchase_30").to_dicts()
    assert (row["target"], row["customers"], row["auc"]) == ("purchase_30", 2, 1.0)
    assert row["mean_prob"] == pytest.approx(0.55)
