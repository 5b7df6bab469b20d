from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from fiel.models.evaluation import evaluate, gains, reliability, slice_metrics, split_metrics
from tests.models import frames

RULES = frames.program()


def predictions(count: int = 300, label: int | None = None) -> pl.DataFrame:
    """Perfectly calibrated predictions in three parts; the stage rule knows half of it."""
    rng = np.random.default_rng(6)
    parts = []
    for split, as_of in (("train", date(2024, 1, 1)), ("valid", date(2024, 5, 1)), ("oot", date(2024, 8, 1))):
        prob = rng.beta(1, 2, count)
        drawn = (rng.random(count) < prob).astype(np.int8)
        parts.append(
            pl.DataFrame(
                {
                    "customer_id": [f"c{k}" for k in range(count)],
                    "as_of": [as_of] * count,
                    "split": [split] * count,
                    "stage": np.where(prob > 0.3, "fiel", "turista"),
                    "age_days": rng.integers(1, 30, count),
                    "label": drawn if label is None else np.full(count, label, np.int8),
                    "is_seen": rng.random(count) < 0.5,
                    "is_break": [split == "oot"] * count,
                    "prob": prob,
                    "rule_prob": np.where(prob > 0.3, 0.5, 0.15),
                }
            )
        )
    return pl.concat(parts)


def test_every_part_is_measured_for_both_models_side_by_side() -> None:
    found = evaluate(predictions(), RULES)
    assert found.metrics.select("split", "model").rows() == [
        (split, model) for split in ("train", "valid", "oot") for model in ("catboost", "stage_rule")
    ]
    better, plain = found.value("oot", "auc"), found.value("oot", "auc", "stage_rule")
    assert better is not None
    assert plain is not None
    assert better > plain
    assert found.comparison.auc is not None
    assert found.comparison.auc.estimate == pytest.approx(better - plain)
    assert found.cohorts.filter(pl.col("is_break"))["as_of"].unique().to_list() == [date(2024, 8, 1)]


def test_calibration_comes_with_its_intervals() -> None:
    row = split_metrics(predictions(), RULES).filter(split="oot", model="catboost").row(0, named=True)
    assert row["calibration_slope_low"] < 1 < row["calibration_slope_high"]
    assert row["calibration_intercept_low"] < 0 < row["calibration_intercept_high"]


def test_one_class_is_told_and_not_raised() -> None:
    found = evaluate(predictions(label=0), RULES)
    assert found.value("oot", "auc") is None
    assert found.value("oot", "log_loss") is not None
    assert "one class only: 0 of 300" in found.metrics["note"][0]
    assert found.comparison.auc is None
    assert found.gains["gain_share"].null_count() == found.gains.height


def test_slices_part_the_rows() -> None:
    frame = predictions()
    found = slice_metrics(frame, RULES).filter(model="catboost", split="oot")
    assert found.group_by("slice").agg(pl.col("rows").sum())["rows"].to_list() == [300, 300, 300]
    newcomers = frame.filter(pl.col("split") == "oot", pl.col("age_days") <= 7).height
    assert found.filter(value="first week")["rows"].to_list() == [newcomers]
    never = frame.filter(pl.col("split") == "oot", ~pl.col("is_seen")).height
    assert found.filter(value="never in training")["rows"].to_list() == [never]


def test_small_slices_are_marked() -> None:
    found = slice_metrics(predictions(60), RULES).filter(split="oot", model="catboost")
    assert (found["is_small"] == (found["rows"] < RULES.promotion.min_slice)).all()
    assert found["is_small"].any()


@pytest.mark.parametrize("count", [300, 7, 1])
def test_gains_go_from_the_best_decile_to_everyone(count: int) -> None:
    part = predictions(count).filter(pl.col("split") == "oot").with_columns(label=pl.lit(1, pl.Int8))
    found = gains(part, "oot")
    assert found["rows"].sum() == count
    assert found["mean_prob"].is_sorted(descending=True)
    assert found["gain_share"][-1] == 1
    assert (found["lift"] == 1).all()


def test_gains_do_not_depend_on_the_order_of_equal_scores() -> None:
    part = predictions().filter(pl.col("split") == "oot").with_columns(prob=pl.lit(0.5))
    assert gains(part, "oot").equals(gains(part.reverse(), "oot"))


def test_reliability_bins_hold_equal_rows_and_their_interval_holds_the_rate() -> None:
    found = reliability(predictions().filter(pl.col("split") == "oot"), "oot").filter(model="catboost")
    assert found["rows"].to_list() == [30] * 10
    assert (found["observed_low"] <= found["observed_rate"]).all()
    assert (found["observed_rate"] <= found["observed_high"]).all()
    inside = found.select(pl.col("mean_prob").is_between("observed_low", "observed_high")).to_series()
    assert inside.sum() >= 8


def test_equal_probabilities_share_a_bin() -> None:
    found = reliability(predictions().filter(pl.col("split") == "oot"), "oot").filter(model="stage_rule")
    assert found.height == 2


def test_profit_is_there_where_the_program_has_economics() -> None:
    assert split_metrics(predictions(), RULES)["profit"].null_count() == 6
    bank = frames.program(economics={"benefit": 90, "cost": 10})
    assert split_metrics(predictions(), bank)["profit"].null_count() == 0
