"""What is tried on folds: embeddings and ensembles, judged by what they could know, and what each is worth."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from fiel.models.calibration import sigmoid
from fiel.models.classifier import base_recipe
from fiel.models.folds import FoldRows, fold_rows
from fiel.models.metrics import average_precision, log_losses
from fiel.models.search import Search, search_recipe
from fiel.models.trials import Trial, ablation_row, try_embeddings, try_ensemble, try_recipe
from fiel.program import EmbeddingRules, EnsembleRules, Program
from tests.models import frames, latent

RULES = frames.program(training={"iterations": 60})
SMALL = EmbeddingRules(size=2, hidden=4, epochs=3)
ENSEMBLE = EnsembleRules(members=3, share=0.5)


def labelled(count: int, seed: int) -> pl.DataFrame:
    rows, labels = latent.snapshots(count, seed)
    return rows.join(labels, on=["customer_id", "as_of"])


ROWS = labelled(60, 3)
FOLDS = fold_rows(ROWS, RULES)
BASE = base_recipe(latent.FEATURES, ROWS.schema, RULES.training)
SINGLE = try_recipe("default", BASE, FOLDS)


def searched(rows: pl.DataFrame, **training: object) -> Search:
    rules: Program = frames.program(training={"iterations": 150, **training})
    return search_recipe(base_recipe(latent.FEATURES, rows.schema, rules.training), rows, rules)


def turned(folds: list[FoldRows], place: int) -> list[FoldRows]:
    """The folds with the labels that judge one of them turned round."""
    judge = folds[place].judge.with_columns(label=(1 - pl.col("label")).cast(pl.Int8))
    return [dataclasses.replace(fold, judge=judge) if at == place else fold for at, fold in enumerate(folds)]


def test_no_outcome_helps_to_choose_the_weights_that_it_judges() -> None:
    first = try_ensemble(SINGLE, FOLDS, ENSEMBLE)
    # Early stopping looks at the judge as well, so the turned labels are those of the newest fold only.
    other = try_ensemble(SINGLE, turned(FOLDS, len(FOLDS) - 1), ENSEMBLE)
    for place in range(len(FOLDS) - 1):
        assert np.array_equal(first.raw[place], other.raw[place])
    assert [member.weight for member in first.recipe.members] != [member.weight for member in other.recipe.members]


def test_the_first_fold_is_judged_with_equal_weights() -> None:
    found = try_ensemble(SINGLE, FOLDS[:1], ENSEMBLE)
    assert len(found.recipe.members) == ENSEMBLE.members
    assert found.losses[0] == pytest.approx(log_losses(FOLDS[0].labels, sigmoid(found.raw[0])).mean())
    of_all = try_ensemble(SINGLE, FOLDS, ENSEMBLE)
    assert np.array_equal(found.raw[0], of_all.raw[0])


def test_an_embedding_of_a_fold_is_fitted_on_nothing_that_judges_it() -> None:
    wild = [dataclasses.replace(fold, judge=fold.judge.with_columns(pl.col(latent.READINGS) * 1e6)) for fold in FOLDS]
    tame, other = (try_embeddings(SINGLE, folds, SMALL) for folds in (FOLDS, wild))
    for kind in ("pca", "autoencoder"):
        columns = [*latent.READINGS, "embedding_1", "embedding_2"]
        for one, two in zip(tame[kind][1], other[kind][1], strict=True):
            assert one.fit.select(columns).equals(two.fit.select(columns))


def test_too_few_numbers_are_not_embedded() -> None:
    assert try_embeddings(SINGLE, FOLDS, EmbeddingRules(size=30)) == {}


def test_a_comparison_says_what_is_saved_and_how_surely() -> None:
    """Against the plain definition, and the error against a bootstrap of customers."""
    better = dataclasses.replace(SINGLE, raw=tuple(0.8 * raw - 0.3 for raw in SINGLE.raw))
    better = dataclasses.replace(
        better, log_loss=float(np.mean([log_losses(f.labels, sigmoid(r)).mean() for f, r in pairs(better)]))
    )
    row = ablation_row("context", ("with", "without"), (SINGLE, better), FOLDS)
    assert row["gain"] == pytest.approx(better.log_loss - SINGLE.log_loss, abs=1e-12)
    sums: dict[str, float] = {}
    for (fold, ours), (_, theirs) in zip(pairs(SINGLE), pairs(better), strict=True):
        saved = log_losses(fold.labels, sigmoid(theirs)) - log_losses(fold.labels, sigmoid(ours))
        customers = fold.judge.sort("as_of", "customer_id")["customer_id"]
        for customer, value in zip(customers, saved, strict=True):
            sums[customer] = sums.get(customer, 0.0) + (value - row["gain"]) / (len(FOLDS) * len(saved))
    rng = np.random.default_rng(1)
    values = np.array(list(sums.values()))
    drawn = [values[rng.integers(0, len(values), len(values))].sum() for _ in range(2_000)]
    assert row["gain_error"] == pytest.approx(np.std(drawn), rel=0.1)


def pairs(trial: Trial) -> list[tuple[FoldRows, np.ndarray]]:
    return list(zip(FOLDS, trial.raw, strict=True))


def test_drawn_negatives_count_as_often_as_they_stand_for() -> None:
    """The average precision of drawn rows is that of rows in which each negative is repeated."""
    row = ablation_row("context", ("with", "without"), (SINGLE, SINGLE), FOLDS, 0.25)
    repeated = []
    for fold, raw in pairs(SINGLE):
        times = np.where(fold.labels == 1, 1, 4)
        repeated.append(average_precision(np.repeat(fold.labels, times), np.repeat(raw, times)))
    assert row["average_precision"] == pytest.approx(np.mean(repeated))


def test_an_embedding_stays_where_it_helps_and_both_kinds_are_told() -> None:
    found = searched(labelled(150, 11), embedding={"size": 2, "hidden": 6, "epochs": 5})
    assert found.recipe.embedding is not None
    assert found.recipe.features[-2:] == ("embedding_1", "embedding_2")
    told = found.ablation.filter(pl.col("what") == "embedding")
    assert told.select("with", "without").rows() == [
        ("pca", "no embedding"), ("autoencoder", "no embedding"), ("autoencoder", "pca"),
    ]  # fmt: skip
    kept = told.filter("is_kept", pl.col("without") == "no embedding")
    assert kept["with"].to_list() == [found.recipe.embedding.kind]
    assert (kept["gain"] > kept["gain_error"]).all()


def test_an_embedding_of_noise_is_left_out() -> None:
    """With shuffled labels nothing that is squeezed out of the columns can help."""
    shuffled = ROWS.with_columns(label=pl.col("label").shuffle(seed=5))
    found = searched(shuffled, embedding={"size": 2, "hidden": 6, "epochs": 5})
    assert found.recipe.embedding is None
    assert not found.ablation.filter(pl.col("what") == "embedding")["is_kept"].any()


def test_an_ensemble_stays_where_it_helps_and_the_other_model_is_kept_beside_it() -> None:
    found = searched(labelled(150, 1), ensemble={"members": 5, "share": 0.6}, iterations=300)
    assert found.recipe.words == "ensemble of 5"
    assert found.alternative is not None
    assert found.alternative.words == "single model"
    (told,) = found.ablation.filter(pl.col("what") == "ensemble").to_dicts()
    assert (told["with"], told["without"], told["is_kept"]) == ("ensemble of 5", "single model", True)
    assert told["gain"] > told["gain_error"]


def test_a_group_that_was_dropped_does_not_come_back_as_the_best_of_the_search() -> None:
    """Folds by customer cannot judge the calendar, however well they do with it."""
    two_months = frames.labelled().filter(pl.col("as_of").is_in(frames.MONTHS[:2]))
    two_months = two_months.with_columns(planned_break_days=pl.col("label").cast(pl.Int64))
    rules = frames.program(target={"horizon_days": 90}, training={"search_trials": 2})
    found = search_recipe(base_recipe(frames.FEATURES, two_months.schema, rules.training), two_months, rules)
    assert found.dropped_groups == ("calendar",)
    assert "planned_break_days" not in found.recipe.features


def test_nothing_is_tried_that_the_program_does_not_ask_for() -> None:
    found = searched(ROWS)
    assert set(found.history["step"]) == {"default", "without calendar"}
    assert found.alternative is None
