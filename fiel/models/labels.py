"""Outcomes: what became of each customer by `as_of + horizon` (DESIGN.md section 4, DOMAIN.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.errors import TimeError
from fiel.features.purchase_days import purchase_days
from fiel.features.spans import cut_spans, life_cycle_spans
from fiel.program import Program

LABEL_SCHEMA = {"customer_id": pl.String(), "as_of": pl.Date(), "label": pl.Int8()}


def matures_on(as_of: date, program: Program) -> date:
    """The first date on which the outcome of a cohort can be known: `as_of + horizon`.

    Closings are known once they are published, `pension.lags.accounts` days later. An undated program's outcomes come
    with the same file as its attributes: they are known at as_of.
    """
    if program.is_table:
        return as_of
    lag = program.quarterly.lags.accounts if program.target.kind == "closed" else 0
    return program.target.ends(as_of) + timedelta(days=lag)


def is_matured(as_of: date, program: Program, known_through: date) -> bool:
    """Whether data that are complete through `known_through` hold the outcome of the cohort `as_of`.

    Closings after `pension.observed_until` are recorded in part, so an account that seems open then may be closed: the
    outcome of a horizon that goes past it is unknown, however much later the data end.
    """
    if matures_on(as_of, program) > known_through + timedelta(days=1):
        return False
    return program.target.kind != "closed" or program.target.ends(as_of) <= _observed_through(
        program, known_through
    ) + timedelta(days=1)


def outcome(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.DataFrame:
    """One row (customer_id, as_of, label 0/1) for each customer with an active day before each `as_of`.

    Kind `stage`: 1 if the customer is in the target's stage at as_of + horizon. Kind `active`: 1 if the customer has
    an active day in [as_of, as_of + horizon). Kind `purchase`: 1 if the customer has a purchase day in it that stands
    at its end, as far as returns were known then (fiel/features/purchase_days.py). Operator events are no activity.
    Kind `label`: the source's own column, one row for each customer whose label is known. Kind `closed`: 1 if an
    account that is open at as_of (`open_accounts`) was closed in [as_of, as_of + horizon), else 0; a horizon that goes
    past `pension.observed_until` has no labels at all, for its closings without its stays would be no sample of anyone.
    Rows are sorted by as_of, customer. TimeError for a cohort whose outcome the data do not know yet (DOMAIN.md
    section 0).
    """
    dates = sorted(set(as_of_dates))
    for as_of in dates:
        _check_matured(as_of, core, program)
    if not dates:
        return pl.DataFrame(schema=LABEL_SCHEMA)
    if program.target.kind == "label":
        known = core["labels"].filter(pl.col("label").is_not_null())
        labels = [known.with_columns(as_of=pl.lit(day), label=pl.col("label").cast(pl.Int8)) for day in dates]
        return pl.concat(labels).select(list(LABEL_SCHEMA)).sort("as_of", "customer_id").collect()
    if program.target.kind == "closed":
        return pl.concat(pl.collect_all([_closed(core, as_of, program) for as_of in dates]))
    spans = life_cycle_spans(core["customer_days"], program) if program.target.kind == "stage" else None
    successes = [
        _in_stage(spans, as_of, program) if spans is not None else _bought_or_active(core, as_of, program)
        for as_of in dates
    ]
    frames = pl.collect_all([_labelled(core, as_of, success) for as_of, success in zip(dates, successes, strict=True)])
    return pl.concat(frames)


def open_accounts(core: Core, as_of: date) -> pl.LazyFrame:
    """The accounts (customer_id, one row each) with a quarter before `as_of` in the source, and not closed before it.

    This is the truth about them, which a closing that was published late may have told only after `as_of`: it says who
    is at risk, and is no feature.
    """
    seen = core["accounts"].filter(pl.col("day") < as_of).select("customer_id").unique()
    return seen.join(core["closings"].filter(pl.col("day") < as_of), on="customer_id", how="anti")


def _closed(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    within = pl.col("day").is_between(as_of, program.target.ends(as_of), closed="left")
    closed = core["closings"].filter(within).select("customer_id", label=pl.lit(1, pl.Int8))
    return (
        open_accounts(core, as_of)
        .join(closed, on="customer_id", how="left")
        .select("customer_id", pl.lit(as_of).alias("as_of"), pl.col("label").fill_null(0).cast(pl.Int8))
        .sort("customer_id")
    )


def _observed_through(program: Program, known_through: date) -> date:
    return program.quarterly.observed_through(known_through)


def _check_matured(as_of: date, core: Core, program: Program) -> None:
    core.check_as_of(as_of)
    if not is_matured(as_of, program, core.known_through):
        if program.target.kind == "closed":
            raise TimeError(
                f"the outcome of as_of {as_of} needs the closings before {program.target.ends(as_of)}, but those are "
                f"complete through {_observed_through(program, core.known_through)} only (pension.observed_until): "
                "train on earlier cohorts, or ingest newer data"
            )
        raise TimeError(
            f"the outcome of as_of {as_of} is known on {matures_on(as_of, program)}, but source version "
            f"{core.source_version} is complete through {core.known_through} only: train on cohorts up to "
            f"{core.known_through + timedelta(days=1 - program.target.horizon_days)}, or ingest newer data"
        )


def _labelled(core: Core, as_of: date, success: pl.LazyFrame) -> pl.LazyFrame:
    known = core["customer_days"].filter(pl.col("day") < as_of).select("customer_id").unique()
    return (
        known.join(success.with_columns(label=pl.lit(1, pl.Int8)), on="customer_id", how="left")
        .select("customer_id", pl.lit(as_of).alias("as_of"), pl.col("label").fill_null(0).cast(pl.Int8))
        .sort("customer_id")
    )


def _in_stage(spans: pl.LazyFrame, as_of: date, program: Program) -> pl.LazyFrame:
    """Customers in the target's stage at as_of + horizon; the spans are cut there, so nothing later is looked at."""
    then = program.target.ends(as_of)
    return (
        cut_spans(spans, then)
        .filter(
            pl.col("stage") == program.target.stage,
            pl.col("first_as_of") <= then,
            pl.col("last_as_of").is_null() | (pl.col("last_as_of") >= then),
        )
        .select("customer_id")
        .unique()
    )


def _bought_or_active(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    """Customers with an active day, or a purchase day that stands at the end, in [as_of, as_of + horizon)."""
    then = program.target.ends(as_of)
    days = purchase_days(core, then) if program.target.kind == "purchase" else core["customer_days"]
    return days.filter(pl.col("day").is_between(as_of, then, closed="left")).select("customer_id").unique()
