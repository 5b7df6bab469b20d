"""Scoring an existing snapshot, against the model's bare predict_proba on the same frame in the same run.

    python -m benchmarks.bench_scoring [--customers 400000] [--trees 400]

The snapshot is made up, with the real columns; a CatBoost model of the production size is trained on 20,000 of its
rows. Printed: seconds and the ratio to `predict_proba`, without reasons and with those of the customers who could be
granted (the cost of which is CatBoost's SHAP). The limit is 15 s with reasons, at 400,000 customers.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from fiel.features.snapshot import categorical_features, model_features
from fiel.models.classifier import Recipe, features_of, fit, model_input, shap_values
from fiel.models.loaded import LoadedModel
from fiel.models.scoring import grantable, score
from fiel.program import read_program
from fiel.settings import HOME
from tests.models.snapshots import made_up_labels, made_up_snapshot

LIMIT_SECONDS = 15.0
AS_OF = date(2025, 9, 1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=400_000)
    arguments.add_argument("--trees", type=int, default=400)
    given = arguments.parse_args()
    program = read_program(HOME / "deployments" / "programs" / "teomewhy.yaml")
    snapshot = made_up_snapshot(given.customers, AS_OF, program)
    features = tuple(model_features(program, snapshot.columns))
    categorical = tuple(categorical_features(program, features))
    params = (("depth", 6), ("l2_leaf_reg", 6.0), ("learning_rate", 0.03), ("rsm", 0.5))
    train = snapshot.head(20_000).join(made_up_labels(snapshot.head(20_000)), on=["customer_id", "as_of"])
    trained = fit(Recipe(features, categorical, params, given.trees, 7, 2), train)
    model = LoadedModel("1", "catboost", "0" * 64, trained, features, categorical)

    population = snapshot.filter("in_population")
    bare, bare_cpu = timed(lambda: trained.predict_proba(model_input(population, *features_of(trained))))
    plain, plain_cpu = timed(lambda: score(snapshot, model, program, table_versions={}, reasons_for="none"))
    scores: list[pl.DataFrame] = []
    full, full_cpu = timed(lambda: scores.append(score(snapshot, model, program, table_versions={})))
    told = scores[0]["reason_1"].is_not_null()
    granted = scores[0].filter(grantable(program))
    explained = snapshot.filter(told)
    shap, shap_cpu = timed(lambda: shap_values(trained, explained))

    assert told.sum() == granted.height, "everyone who could be granted has a reason, and nobody else"
    print(f"{given.customers:,} customers, {population.height:,} in the population, {len(features)} features, "
          f"{trained.tree_count_} trees")  # fmt: skip
    print(f"predict_proba alone               {bare:7.2f} s  {bare_cpu:7.2f} s of processor")
    print(f"score without reasons             {plain:7.2f} s  {plain_cpu:7.2f} s  {plain / bare:6.1f} x predict_proba")
    print(
        f"score with reasons for {told.sum():>9,}  {full:7.2f} s  {full_cpu:7.2f} s  {full / bare:6.1f} x predict_proba"
    )
    print(f"  of which SHAP alone             {shap:7.2f} s  {shap_cpu:7.2f} s  "
          f"(all of it: {full / (bare + shap):.2f} x predict_proba and SHAP)")  # fmt: skip
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.2f} GiB")
    if given.customers >= 400_000 and full > LIMIT_SECONDS:
        raise SystemExit(f"too slow: {full:.1f} s, the limit is {LIMIT_SECONDS:g} s")


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the clock, and seconds of all processors together (which a busy machine does not stretch)."""
    started, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - spent


if __name__ == "__main__":
    main()
