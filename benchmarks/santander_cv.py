"""Cross-validated AUC and profit on the real Santander rows, against plain CatBoost.

`python -m benchmarks.santander_cv`. Repeated stratified folds. `program` is what the program does, by its own code:
useless columns, recipe, number of trees, calibration, all inside the training folds; the judging fold is read once.
`plain` is CatBoost as it comes, with the same threshold. Profit is that of treating above it, for each 1,000 customers.
The interval is a paired bootstrap by customer of the mean over the repeats. Predictions are kept in `--folder`, so a
run that is stopped goes on where it was. This takes hours on two cores: it is no part of `make bench`.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
from catboost import CatBoostClassifier

from fiel.core import Core
from fiel.features.attributes import build
from fiel.models import classifier
from fiel.models.calibration import CohortSpread
from fiel.models.cohorts import split_customers
from fiel.models.columns import dropped_columns
from fiel.models.metrics import Array, auc, log_losses, profits
from fiel.models.retraining import calibrate
from fiel.models.search import search_recipe
from fiel.program import Economics, Program, read_program
from fiel.settings import HOME
from fiel.sources import santander
from fiel.sources.rules import Sieve

AS_OF = date(2016, 3, 2)
SEED = 42
DRAWS, AUC_DRAWS = 2_000, 300
VALID_FOLDS = 5
"""One of so many parts of the training folds calibrates: the program's own shares, .15 of .75."""

Fit = Callable[[pl.DataFrame, Array, pl.DataFrame, Program], Array]
"""Training rows, their labels, judging rows, the program (with seed and threads): probabilities of the judging rows."""


def plain(train: pl.DataFrame, labels: Array, judged: pl.DataFrame, program: Program) -> Array:
    """CatBoost as it comes, on the source's columns (sentinels are missing values here too)."""
    raw = [name for name in train.columns if name.startswith("x_")]
    rules = program.training
    model = CatBoostClassifier(
        random_seed=rules.seed, thread_count=rules.threads, allow_writing_files=False, verbose=False
    )
    model.fit(train.select(raw).to_numpy(), labels)
    return np.asarray(model.predict_proba(judged.select(raw).to_numpy()))[:, 1]


def of_program(train: pl.DataFrame, labels: Array, judged: pl.DataFrame, program: Program) -> Array:
    """The model that `fiel run retrain` would make of the training rows (fiel.models.retraining.train)."""
    rows = train.with_columns(
        label=pl.Series(labels).cast(pl.Int8),
        customer_id=pl.int_range(pl.len()).cast(pl.String).str.zfill(6),
        as_of=pl.lit(AS_OF),
    )
    is_valid = pl.Series(stratified(labels, VALID_FOLDS, program.training.seed) == 0)
    fitted_on, valid = rows.filter(~is_valid), rows.filter(is_valid)
    dropped = set(dropped_columns(fitted_on, train.columns)["column"])
    kept = [name for name in train.columns if name not in dropped]
    recipe = search_recipe(classifier.base_recipe(kept, rows.schema, program.training), fitted_on, program).recipe
    selected = classifier.fit(recipe, fitted_on)
    _, sigmoid = calibrate(selected, valid, split_customers(program, AS_OF), program, CohortSpread(0.0, 0.0, 0))
    return classifier.predict(classifier.fit(recipe, rows, sigmoid), judged)


def without_row_features(train: pl.DataFrame, labels: Array, judged: pl.DataFrame, program: Program) -> Array:
    """The program without sums, counts, differences and ratios over a row (an ablation)."""
    raw = [name for name in train.columns if name.startswith("x_")]
    return of_program(train.select(raw), labels, judged.select(raw), program)


MODELS: dict[str, Fit] = {"plain": plain, "program": of_program, "without_row_features": without_row_features}


def attributes(folder: Path, program: Program) -> tuple[pl.DataFrame, Array, pl.Series]:
    """Feature rows (the group `attributes`), labels and customers of the files in `folder`, by customer."""
    parsed = santander.read(program, {"files": folder}, Sieve("real"), datetime.now(UTC).replace(tzinfo=None))
    core = Core.of({name: parsed[name] for name in ("attributes", "labels")}, AS_OF)
    known = parsed["labels"].filter(pl.col("label").is_not_null()).select("customer_id", "label")
    rows = build(core, [AS_OF], program).collect().join(known, on="customer_id").sort("customer_id")
    features = rows.drop("customer_id", "as_of", "label")
    return features, rows["label"].to_numpy().astype(np.float64), rows["customer_id"]


