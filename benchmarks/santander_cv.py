"""Cross-validated AUC and profit on the real Santander rows, against plain CatBoost: `python -m benchmarks.santander_cv`.

Repeated stratified folds. Every choice (columns, trees, calibration, members of the ensemble) is made inside the
training folds; the judging fold is read once. Profit is that of treating above .10, for each 1,000 customers. The
interval is a paired bootstrap by customer of the mean over the repeats. Predictions are kept in `--folder`, so a run
that is stopped goes on where it was. This takes hours on two cores: it is no part of `make bench`.
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
from catboost import CatBoostClassifier, Pool

from fiel.core import Core
from fiel.features.attributes import build
from fiel.models.columns import dropped_columns
from fiel.models.metrics import Array, auc, log_losses, profits
from fiel.program import Economics, Program, read_program
from fiel.settings import HOME
from fiel.sources import santander
from fiel.sources.rules import Sieve

AS_OF = date(2016, 3, 2)
SEED = 42
PATIENCE = 60
DRAWS = 2_000

Fit = Callable[[pl.DataFrame, Array, pl.DataFrame, int, int], Array]
"""Training rows, their labels, judging rows, a seed and threads: probabilities of the judging rows."""


def plain(train: pl.DataFrame, labels: Array, judged: pl.DataFrame, seed: int, threads: int) -> Array:
    """CatBoost as it comes, on the columns as they come."""
    raw = [name for name in train.columns if name != "zero_count"]
    model = CatBoostClassifier(random_seed=seed, thread_count=threads, allow_writing_files=False, verbose=False)
    model.fit(train.select(raw).to_numpy(), labels)
    return np.asarray(model.predict_proba(judged.select(raw).to_numpy()))[:, 1]


def bag(members: int, variants: tuple[dict[str, Any], ...]) -> Fit:
    """The mean (in log odds) of models that are each stopped early on another inner fold of the training rows."""

    def fit(train: pl.DataFrame, labels: Array, judged: pl.DataFrame, seed: int, threads: int) -> Array:
        names = _useful(train)
        inner = stratified(labels, members, seed)
        rows, outside = train.select(names).to_numpy(), judged.select(names).to_numpy()
        raw = np.zeros(len(outside))
        for member in range(members):
            inside = inner != member
            model = CatBoostClassifier(
                **{
                    "iterations": 3_000,
                    "border_count": 128,
                    "boosting_type": "Plain",
                    **variants[member % len(variants)],
                },
                random_seed=seed + member,
                thread_count=threads,
                allow_writing_files=False,
                verbose=False,
            )
            model.fit(
                Pool(rows[inside], labels[inside]),
                eval_set=Pool(rows[~inside], labels[~inside]),
                early_stopping_rounds=PATIENCE,
                use_best_model=True,
            )
            raw += np.asarray(model.predict(outside, prediction_type="RawFormulaVal")) / members
        return np.asarray(1 / (1 + np.exp(-raw)))

    return fit


_SMALL = {"depth": 4, "learning_rate": 0.04, "l2_leaf_reg": 6, "rsm": 0.4, "random_strength": 1.0, "subsample": 0.8,
          "bootstrap_type": "Bernoulli"}  # fmt: skip
_MIDDLE = {**_SMALL, "depth": 6, "learning_rate": 0.03, "l2_leaf_reg": 12, "rsm": 0.3}

MODELS: dict[str, Fit] = {
    "plain": plain,
    "bag_small": bag(5, (_SMALL,)),
    "bag_mixed": bag(6, (_SMALL, _MIDDLE)),
}


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
    model: str, features: pl.DataFrame, labels: Array, repeat: int, folds: int, folder: Path, threads: int
) -> Array:
    """Out-of-fold probabilities of one repeat, each fold kept as a file."""
    place = stratified(labels, folds, SEED + repeat)
    found = np.zeros(len(labels))
    for fold in range(folds):
        path = folder / f"{model}-{repeat}-{fold}of{folds}.npy"
        judged = place == fold
        if not path.is_file():
            started = perf_counter()
            probs = MODELS[model](
                features.filter(pl.Series(~judged)), labels[~judged], features.filter(pl.Series(judged)),
                SEED + 100 * repeat + fold, threads,
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
            some = drawn[:300]
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


def _useful(train: pl.DataFrame) -> list[str]:
    """Columns that are neither constant nor a repeat in the training rows."""
    dropped = set(dropped_columns(train, train.columns)["column"])
    return [name for name in train.columns if name not in dropped]


def main() -> None:
    """Run what is asked for, and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HOME.parent / "shared" / "data" / "santander")
    parser.add_argument("--folder", type=Path, default=Path("santander-cv"), help="where predictions are kept")
    parser.add_argument("--models", nargs="+", default=["plain", "bag_mixed"], choices=list(MODELS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    program = read_program(HOME / "deployments" / "programs" / "santander.yaml")
    assert program.economics is not None
    chosen.folder.mkdir(parents=True, exist_ok=True)
    features, labels, _ = attributes(chosen.data, program)
    found: dict[str, list[Array]] = {name: [] for name in chosen.models}
    for repeat, name in itertools.product(range(chosen.repeats), chosen.models):
        made = predictions(name, features, labels, repeat, chosen.folds, chosen.folder, chosen.threads)
        found[name].append(made)
    print(json.dumps(report(found, labels, program.economics), indent=1))


if __name__ == "__main__":
    main()
