"""A prediction as the service makes it, against CatBoost's own and against the batch's, in the same process.

    python -m benchmarks.bench_row_model [--repeats 300]

Three made-up models of 200 trees: 90 numbers and 3 categories, 320 numbers, and 90 numbers with an embedding of 8. For
each: microseconds for one customer (values as the store has them) beside `CatBoostClassifier.predict` of the same
values in a list and beside the batch's way (a frame of one row); milliseconds for 1,000 customers beside the batch's
way; and milliseconds to explain one customer. Medians of processor time. Printed too: how many of 2,000 customers
differ in any bit between one at a time, all at once and the batch. Limits: no bit differs; one customer takes 1.5 times
CatBoost's own at the most (beside an embedding, 2.5 times); 1,000 take 20 ms at the most.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from fiel.models import classifier
from fiel.models.embedded import embedding_recipe
from fiel.models.live import explain
from fiel.models.loaded import LoadedModel
from fiel.models.row_model import RowModel
from fiel.program import EmbeddingRules, Training, read_program
from fiel.settings import HOME

TREES = 200
CUSTOMERS = 2_000
MOST_TIMES, MOST_TIMES_EMBEDDED, MOST_MS = 1.5, 2.5, 20.0


def made_up_rows(numbers: int, categories: int, seed: int = 7) -> pl.DataFrame:
    """Labelled rows of one date; a third of the columns has empty values."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(CUSTOMERS, numbers))
    odds = values[:, :10].sum(axis=1) / 3 - 1
    values[:, ::3][rng.random(values[:, ::3].shape) < 0.2] = np.nan
    return pl.DataFrame(
        {
            "customer_id": [f"c{place:07d}" for place in range(CUSTOMERS)],
            "as_of": pl.Series([date(2025, 1, 1)]).new_from_index(0, CUSTOMERS),
            **{f"c_{place}": [f"v{one}" for one in rng.integers(0, 12, CUSTOMERS)] for place in range(categories)},
            **{f"x_{place}": pl.Series(values[:, place]).fill_nan(None) for place in range(numbers)},
            "label": (rng.random(CUSTOMERS) < 1 / (1 + np.exp(-odds))).astype(np.int8),
        }
    )


def fitted(rows: pl.DataFrame, is_embedded: bool) -> LoadedModel:
    """A model of the rows, as the registry gives it."""
    features = [name for name in rows.columns if name[:2] in ("c_", "x_")]
    recipe = dataclasses.replace(classifier.base_recipe(features, rows.schema, Training()), iterations=TREES)
    if is_embedded:
        made = embedding_recipe("autoencoder", recipe, EmbeddingRules(size=8, hidden=32, epochs=2, rows=CUSTOMERS))
        assert made is not None
        recipe = recipe.with_embedding(made)
    model = classifier.fit(recipe, rows)
    names, categorical = classifier.features_of(model)
    return LoadedModel("1", "catboost", "", model, tuple(names), tuple(categorical))


def median_ms(work: Callable[[], Any], repeats: int) -> float:
    """Milliseconds of processor time of `work` (both cores' together), the median."""
    work()
    took = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return statistics.median(took) * 1_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=300)
    repeats = parser.parse_args().repeats
    program = read_program(HOME / "deployments" / "programs" / "telecom.yaml")
    is_within = True
    for name, (numbers, categories, is_embedded) in {
        "90 numbers, 3 categories": (90, 3, False),
        "320 numbers": (320, 0, False),
        "90 numbers, embedding": (90, 0, True),
    }.items():
        rows = made_up_rows(numbers, categories)
        loaded = fitted(rows, is_embedded)
        is_within &= _measure(name, RowModel(loaded), rows, program, repeats, is_embedded)
    return 0 if is_within else 1


def _measure(name: str, model: RowModel, rows: pl.DataFrame, program: Any, repeats: int, is_embedded: bool) -> bool:
    loaded = model.loaded
    stored = [list(row) for row in rows.select(model.inputs).rows()]
    batch = loaded.predict(rows).tolist()
    alone = [model.predict([row])[0] for row in stored]
    different = sum(len(set(three)) > 1 for three in zip(batch, model.predict(stored), alone, strict=True))
    table = classifier.model_input(
        classifier.with_embedding(loaded.model, rows.head(1)), list(loaded.features), list(loaded.categorical)
    )
    ready, one, thousand = [list(table.row(0))], rows.head(1), rows.head(1_000)
    ours = median_ms(lambda: model.predict(stored[:1]), repeats)
    own = median_ms(lambda: loaded.model.predict(ready, prediction_type="Probability"), repeats)
    framed = median_ms(lambda: loaded.predict(one), max(10, repeats // 10))
    many = median_ms(lambda: model.predict(stored[:1_000]), max(10, repeats // 10))
    many_framed = median_ms(lambda: loaded.predict(thousand), max(10, repeats // 10))
    told = median_ms(lambda: explain(model, stored[:1], program), max(10, repeats // 10))
    most = MOST_TIMES_EMBEDDED if is_embedded else MOST_TIMES
    print(f"{name}: {len(loaded.features)} features, {TREES} trees, {repeats} repeats")
    print(f"  one customer     {ours * 1_000:7.0f} us   CatBoost's own {own * 1_000:5.0f} us   ratio {ours / own:.2f}"
          f" (at most {most})   a frame of one row {framed * 1_000:6.0f} us")  # fmt: skip
    print(f"  1,000 customers  {many:7.1f} ms (at most {MOST_MS:.0f})   a frame {many_framed:.1f} ms")
    print(f"  one explained    {told:7.1f} ms")
    print(f"  {different} of {len(stored):,} customers differ in a bit")
    return different == 0 and ours <= most * own and many <= MOST_MS


if __name__ == "__main__":
    sys.exit(main())