def stratified(labels: Array, folds: int, seed: int) -> Array:
    """The fold of each row, so that each fold has its share of the positives."""
    rng = np.random.default_rng(seed)
    place = np.zeros(len(labels), dtype=np.int64)
    for value in (0, 1):
        rows = np.flatnonzero(labels == value)
        place[rng.permutation(rows)] = np.arange(len(rows)) % folds
    return place


def predictions(
    model: str, features: pl.DataFrame, labels: Array, repeat: int, folds: int, folder: Path, program: Program
) -> Array:
    """Out-of-fold probabilities of one repeat, each fold kept as a file."""
    place = stratified(labels, folds, SEED + repeat)
    found = np.zeros(len(labels))
    for fold in range(folds):
        path = folder / f"{model}-{repeat}-{fold}of{folds}.npy"
        judged = place == fold
        if not path.is_file():
            started = perf_counter()
            seeded = program.training.model_copy(update={"seed": SEED + 100 * repeat + fold})
            probs = MODELS[model](
                features.filter(pl.Series(~judged)), labels[~judged], features.filter(pl.Series(judged)),
                program.model_copy(update={"training": seeded}),
            )  # fmt: skip
            np.save(path, probs)
            print(f"{model} repeat {repeat} fold {fold}: {perf_counter() - started:.0f} s", flush=True)
        found[judged] = np.load(path)
    return found


def report(found: dict[str, list[Array]], labels: Array, economics: Economics) -> dict[str, Any]:
    """AUC, log loss and profit for each 1,000 of each model (means over repeats), and differences to `plain`."""
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, len(labels), size=(DRAWS, len(labels)), dtype=np.int32)
    result: dict[str, Any] = {"rows": len(labels), "positives": int(labels.sum()), "models": {}}
    base = found["plain"]
    for name, repeats in found.items():
        worth = np.mean([profits(labels, probs, economics) for probs in repeats], axis=0)
        gained = worth - np.mean([profits(labels, probs, economics) for probs in base], axis=0)
        losses = np.mean([log_losses(labels, probs) for probs in repeats], axis=0)
        aucs = [auc(labels, probs) for probs in repeats]
        found_here = {
            "repeats": len(repeats), "auc": float(np.mean(aucs)), "auc_by_repeat": [round(one, 5) for one in aucs],
            "log_loss": float(losses.mean()), "profit_per_1000": float(1_000 * worth.mean()),
        }  # fmt: skip
        if name != "plain":
            means = np.array([gained[rows].mean() for rows in drawn])
            found_here["profit_difference_per_1000"] = _interval(1_000 * gained.mean(), 1_000 * means)
            some = drawn[:AUC_DRAWS]
            apart = [
                np.mean([auc(labels[rows], ours[rows]) - auc(labels[rows], theirs[rows])
                         for ours, theirs in zip(repeats, base, strict=True)])
                for rows in some
            ]  # fmt: skip
            estimate = np.mean([auc(labels, o) - auc(labels, t) for o, t in zip(repeats, base, strict=True)])
            found_here["auc_difference"] = _interval(float(estimate), np.array(apart))
        result["models"][name] = found_here
    return result


def _interval(estimate: float, drawn: Array) -> list[float]:
    return [float(estimate), *(float(bound) for bound in np.quantile(drawn, [0.025, 0.975]))]


def main() -> None:
    """Run what is asked for, and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HOME.parent / "shared" / "data" / "santander")
    parser.add_argument("--folder", type=Path, default=Path("santander-cv"), help="where predictions are kept")
    parser.add_argument("--models", nargs="+", default=["plain", "program"], choices=list(MODELS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    program = read_program(HOME / "deployments" / "programs" / "santander.yaml")
    economics = program.economics
    assert economics is not None
    training = program.training.model_copy(update={"threads": chosen.threads})
    program = program.model_copy(update={"training": training})
    chosen.folder.mkdir(parents=True, exist_ok=True)
    features, labels, _ = attributes(chosen.data, program)
    found: dict[str, list[Array]] = {name: [] for name in chosen.models}
    for repeat, name in itertools.product(range(chosen.repeats), chosen.models):
        made = predictions(name, features, labels, repeat, chosen.folds, chosen.folder, program)
        found[name].append(made)
        print(f"{name}: repeat {repeat} done", flush=True)
    print(json.dumps(report(found, labels, economics), indent=1))


if __name__ == "__main__":
    main()
