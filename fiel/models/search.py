"""The search for a recipe on rolling-origin folds inside train: parameters, trees, optional feature groups.

Nothing outside train is looked at. Every trial is the mean log loss over the folds with early stopping; the recipe
then gets a fixed number of trees, so that the refit on more rows needs no judge: the median over the folds, in
proportion to the rows, because the folds are fitted on part of train and more rows carry more trees.

With a few hundred rows a month the best of many trials is partly luck, so a trial replaces the default parameters only
where its gain on the folds is larger than its standard error (Breiman et al. 1984, the one-standard-error rule).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean, median

import numpy as np
import polars as pl
from catboost import Pool

from fiel.errors import ProgramError
from fiel.features.groups import GROUPS
from fiel.models.calibration import sigmoid
from fiel.models.classifier import DEFAULT_PARAMS, Recipe, check_device, fit_with_early_stopping, in_order, pool
from fiel.models.cohorts import rolling_folds
from fiel.models.metrics import Array, auc, log_losses
from fiel.program import Program
from fiel.tables import TABLES

PATIENCE = 25
"""Trees without a better log loss on a fold after which fitting stops."""

FEWEST_ITERATIONS = 10
UNJUDGED_ITERATIONS = 120
"""Trees where no fold can judge (one cohort, one customer): what the folds of the real months settle at."""

SEARCH_SPACE: dict[str, tuple[float, float, str]] = {
    "depth": (3, 6, "int"),
    "learning_rate": (0.04, 0.12, "log"),
    "l2_leaf_reg": (1.0, 30.0, "log"),
    "rsm": (0.2, 1.0, "float"),
    "random_strength": (0.5, 4.0, "log"),
}
"""Parameter: lowest, highest, scale."""

HISTORY_SCHEMA = {
    "step": pl.String(),
    "trial": pl.Int64(),
    "log_loss": pl.Float64(),
    "iterations": pl.Int64(),
    "features": pl.Int64(),
    "is_chosen": pl.Boolean(),
    **dict.fromkeys(SEARCH_SPACE, pl.Float64()),
}
FOLD_SCHEMA = {
    "fold": pl.Int64(),
    "kind": pl.String(),
    "fit_from": pl.Date(),
    "fit_to": pl.Date(),
    "judge_from": pl.Date(),
    "judge_to": pl.Date(),
    "fit_rows": pl.Int64(),
    "judge_rows": pl.Int64(),
    "iterations": pl.Int64(),
    "auc": pl.Float64(),
    "log_loss": pl.Float64(),
    "base_log_loss": pl.Float64(),
}
JUDGED_SCHEMA = {
    "fold": pl.Int64(),
    "kind": pl.String(),
    "customer_id": pl.String(),
    "as_of": pl.Date(),
    "label": pl.Int8(),
    "raw": pl.Float64(),
}


@dataclass(frozen=True)
class Search:
    """What the search chose and how it got there.

    `history`: one row for each recipe that was tried (step `default`, `without GROUP` or `trial`). `folds`: one row
    for each fold under the chosen recipe; `kind` says whether it was cut by time or, where train is too short for
    that, by customer. `judged`: out-of-fold predictions of the chosen recipe (fold, customer_id, as_of, label, raw log
    odds). `dropped_groups`: optional groups that did not help.
    """

    recipe: Recipe
    history: pl.DataFrame
    folds: pl.DataFrame
    judged: pl.DataFrame
    dropped_groups: tuple[str, ...]


@dataclass(frozen=True)
class _FoldRows:
    kind: str
    fit: pl.DataFrame
    judge: pl.DataFrame


@dataclass(frozen=True)
class _Trial:
    step: str
    recipe: Recipe
    log_loss: float
    iterations: tuple[int, ...]
    losses: tuple[float, ...]
    raw: tuple[Array, ...]


def search_recipe(base: Recipe, frame: pl.DataFrame, program: Program) -> Search:
    """The best recipe that starts from `base`, judged on folds inside `frame` (train only: features, as_of, label).

    Optional groups are dropped first if the folds do better without them, and where folds by customer cannot tell:
    features that are the same for everyone only name the cohort then. After that `training.search_trials` parameter
    sets are tried (0 keeps the defaults). Seeded: equal rows give an equal search. CohortError when no fold holds
    both classes and neither does train.
    """
    check_device(base.device)
    folds = _fold_rows(frame, program)
    if not folds:
        pool(base, frame)  # one class only is said here, with its reason
        fixed = dataclasses.replace(base, iterations=min(UNJUDGED_ITERATIONS, base.iterations))
        empty = [pl.DataFrame(schema=schema) for schema in (HISTORY_SCHEMA, FOLD_SCHEMA, JUDGED_SCHEMA)]
        return Search(fixed, empty[0], empty[1], empty[2], ())
    best = _try("default", base, folds)
    tried, dropped = [best], []
    for group in program.features.optional_groups:
        columns = columns_of_group(group, best.recipe.features, program)
        if columns and len(columns) < len(best.recipe.features):
            without = _try(f"without {group}", best.recipe.without(columns), folds)
            tried.append(without)
            unjudged = folds[0].kind == "customer" and not GROUPS[group].per_customer
            if unjudged or without.log_loss <= best.log_loss:
                best = without
                dropped.append(group)
    tried.extend(_trials(best.recipe, folds, program))
    found = min(tried, key=lambda trial: trial.log_loss)
    best = found if _is_convincing(found, best, folds) else best
    growth = frame.height / fmean(fold.fit.height for fold in folds)
    trees = max(FEWEST_ITERATIONS, round(median(best.iterations) * growth))
    return Search(
        recipe=dataclasses.replace(best.recipe, iterations=min(trees, base.iterations)),
        history=_history(tried, best),
        folds=_fold_table(folds, best),
        judged=_judged(folds, best),
        dropped_groups=tuple(dropped),
    )


def columns_of_group(group: str, features: Sequence[str], program: Program) -> set[str]:
    """Which of `features` belong to the feature group `group`, by its table's schema; ProgramError if it is unknown."""
    if group not in GROUPS:
        raise ProgramError(
            f"program {program.name}, field `features.optional_groups`: no feature group {group!r}; "
            f"known are: {', '.join(GROUPS)}"
        )
    table = TABLES[GROUPS[group].table]
    return {
        name for name in features if name in table.declared or any(pattern.matches(name) for pattern in table.patterns)
    }


