"""The folds inside train that every choice of a recipe is made on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from fiel.models.classifier import in_order
from fiel.models.cohorts import rolling_folds
from fiel.models.embedded import fit_embedding
from fiel.models.metrics import Array
from fiel.models.recipe import EmbeddingRecipe
from fiel.program import Program


@dataclass(frozen=True)
class FoldRows:
    """One fold: rows to fit on, rows to judge on; `kind` says whether it is cut by time or by customer."""

    kind: str
    fit: pl.DataFrame
    judge: pl.DataFrame

    @property
    def labels(self) -> Array:
        """Labels of the rows that judge, in the order in which they are scored."""
        return in_order(self.judge)["label"].to_numpy().astype(np.float64)

    def embedded(self, recipe: EmbeddingRecipe) -> FoldRows:
        """The fold with an embedding's columns: fitted on the rows to fit on, and on nothing that judges."""
        embedding = fit_embedding(recipe, self.fit)
        return FoldRows(self.kind, embedding.add(self.fit), embedding.add(self.judge))


def fold_rows(frame: pl.DataFrame, program: Program) -> list[FoldRows]:
    """Rolling-origin folds inside `frame`; by customer where it is too short for that, or has no dates.

    Empty where no fold holds both classes on both sides.
    """
    if program.is_table:
        return _stratified_folds(frame, program)
    dates: list[date] = sorted(frame["as_of"].unique().to_list())
    folds = [
        FoldRows("time", frame.filter(pl.col("as_of").is_in(fold.fit)), frame.filter(pl.col("as_of").is_in(fold.judge)))
        for fold in rolling_folds(dates, program)
    ]
    usable = [fold for fold in folds if _both(fold.fit) and _both(fold.judge)]
    return usable or [fold for fold in _customer_folds(frame, program) if _both(fold.fit) and _both(fold.judge)]


def judged_customers(folds: Sequence[FoldRows]) -> Array:
    """Customers of all rows that judge, in the order in which they are scored."""
    return pl.concat([in_order(fold.judge).select("customer_id") for fold in folds])["customer_id"].to_numpy()


def _customer_folds(frame: pl.DataFrame, program: Program) -> list[FoldRows]:
    """Folds by customer, for a train that is too short to be cut by time; all cohorts of a customer stay together."""
    count = program.training.folds
    customers = frame.select(pl.col("customer_id").unique().sort())
    order = np.random.default_rng(program.training.seed).permutation(customers.height) % count
    placed = frame.join(customers.with_columns(fold=pl.Series(order)), on="customer_id", how="left")
    return [
        FoldRows("customer", placed.filter(pl.col("fold") != k), placed.filter(pl.col("fold") == k))
        for k in range(count)
    ]


def _stratified_folds(frame: pl.DataFrame, program: Program) -> list[FoldRows]:
    """Folds of an undated program, one row for each customer: each holds its share of the positives."""
    count = program.training.folds
    ordered = frame.sort("customer_id")
    drawn = np.random.default_rng(program.training.seed).permutation(ordered.height)
    placed = ordered.with_columns(_drawn=pl.Series(drawn)).with_columns(
        fold=(pl.col("_drawn").rank("ordinal").over("label").cast(pl.Int64) - 1) % count
    )
    folds = [
        FoldRows("customer", placed.filter(pl.col("fold") != k), placed.filter(pl.col("fold") == k))
        for k in range(count)
    ]
    return [fold for fold in folds if _both(fold.fit) and _both(fold.judge)]


def _both(frame: pl.DataFrame) -> bool:
    return frame["label"].n_unique() == 2
