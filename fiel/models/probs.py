"""Probabilities of a program's further targets at one as_of, each by the champion of its own registered model."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from fiel.errors import SchemaError
from fiel.models.baselines import in_population
from fiel.models.loaded import LoadedModel
from fiel.program import Program
from fiel.tables import TABLES


def target_probs(snapshot: pl.DataFrame, models: Mapping[str, LoadedModel], program: Program) -> pl.DataFrame:
    """Probabilities, `out_probs`: a row for each target of `models` and customer of that target's population.

    `snapshot` is `feat_snapshot` of one as_of; `models` maps names of further targets to their champions, and a target
    without one is left out. Sorted by target and customer. ProgramError for a target that `program` does not have,
    SchemaError where the snapshot lacks columns.
    """
    missing = [name for name in ("customer_id", "as_of", "stage", "in_population") if name not in snapshot.columns]
    if missing:
        raise SchemaError(f"the snapshot lacks the columns {', '.join(missing)}: run `fiel run features` again")
    declared = TABLES["out_probs"].declared
    found = [
        _probs(snapshot, model, program.with_target(name)).select(list(declared)) for name, model in models.items()
    ]
    return pl.concat([pl.DataFrame(schema=declared), *found]).sort("target", "customer_id")


def _probs(snapshot: pl.DataFrame, model: LoadedModel, program: Program) -> pl.DataFrame:
    rows = snapshot.filter(in_population(program)).sort("customer_id")
    return rows.select(
        "customer_id",
        "as_of",
        target=pl.lit(program.target.name),
        prob=pl.Series(model.predict(rows), dtype=pl.Float64),
        model_version=pl.lit(model.version),
        model_digest=pl.lit(model.digest),
    )
