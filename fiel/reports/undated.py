"""What the report of an undated program shows: the same content as any, without what needs events."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import polars as pl

from fiel.core import Core
from fiel.models.parts import TRAIN, VALID, CustomerParts
from fiel.program import Program
from fiel.reports import format as fmt
from fiel.reports.metrics import ReturnCurve

PARTS = {"train": "training", "valid": "validation", "oot": "test"}


def without_events(kind: type[Any]) -> dict[str, Any]:
    """An empty frame for every frame that the data class `kind` (ReportData) asks for: what needs events is absent."""
    empty = {
        item.name: pl.DataFrame()
        for item in fields(kind)
        if item.type == "pl.DataFrame" and item.default is MISSING and item.default_factory is MISSING
    }
    return empty | {"returns": ReturnCurve(pl.DataFrame(), 0, None, None), "plane_customers": 0}


def undated_coverage(core: Core, scores: pl.DataFrame | None, program: Program) -> pl.DataFrame:
    """Who is counted: group, customers, about; the parts only of customers whose outcome is known."""
    attributes = core["attributes"].select("customer_id").collect()
    labels = core["labels"].collect()
    known = labels.filter(pl.col("label").is_not_null())
    rows: list[tuple[str, int, str]] = [
        ("customers", attributes.height, "one row each in the source's table"),
        (
            "outcome known",
            known.height,
            f"{int(known['label'].sum()):,} of them positive ({fmt.words(program.target.name)})",
        ),
    ]
    parts = CustomerParts.of_program(program)
    if parts is not None:
        counts = dict(parts.of(known["customer_id"]).value_counts().iter_rows())
        rows += [
            (f"in the {words} part", counts.get(part, 0), "by a seeded hash of the customer, the same in every version")
            for part, words in PARTS.items()
        ]
    rows.append(("outcome not known", attributes.height - known.height, "scored, and never learned from or judged by"))
    if scores is not None:
        rows.append(("scored", int(scores["prob"].is_not_null().sum()), "everyone: there is no other population"))
    return pl.DataFrame(rows, schema={"group": pl.String, "customers": pl.Int64, "about": pl.String}, orient="row")


def grades_table(scores: pl.DataFrame, core: Core, program: Program) -> pl.DataFrame:
    """Customers by grade, and what treating all of them is expected to earn.

    Columns: grade, customers, learned (whose own outcome the model was fitted or calibrated on), mean_prob,
    expected_profit (the sum), least and most expected profit of one customer.
    """
    parts = CustomerParts.of_program(program)
    known = core["labels"].filter(pl.col("label").is_not_null()).select("customer_id").collect()
    learned = known if parts is None else parts.rows(known, TRAIN, VALID)
    return (
        scores.filter(pl.col("grade").is_not_null())
        .with_columns(_learned=pl.col("customer_id").is_in(learned["customer_id"].implode()))
        .group_by("grade")
        .agg(
            customers=pl.len().cast(pl.Int64),
            learned=pl.col("_learned").sum().cast(pl.Int64),
            mean_prob=pl.col("prob").mean(),
            expected_profit=pl.col("expected_profit").sum(),
            least=pl.col("expected_profit").min(),
            most=pl.col("expected_profit").max(),
        )
        .sort("grade")
    )


def undated_fields(
    core: Core, snapshot: pl.DataFrame, scores: pl.DataFrame | None, program: Program, kind: type[Any]
) -> dict[str, Any]:
    """The fields of `kind` (ReportData) that an undated program fills otherwise than a program of dated events."""
    return {
        **{name: frame for name, frame in without_events(kind).items() if name not in ("ranking", "coverage")},
        "previous_as_of": None,
        "customers": snapshot.height,
        "coverage": undated_coverage(core, scores, program),
        "quality": None,
        "expected_losses": None,
        "expected_gains": None,
        "grades": pl.DataFrame() if scores is None else grades_table(scores, core, program),
    }
