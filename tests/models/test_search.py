from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fiel.errors import CohortError, ProgramError
from fiel.models.classifier import base_recipe
from fiel.models.search import Search, columns_of_group, search_recipe
from fiel.program import Program
from tests.models import frames

ROWS = frames.labelled()


def searched(rows: pl.DataFrame = ROWS, rules: Program | None = None, features: list[str] = frames.FEATURES) -> Search:
    rules = rules or frames.program()
    return search_recipe(base_recipe(features, rows.schema, rules.training), rows, rules)


def test_switched_off_it_fixes_the_trees_and_keeps_the_defaults() -> None:
    found = searched()
    assert set(found.history["step"]) == {"default", "without calendar"}
    assert 10 <= found.recipe.iterations <= 40
    assert dict(found.recipe.params)["depth"] == 4
    assert found.folds.height == 3
    assert found.folds["kind"].unique().to_list() == ["time"]


def test_it_is_the_same_each_time() -> None:
    rules = frames.program(training={"search_trials": 4})
    first, second = searched(rules=rules), searched(rules=rules)
    assert first.history.filter(pl.col("step") == "trial").height == 4
    assert first.history.equals(second.history)
    assert first.recipe == second.recipe
    assert first.judged.equals(second.judged)


def test_a_trial_is_chosen_only_where_it_is_the_best_and_convinces() -> None:
    found = searched(rules=frames.program(training={"search_trials": 4}))
    chosen = found.history.filter(pl.col("is_chosen"))
    assert chosen.height == 1
    assert chosen["log_loss"][0] <= found.history.filter(pl.col("step") == "default")["log_loss"][0]


def test_folds_judge_what_they_did_not_fit() -> None:
    found = searched()
    assert (found.folds["fit_to"] < found.folds["judge_from"]).all()
    assert found.judged.select("customer_id", "as_of").is_duplicated().sum() == 0
    assert found.folds["judge_rows"].sum() == found.judged.height


def with_calendar(follows_label: bool) -> pl.DataFrame:
    """A calendar feature that tells the label in every month, or in the first months only and lies later."""
    month = pl.col("as_of").rank("dense")
    true = pl.col("label").cast(pl.Int64)
    value = true if follows_label else pl.when(month <= 7).then(true).otherwise(1 - true)
    return ROWS.with_columns(planned_break_days=value)


def test_an_optional_group_stays_for_what_it_does_on_the_folds() -> None:
    kept, dropped = searched(with_calendar(True)), searched(with_calendar(False))
    assert "planned_break_days" in kept.recipe.features
    assert kept.dropped_groups == ()
    assert "planned_break_days" not in dropped.recipe.features
    assert dropped.dropped_groups == ("calendar",)


def test_an_unknown_optional_group_is_refused() -> None:
    with pytest.raises(ProgramError, match=r"optional_groups.*no feature group 'weather'"):
        columns_of_group("weather", frames.FEATURES, frames.program())


def test_a_train_too_short_for_its_horizon_is_judged_by_customer() -> None:
    one_month = ROWS.filter(pl.col("as_of") == frames.MONTHS[0])
    found = searched(one_month)
    assert found.folds["kind"].unique().to_list() == ["customer"]
    per_fold = found.judged.group_by("customer_id").agg(pl.col("fold").n_unique())
    assert per_fold["fold"].max() == 1
    assert found.judged.height == one_month.height


def test_folds_by_customer_cannot_speak_for_what_all_customers_share() -> None:
    """A calendar feature would only name the cohort, whose target rate such folds know."""
    two_months = ROWS.filter(pl.col("as_of").is_in(frames.MONTHS[:2]))
    rules = frames.program(target={"horizon_days": 90})
    found = searched(two_months, rules)
    assert found.folds["kind"].unique().to_list() == ["customer"]
    assert found.dropped_groups == ("calendar",)


def test_without_any_fold_of_both_classes_the_trees_are_fixed() -> None:
    rows = ROWS.filter(pl.col("as_of") == frames.MONTHS[0]).with_columns(
        label=pl.when(pl.int_range(pl.len()) == 5).then(1).otherwise(0).cast(pl.Int8)
    )
    found = searched(rows)
    assert found.folds.is_empty()
    assert found.recipe.iterations == 40


def test_one_class_in_all_of_train_is_refused() -> None:
    with pytest.raises(CohortError, match="one class only"):
        searched(ROWS.with_columns(label=pl.lit(0, pl.Int8)))


def test_the_default_stays_where_the_features_say_nothing() -> None:
    """On noise every trial is luck."""
    rng = np.random.default_rng(8)
    noise = ROWS.select(
        "customer_id", "as_of", "age_days", label=pl.Series(rng.integers(0, 2, ROWS.height), dtype=pl.Int8)
    )
    found = searched(noise, frames.program(training={"search_trials": 4}), ["age_days"])
    assert found.history.filter(pl.col("is_chosen"))["step"].to_list() == ["default"]
