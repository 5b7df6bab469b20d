"""Recipes tried on folds: how good each is, and whether one is convincingly better than another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import numpy as np
import polars as pl
from catboost import Pool

from fiel.estimators.stacking import Stack, fit_stack
from fiel.models.calibration import sigmoid
from fiel.models.classifier import fit_with_early_stopping, ignored, pool
from fiel.models.embedded import embedding_recipe
from fiel.models.ensemble import drawn_members
from fiel.models.folds import FoldRows, judged_customers
from fiel.models.metrics import Array, auc, average_precision, log_losses
from fiel.models.recipe import EmbeddingKind, Member, Recipe
from fiel.program import EmbeddingRules, EnsembleRules

PATIENCE = 25
"""Trees without a better log loss on a fold after which fitting stops."""

ABLATION_SCHEMA = {
    "what": pl.String(),
    "with": pl.String(),
    "without": pl.String(),
    "rows": pl.Int64(),
    "log_loss": pl.Float64(),
    "log_loss_without": pl.Float64(),
    "gain": pl.Float64(),
    "gain_error": pl.Float64(),
    "auc": pl.Float64(),
    "auc_without": pl.Float64(),
    "average_precision": pl.Float64(),
    "average_precision_without": pl.Float64(),
    "is_kept": pl.Boolean(),
}
"""One comparison on the folds: `with` against `without`. All measures are means over the folds. `gain` is the log loss
that `with` saves on a row, `gain_error` its standard error, rows summed by customer.
"""


@dataclass(frozen=True)
class Trial:
    """A recipe as the folds judge it: for each fold its log loss, its trees (mean over members) and its log odds."""

    step: str
    recipe: Recipe
    log_loss: float
    iterations: tuple[int, ...]
    losses: tuple[float, ...]
    raw: tuple[Array, ...]


def try_recipe(step: str, recipe: Recipe, folds: Sequence[FoldRows]) -> Trial:
    """The trial of a single model of `recipe`."""
    return try_pools(step, recipe, [(pool(recipe, fold.fit), pool(recipe, fold.judge)) for fold in folds])


def try_pools(step: str, recipe: Recipe, pools: Sequence[tuple[Pool, Pool]], ignore: Sequence[str] = ()) -> Trial:
    """The trial of a single model on folds that are CatBoost's input already, without the features `ignore`."""
    losses, iterations, scores = [], [], []
    for rows, judge in pools:
        model = fit_with_early_stopping(recipe, rows, judge, PATIENCE, ignore)
        labels = np.asarray(judge.get_label(), dtype=np.float64)
        scores.append(np.asarray(model.predict(judge, prediction_type="RawFormulaVal")))
        losses.append(float(log_losses(labels, sigmoid(scores[-1])).mean()))
        iterations.append(int(model.tree_count_))
    return Trial(step, recipe, fmean(losses), tuple(iterations), tuple(losses), tuple(scores))


def try_ensemble(single: Trial, folds: Sequence[FoldRows], rules: EnsembleRules) -> Trial:
    """The trial of an ensemble whose members have the parameters of `single`.

    Each fold is judged with the weights that the folds before it ask for (the first with equal ones): no outcome helps
    to choose the weights that are judged by it. The recipe's own weights are those that all folds ask for.
    """
    base = single.recipe
    pools = [(pool(base, fold.fit), pool(base, fold.judge)) for fold in folds]
    drawn = drawn_members(base, rules)
    tried = [try_pools("member", base.of_member(one), pools, ignored(base, one.features)) for one in drawn]
    raw = [np.column_stack([member.raw[place] for member in tried]) for place in range(len(folds))]
    labels = [fold.labels for fold in folds]
    stacks = [_stack(labels[:place], raw[:place], len(drawn)) for place in range(len(folds))]
    combined = tuple(stack.combine(rows) for stack, rows in zip(stacks, raw, strict=True))
    losses = tuple(float(log_losses(one, sigmoid(odds)).mean()) for one, odds in zip(labels, combined, strict=True))
    final = _stack(labels, raw, len(drawn))
    members = [
        Member(one.features, one.seed, round(median(member.iterations)), weight)
        for one, member, weight in zip(drawn, tried, final.weights, strict=True)
    ]
    iterations = tuple(round(fmean(member.iterations[place] for member in tried)) for place in range(len(folds)))
    return Trial("ensemble", base.with_members(members, final.bias), fmean(losses), iterations, losses, combined)