def _fold_rows(frame: pl.DataFrame, program: Program) -> list[_FoldRows]:
    if program.is_table:
        return _stratified_folds(frame, program)
    dates: list[date] = sorted(frame["as_of"].unique().to_list())
    folds = [
        _FoldRows(
            "time", frame.filter(pl.col("as_of").is_in(fold.fit)), frame.filter(pl.col("as_of").is_in(fold.judge))
        )
        for fold in rolling_folds(dates, program)
    ]
    usable = [fold for fold in folds if _both(fold.fit) and _both(fold.judge)]
    return usable or [fold for fold in _customer_folds(frame, program) if _both(fold.fit) and _both(fold.judge)]


def _customer_folds(frame: pl.DataFrame, program: Program) -> list[_FoldRows]:
    """Folds by customer, for a train that is too short to be cut by time; all cohorts of a customer stay together."""
    count = program.training.folds
    customers = frame.select(pl.col("customer_id").unique().sort())
    order = np.random.default_rng(program.training.seed).permutation(customers.height) % count
    placed = frame.join(customers.with_columns(fold=pl.Series(order)), on="customer_id", how="left")
    return [
        _FoldRows("customer", placed.filter(pl.col("fold") != k), placed.filter(pl.col("fold") == k))
        for k in range(count)
    ]


def _stratified_folds(frame: pl.DataFrame, program: Program) -> list[_FoldRows]:
    """Folds of an undated program, one row for each customer: each holds its share of the positives."""
    count = program.training.folds
    ordered = frame.sort("customer_id")
    drawn = np.random.default_rng(program.training.seed).permutation(ordered.height)
    placed = ordered.with_columns(_drawn=pl.Series(drawn)).with_columns(
        fold=(pl.col("_drawn").rank("ordinal").over("label").cast(pl.Int64) - 1) % count
    )
    folds = [
        _FoldRows("customer", placed.filter(pl.col("fold") != k), placed.filter(pl.col("fold") == k))
        for k in range(count)
    ]
    return [fold for fold in folds if _both(fold.fit) and _both(fold.judge)]


def _both(frame: pl.DataFrame) -> bool:
    return frame["label"].n_unique() == 2


def _try(step: str, recipe: Recipe, folds: Sequence[_FoldRows]) -> _Trial:
    pools = [(pool(recipe, fold.fit), pool(recipe, fold.judge)) for fold in folds]
    return _try_pools(step, recipe, pools)


