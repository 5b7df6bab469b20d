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
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import polars as pl

from fiel.errors import ProgramError
from fiel.features.groups import GROUPS
from fiel.models.classifier import DEFAULT_PARAMS, check_device, pool
from fiel.models.folds import FoldRows, fold_rows
from fiel.models.recipe import Recipe
from fiel.models.sampling import sampled
from fiel.models.search_tables import (
    FOLD_SCHEMA,
    HISTORY_SCHEMA,
    JUDGED_SCHEMA,
    SEARCH_SPACE,
    fold_table,
    history,
    judged,
)
from fiel.models.trials import (
    ABLATION_SCHEMA,
    Trial,
    ablation_row,
    grown,
    helps,
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


@dataclass(frozen=True)
class Search:
    """What the search chose and how it got there.

    `history`: one row for each recipe that was tried (step `default`, `without GROUP`, `embedding KIND`, `trial` or
    `ensemble`). `folds`: one row for each fold under the chosen recipe; `kind` says whether it was cut by time or,
    where train is too short for that, by customer. `judged`: out-of-fold predictions of the chosen recipe (fold,
    customer_id, as_of, label, raw log odds). `dropped_groups`: optional groups that did not help. `ablation`: what
    optional groups, an embedding and an ensemble do on the folds (fiel.models.trials.ABLATION_SCHEMA), one row for each
    comparison. `alternative`: the single model where the ensemble was chosen, and the other way round; None where no
    ensemble was tried.
    """

    recipe: Recipe
    history: pl.DataFrame
    folds: pl.DataFrame
    judged: pl.DataFrame
    dropped_groups: tuple[str, ...]
    ablation: pl.DataFrame
    alternative: Recipe | None = None


@dataclass
class _Bench:
    """The folds as they stand, what was tried on them, and the best so far."""

    folds: Sequence[FoldRows]
    best: Trial
    negatives_kept: float
    tried: list[Trial] = field(default_factory=list)
    ablation: list[dict[str, Any]] = field(default_factory=list)

    def compare(self, what: str, names: tuple[str, str], trials: tuple[Trial, Trial]) -> dict[str, Any]:
        """The comparison, kept for the ablation; whoever asks writes into it what was decided."""
        self.ablation.append(ablation_row(what, names, trials, self.folds, self.negatives_kept))
        return self.ablation[-1]


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
    first = try_recipe("default", base, folds)
    bench = _Bench(folds, first, base.negatives_kept, [first])
    dropped = _without_groups(bench, program)
    _with_embedding(bench, program)
    trials = _trials(bench.best.recipe, bench.folds, program)
    bench.tried += trials
    found = min([bench.best, *trials], key=lambda trial: trial.log_loss)
    bench.best = found if is_convincing(found, bench.best, bench.folds) else bench.best
    other = _together(bench, program)
    growth = rows.height / fmean(fold.fit.height for fold in bench.folds)
    return Search(
        recipe=_finished(bench.best, growth, base.iterations),
        history=history(bench.tried, bench.best),
        folds=fold_table(bench.folds, bench.best),
        judged=judged(bench.folds, bench.best),
        dropped_groups=dropped,
        ablation=pl.DataFrame(bench.ablation, schema=ABLATION_SCHEMA),
        alternative=_finished(other, growth, base.iterations) if other else None,
    )


def _without_groups(bench: _Bench, program: Program) -> tuple[str, ...]:
    """Tries the recipe without each optional group; the groups that were dropped."""
    dropped = []
    for group in program.features.optional_groups:
        best = bench.best
        columns = columns_of_group(group, best.recipe.features, program)
        if not columns or len(columns) == len(best.recipe.features):
            continue
        without = try_recipe(f"without {group}", best.recipe.without(columns), bench.folds)
        bench.tried.append(without)
        unjudged = bench.folds[0].kind == "customer" and not GROUPS[group].per_customer
        is_dropped = unjudged or without.log_loss <= best.log_loss
        row = bench.compare(group, (f"with {group}", f"without {group}"), (best, without))
        row["is_kept"] = not is_dropped
        if is_dropped:
            bench.best = without
            dropped.append(group)
    return tuple(dropped)


def _with_embedding(bench: _Bench, program: Program) -> None:
    """Tries an embedding of each kind against none; the better one stays if it convinces."""
    if program.training.embedding is None:
        return
    plain = bench.best
    found = try_embeddings(plain, bench.folds, program.training.embedding)
    if not found:
        return
    bench.tried += [trial for trial, _ in found.values()]
    better = min(found, key=lambda kind: found[kind][0].log_loss)
    for kind, (trial, _) in found.items():
        row = bench.compare("embedding", (kind, "no embedding"), (trial, plain))
        row["is_kept"] = kind == better and helps(row)
        if row["is_kept"]:
            bench.best = trial
    neural, linear = found["autoencoder"][0], found["pca"][0]
    bench.compare("embedding", ("autoencoder", "pca"), (neural, linear))["is_kept"] = bench.best is neural
    if bench.best is not plain:
        bench.folds = found[better][1]


def _together(bench: _Bench, program: Program) -> Trial | None:
    """Tries the ensemble against the single model; the one of them that was not chosen, None where none was tried."""
    if program.training.ensemble is None:
        return None
    single = bench.best
    ensemble = try_ensemble(single, bench.folds, program.training.ensemble)
    bench.tried.append(ensemble)
    row = bench.compare("ensemble", (ensemble.recipe.words, single.recipe.words), (ensemble, single))
    row["is_kept"] = helps(row)
    bench.best = ensemble if row["is_kept"] else single
    return single if row["is_kept"] else ensemble


def _finished(trial: Trial, growth: float, most: int) -> Recipe:
    return grown(trial.recipe, growth, median(trial.iterations), FEWEST_ITERATIONS, most)


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
