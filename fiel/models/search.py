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
from statistics import fmean, median

import numpy as np
import polars as pl

from fiel.errors import ProgramError
from fiel.features.groups import GROUPS
from fiel.models.classifier import DEFAULT_PARAMS, check_device, in_order, pool
from fiel.models.folds import FoldRows, fold_rows
from fiel.models.metrics import auc, log_losses
from fiel.models.recipe import Recipe
from fiel.models.sampling import sampled
from fiel.models.trials import (
    ABLATION_SCHEMA,
    Trial,
    ablation_row,
    grown,
    is_convincing,
    try_embeddings,
    try_ensemble,
    try_pools,
    try_recipe,
)
from fiel.program import Program
from fiel.tables import TABLES

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
    odds). `dropped_groups`: optional groups that did not help. `ablation`: what optional groups, an embedding and an
    ensemble do on the folds (fiel.models.trials.ABLATION_SCHEMA), one row for each comparison.
    """

    recipe: Recipe
    history: pl.DataFrame
    folds: pl.DataFrame
    judged: pl.DataFrame
    dropped_groups: tuple[str, ...]
    ablation: pl.DataFrame


def search_recipe(base: Recipe, frame: pl.DataFrame, program: Program) -> Search:
    """The best recipe that starts from `base`, judged on folds inside `frame` (train only: features, as_of, label).

    Optional groups are dropped first if the folds do better without them, and where folds by customer cannot tell:
    features that are the same for everyone only name the cohort then. After that an embedding is tried, then
    `training.search_trials` parameter sets (0 keeps the defaults), last an ensemble; what the program file does not ask
    for is not tried. With `base.negatives_kept` all of it happens on drawn rows. Seeded: equal rows give an equal
    search. CohortError when no fold holds both classes and neither does train.
    """
    check_device(base.device)
    rows = sampled(frame, base.negatives_kept, base.seed)
    folds = fold_rows(rows, program)
    if not folds:
        pool(base, frame)  # one class only is said here, with its reason
        fixed = dataclasses.replace(base, iterations=min(UNJUDGED_ITERATIONS, base.iterations))
        empty = [
            pl.DataFrame(schema=schema) for schema in (HISTORY_SCHEMA, FOLD_SCHEMA, JUDGED_SCHEMA, ABLATION_SCHEMA)
        ]
        return Search(fixed, empty[0], empty[1], empty[2], (), empty[3])
    best = try_recipe("default", base, folds)
    tried, dropped, ablation = [best], [], []
    for group in program.features.optional_groups:
        columns = columns_of_group(group, best.recipe.features, program)
        if columns and len(columns) < len(best.recipe.features):
            without = try_recipe(f"without {group}", best.recipe.without(columns), folds)
            tried.append(without)
            unjudged = folds[0].kind == "customer" and not GROUPS[group].per_customer
            is_dropped = unjudged or without.log_loss <= best.log_loss
            names = (f"with {group}", f"without {group}")
            ablation.append(ablation_row(group, names, (best, without), folds, is_kept=not is_dropped))
            if is_dropped:
                best = without
                dropped.append(group)
    if program.training.embedding:
        plain, embeddings = best, try_embeddings(best, folds, program.training.embedding)
        tried += [trial for trial, _ in embeddings.values()]
        if embeddings:
            found, with_it = min(embeddings.values(), key=lambda one: one[0].log_loss)
            best, folds = (found, with_it) if is_convincing(found, plain, folds) else (plain, folds)
        for kind, (trial, _) in embeddings.items():
            names, kept = (kind, "no embedding"), trial is best
            ablation.append(ablation_row("embedding", names, (trial, plain), folds, is_kept=kept))
        if len(embeddings) > 1:
            pair = (embeddings["autoencoder"][0], embeddings["pca"][0])
            ablation.append(ablation_row("embedding", ("autoencoder", "pca"), pair, folds, is_kept=best is pair[0]))
    tried.extend(_trials(best.recipe, folds, program))
    found = min(tried, key=lambda trial: trial.log_loss)
    best = found if is_convincing(found, best, folds) else best
    if program.training.ensemble:
        together = try_ensemble(best, folds, program.training.ensemble)
        kept = is_convincing(together, best, folds)
        names = (f"ensemble of {len(together.recipe.members)}", "single model")
        ablation.append(ablation_row("ensemble", names, (together, best), folds, is_kept=kept))
        tried.append(together)
        best = together if kept else best
    growth = rows.height / fmean(fold.fit.height for fold in folds)
    return Search(
        recipe=grown(best.recipe, growth, median(best.iterations), FEWEST_ITERATIONS, base.iterations),
        history=_history(tried, best),
        folds=_fold_table(folds, best),
        judged=_judged(folds, best),
        dropped_groups=tuple(dropped),
        ablation=pl.DataFrame(ablation, schema=ABLATION_SCHEMA),
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


def _trials(recipe: Recipe, folds: Sequence[FoldRows], program: Program) -> list[Trial]:
    """The trials of a seeded TPE search (Bergstra et al. 2011), in their order."""
    count = program.training.search_trials
    if count == 0:
        return []
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=program.training.seed, n_startup_trials=max(4, count // 2))
    study = optuna.create_study(direction="minimize", sampler=sampler)
    pools = [(pool(recipe, fold.fit), pool(recipe, fold.judge)) for fold in folds]
    done: list[Trial] = []
    for _ in range(count):
        asked = study.ask()
        params: dict[str, float] = {}
        for name, (low, high, scale) in SEARCH_SPACE.items():
            params[name] = (
                asked.suggest_int(name, int(low), int(high))
                if scale == "int"
                else asked.suggest_float(name, low, high, log=scale == "log")
            )
        done.append(try_pools("trial", recipe.with_params({**DEFAULT_PARAMS, **params}), pools))
        study.tell(asked, done[-1].log_loss)
    return done


def _history(tried: Sequence[Trial], best: Trial) -> pl.DataFrame:
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


def _fold_table(folds: Sequence[FoldRows], best: Trial) -> pl.DataFrame:
    rows = []
    for place, fold in enumerate(folds):
        labels = fold.labels
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


def _judged(folds: Sequence[FoldRows], best: Trial) -> pl.DataFrame:
    return pl.concat(
        in_order(fold.judge)
        .select("customer_id", "as_of", pl.col("label").cast(pl.Int8))
        .with_columns(
            fold=pl.lit(place + 1, pl.Int64), kind=pl.lit(fold.kind), raw=pl.Series(best.raw[place], dtype=pl.Float64)
        )
        .select(list(JUDGED_SCHEMA))
        for place, fold in enumerate(folds)
    )