def _try_pools(step: str, recipe: Recipe, pools: Sequence[tuple[Pool, Pool]]) -> _Trial:
    losses, iterations, scores = [], [], []
    for rows, judge in pools:
        model = fit_with_early_stopping(recipe, rows, judge, PATIENCE)
        labels = np.asarray(judge.get_label(), dtype=np.float64)
        scores.append(np.asarray(model.predict(judge, prediction_type="RawFormulaVal")))
        losses.append(float(log_losses(labels, sigmoid(scores[-1])).mean()))
        iterations.append(int(model.tree_count_))
    return _Trial(step, recipe, fmean(losses), tuple(iterations), tuple(losses), tuple(scores))


def _trials(recipe: Recipe, folds: Sequence[_FoldRows], program: Program) -> list[_Trial]:
    """The trials of a seeded TPE search (Bergstra et al. 2011), in their order."""
    count = program.training.search_trials
    if count == 0:
        return []
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=program.training.seed, n_startup_trials=max(4, count // 2))
    study = optuna.create_study(direction="minimize", sampler=sampler)
    pools = [(pool(recipe, fold.fit), pool(recipe, fold.judge)) for fold in folds]
    done: list[_Trial] = []
    for _ in range(count):
        asked = study.ask()
        params: dict[str, float] = {}
        for name, (low, high, scale) in SEARCH_SPACE.items():
            params[name] = (
                asked.suggest_int(name, int(low), int(high))
                if scale == "int"
                else asked.suggest_float(name, low, high, log=scale == "log")
            )
        done.append(_try_pools("trial", recipe.with_params({**DEFAULT_PARAMS, **params}), pools))
        study.tell(asked, done[-1].log_loss)
    return done


def _is_convincing(trial: _Trial, best: _Trial, folds: Sequence[_FoldRows]) -> bool:
    """Whether `trial` beats `best` by more than the standard error of the difference, rows summed by customer."""
    if trial.log_loss >= best.log_loss:
        return False
    judged = pl.concat([in_order(fold.judge).select("customer_id", "label") for fold in folds])
    labels = judged["label"].to_numpy().astype(np.float64)
    better = log_losses(labels, sigmoid(np.concatenate(best.raw))) - log_losses(
        labels, sigmoid(np.concatenate(trial.raw))
    )
    _, owner = np.unique(judged["customer_id"].to_numpy(), return_inverse=True)
    sums = np.bincount(owner, better - better.mean())
    return bool(better.mean() > np.sqrt(np.sum(sums**2)) / len(better))


def _history(tried: Sequence[_Trial], best: _Trial) -> pl.DataFrame:
    rows = [
        {
            "step": trial.step,
            "trial": place,
            "log_loss": trial.log_loss,
            "iterations": int(median(trial.iterations)),
            "features": len(trial.recipe.features),
            "is_chosen": trial is best,
            **{name: float(value) for name, value in trial.recipe.params if name in SEARCH_SPACE},
        }
        for place, trial in enumerate(tried)
    ]
    return pl.DataFrame(rows, schema=HISTORY_SCHEMA)


def _fold_table(folds: Sequence[_FoldRows], best: _Trial) -> pl.DataFrame:
    rows = []
    for place, fold in enumerate(folds):
        labels = in_order(fold.judge)["label"].to_numpy().astype(np.float64)
        rows.append(
            {
                "fold": place + 1,
                "kind": fold.kind,
                "fit_from": fold.fit["as_of"].min(),
                "fit_to": fold.fit["as_of"].max(),
                "judge_from": fold.judge["as_of"].min(),
                "judge_to": fold.judge["as_of"].max(),
                "fit_rows": fold.fit.height,
                "judge_rows": fold.judge.height,
                "iterations": best.iterations[place],
                "auc": auc(labels, best.raw[place]),
                "log_loss": best.losses[place],
                "base_log_loss": float(log_losses(labels, np.full(len(labels), fold.fit["label"].mean())).mean()),
            }
        )
    return pl.DataFrame(rows, schema=FOLD_SCHEMA)


def _judged(folds: Sequence[_FoldRows], best: _Trial) -> pl.DataFrame:
    return pl.concat(
        in_order(fold.judge)
        .select("customer_id", "as_of", pl.col("label").cast(pl.Int8))
        .with_columns(
            fold=pl.lit(place + 1, pl.Int64), kind=pl.lit(fold.kind), raw=pl.Series(best.raw[place], dtype=pl.Float64)
        )
        .select(list(JUDGED_SCHEMA))
        for place, fold in enumerate(folds)
    )