def try_embeddings(
    plain: Trial, folds: Sequence[FoldRows], rules: EmbeddingRules
) -> dict[EmbeddingKind, tuple[Trial, list[FoldRows]]]:
    """The trials of `plain` with an embedding of each kind, with the folds that hold its columns; none if too small."""
    found: dict[EmbeddingKind, tuple[Trial, list[FoldRows]]] = {}
    kinds: tuple[EmbeddingKind, ...] = ("pca", "autoencoder")
    for kind in kinds:
        made = embedding_recipe(kind, plain.recipe, rules)
        if made is None or any(fold.fit.height <= made.size for fold in folds):
            continue
        with_it = [fold.embedded(made) for fold in folds]
        found[kind] = try_recipe(f"embedding {kind}", plain.recipe.with_embedding(made), with_it), with_it
    return found


def grown(recipe: Recipe, growth: float, iterations: float, fewest: int, most: int) -> Recipe:
    """The recipe with trees for `growth` times the rows that the folds were fitted on, so that no judge is needed."""

    def trees(count: float) -> int:
        return min(max(fewest, round(count * growth)), most)

    members = tuple(dataclasses.replace(one, iterations=trees(one.iterations)) for one in recipe.members)
    return dataclasses.replace(recipe, iterations=trees(iterations), members=members)


def is_convincing(trial: Trial, best: Trial, folds: Sequence[FoldRows]) -> bool:
    """Whether `trial` beats `best` by more than the standard error of the difference, rows summed by customer."""
    if trial.log_loss >= best.log_loss:
        return False
    rows = sum(len(raw) for raw in trial.raw)
    mean, error = gain(trial, best, folds, np.full(rows, 1 / rows))
    return mean > error


def helps(row: Mapping[str, Any]) -> bool:
    """Whether a comparison (`ablation_row`) saves more than the standard error of what it saves."""
    return bool(row["gain"] > row["gain_error"])


def gain(trial: Trial, other: Trial, folds: Sequence[FoldRows], weights: Array) -> tuple[float, float]:
    """The weighted mean log loss that `trial` saves on a row against `other`, and its standard error.

    `weights` sum to 1, one for each row that judges; rows are summed by customer.
    """
    labels = np.concatenate([fold.labels for fold in folds])
    losses, others = (log_losses(labels, sigmoid(np.concatenate(one.raw))) for one in (trial, other))
    saved = others - losses
    mean = float(saved @ weights)
    _, owner = np.unique(judged_customers(folds), return_inverse=True)
    sums = np.bincount(owner, weights * (saved - mean))
    return mean, float(np.sqrt(np.sum(sums**2)))


def ablation_row(
    what: str,
    names: tuple[str, str],
    trials: tuple[Trial, Trial],
    folds: Sequence[FoldRows],
    negatives_kept: float = 1.0,
) -> dict[str, Any]:
    """One row of ABLATION_SCHEMA, nothing decided yet; `names` and `trials` are those with and without.

    Of drawn rows (`negatives_kept`) the log loss is that of the drawn ones, where the outcome is more frequent; the
    average precision counts each negative as often as it stands for.
    """
    weights = np.concatenate([np.full(len(raw), 1 / (len(folds) * len(raw))) for raw in trials[0].raw])
    mean, error = gain(*trials, folds, weights)
    (auc_with, ap_with), (auc_without, ap_without) = (_ranking(trial, folds, negatives_kept) for trial in trials)
    return {
        "what": what,
        "with": names[0],
        "without": names[1],
        "rows": sum(fold.judge.height for fold in folds),
        "log_loss": trials[0].log_loss,
        "log_loss_without": trials[1].log_loss,
        "gain": mean,
        "gain_error": error,
        "auc": auc_with,
        "auc_without": auc_without,
        "average_precision": ap_with,
        "average_precision_without": ap_without,
        "is_kept": False,
    }


def _ranking(trial: Trial, folds: Sequence[FoldRows], negatives_kept: float) -> tuple[float, float]:
    pairs = [(fold.labels, raw) for fold, raw in zip(folds, trial.raw, strict=True)]
    return (
        fmean(auc(*pair) for pair in pairs),
        fmean(average_precision(*pair, negative_weight=1 / negatives_kept) for pair in pairs),
    )


def _stack(labels: Sequence[Array], raw: Sequence[Array], count: int) -> Stack:
    return fit_stack(np.concatenate(labels), np.concatenate(raw)) if labels else Stack.mean(count)
