"""Life cycle as spans, derived once from active days; stage on any date comes from them (DESIGN.md section 4).

The rule (DOMAIN.md section 1), with age = as_of - first active day, recency = as_of - last active day, gap = last
active day - the one before, all in days and at least 1, first match:

>>> from fiel.program import LifeCycle
>>> cases = pl.DataFrame(
...     [(7, 3, 2), (40, 7, 14), (40, 7, 15), (40, 7, 27), (40, 7, 28), (40, 8, 1), (40, 15, 1), (40, 29, 1)],
...     schema=["age", "recency", "gap"], orient="row",
... )
>>> cases.select(stage_expr(pl.col("age"), pl.col("recency"), pl.col("gap"), LifeCycle())).to_series().to_list()
['curioso', 'fiel', 'reconquistado', 'reconquistado', 'reborn', 'turista', 'desencantado', 'zumbi']
"""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.features.arithmetic import days_between, plus_days
from fiel.features.positions import with_positions
from fiel.program import LifeCycle, Program


def stage_expr(age: pl.Expr, recency: pl.Expr, gap: pl.Expr, rules: LifeCycle) -> pl.Expr:
    """Life-cycle stage (String) for age, recency and gap in days; gap may be null where the stage is curioso."""
    recent = recency <= rules.recent_max
    return (
        pl.when(age <= rules.new_max_age)
        .then(pl.lit("curioso"))
        .when(recency > rules.leaving_max)
        .then(pl.lit("zumbi"))
        .when(recency > rules.tourist_max)
        .then(pl.lit("desencantado"))
        .when(~recent)
        .then(pl.lit("turista"))
        .when(gap <= rules.loyal_max_gap)
        .then(pl.lit("fiel"))
        .when(gap <= rules.won_back_max_gap)
        .then(pl.lit("reconquistado"))
        .when(gap > rules.won_back_max_gap)
        .then(pl.lit("reborn"))
    )


def stage_limits(days_since_first: pl.Expr, rules: LifeCycle) -> list[pl.Expr]:
    """The last recency, without a visit, of curioso, of the active stages, of turista and of desencantado, in order.

    `days_since_first` is last active day - first active day. A stage is empty where its limit equals the one before
    (0 for the first); zumbi follows the last and has no limit.
    """
    newcomer = rules.new_max_age - days_since_first
    return [pl.max_horizontal(newcomer, at) for at in (0, rules.recent_max, rules.tourist_max, rules.leaving_max)]


def visits(customer_days: pl.LazyFrame) -> pl.LazyFrame:
    """One row for each active day: customer_id, day, previous_day and next_day (null at the ends), first_day.

    Sorted by customer and day. At any as_of exactly one row of a customer who was active before it holds
    `day < as_of <= next_day` (next_day null counts): the visit that the customer's stage at as_of goes back to.
    """
    return visits_in_order(customer_days.select("customer_id", "day").sort("customer_id", "day"))


def visits_in_order(customer_days: pl.LazyFrame) -> pl.LazyFrame:
    """`visits` of customer-days that are sorted by customer and day already."""
    customer, day = pl.col("customer_id"), pl.col("day")
    is_first = customer.ne_missing(customer.shift(1))
    is_last = customer.ne_missing(customer.shift(-1))
    return customer_days.select("customer_id", "day").with_columns(
        previous_day=pl.when(~is_first).then(day.shift(1)),
        next_day=pl.when(~is_last).then(day.shift(-1)),
        first_day=pl.when(is_first).then(day).forward_fill(),
    )


def latest_visits(visits: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """One row for each customer active before `as_of`: customer_id, age_days, recency_days, gap_days at `as_of`."""
    at = pl.lit(as_of)
    return visits.filter(pl.col("day") < at, pl.col("next_day").is_null() | (pl.col("next_day") >= at)).select(
        "customer_id",
        age_days=days_between(pl.col("first_day"), at).cast(pl.Int64),
        recency_days=days_between(pl.col("day"), at).cast(pl.Int64),
        gap_days=days_between(pl.col("previous_day"), pl.col("day")).cast(pl.Int64),
    )


def life_cycle_spans(customer_days: pl.LazyFrame, program: Program) -> pl.LazyFrame:
    """Life-cycle spans of every customer: `feat_life_cycle_spans`, sorted by customer and date.

    A customer is in `stage` at every as_of from `first_as_of` to `last_as_of`, inclusive. The spans of a customer
    begin on the day after the first active day, follow each other without gap or overlap, differ in stage from one
    to the next, and the last is open (null). Needs columns customer_id and day, one row for each active day; they are
    read at once.
    """
    days, ids = with_positions(customer_days.select("customer_id", "day"))
    spans = spans_of_visits(visits_in_order(days.lazy()), program)
    return spans.with_columns(customer_id=pl.lit(ids).gather(pl.col("customer_id")))


def spans_of_visits(visits: pl.LazyFrame, program: Program) -> pl.LazyFrame:
    """Life-cycle spans (see life_cycle_spans) of a frame made by `visits`.

    A visit's time, until the next one, falls into five stretches of recency (one may be empty), each with one stage;
    neighbours of equal stage are put together.
    """
    customer, stage = pl.col("customer_id"), pl.col("stage")
    since_first = days_between(pl.col("first_day"), pl.col("day"))
    until_next = days_between(pl.col("day"), pl.col("next_day"))
    limits = stage_limits(since_first, program.life_cycle)
    starts = [pl.lit(1, pl.Int32), *(limit + 1 for limit in limits)]
    ends = [*limits, pl.lit(None, pl.Int32)]
    numbered = visits.with_row_index("visit")
    stretches = [
        numbered.filter((start <= end).fill_null(value=True), (start <= until_next).fill_null(value=True)).select(
            "customer_id",
            "day",
            order=pl.col("visit").cast(pl.Int64) * len(starts) + position,
            since_first=since_first,
            gap=days_between(pl.col("previous_day"), pl.col("day")),
            recency=start,
        )
        for position, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    age, recency = pl.col("since_first") + pl.col("recency"), pl.col("recency")
    next_first = pl.when(customer == customer.shift(-1)).then(pl.col("first_as_of").shift(-1))
    return (
        pl.concat(stretches)
        .sort("order")
        .select(
            "customer_id",
            first_as_of=plus_days(pl.col("day"), recency),
            stage=stage_expr(age, recency, pl.col("gap"), program.life_cycle),
        )
        .filter(customer.ne_missing(customer.shift(1)) | stage.ne_missing(stage.shift(1)))
        .select("customer_id", "first_as_of", last_as_of=plus_days(next_first, -1), stage="stage")
    )


def cut_spans(spans: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """The spans as they are known at `as_of`: those begun by then, the current one ending at `as_of`.

    Every read of spans cuts them first, because the end of a span depends on the next active day. No end is null
    afterwards; the stage at `as_of` is that of the span with `last_as_of == as_of`, one for each customer.
    """
    return spans.filter(pl.col("first_as_of") <= as_of).with_columns(
        last_as_of=pl.min_horizontal(pl.col("last_as_of"), pl.lit(as_of))
    )


def stage_counts(spans: pl.LazyFrame, first_as_of: date, last_as_of: date) -> pl.LazyFrame:
    """Customers in each stage at each as_of from `first_as_of` to `last_as_of`: columns as_of, stage, customers.

    One row for each as_of and stage that ever occurs, sorted; made from the spans' ends, never from a row for each
    customer and day.
    """
    steps = pl.concat(
        [
            spans.select("stage", as_of=pl.col("first_as_of"), step=pl.lit(1, pl.Int64)),
            spans.filter(pl.col("last_as_of").is_not_null()).select(
                "stage", as_of=plus_days(pl.col("last_as_of"), 1), step=pl.lit(-1, pl.Int64)
            ),
        ]
    ).filter(pl.col("as_of") <= last_as_of)
    dates = pl.LazyFrame({"as_of": pl.date_range(first_as_of, last_as_of, eager=True)})
    return (
        pl.concat(
            [
                steps.with_columns(as_of=pl.max_horizontal("as_of", pl.lit(first_as_of))),
                dates.join(spans.select("stage").unique(), how="cross").select(
                    "stage", "as_of", step=pl.lit(0, pl.Int64)
                ),
            ]
        )
        .group_by("stage", "as_of")
        .agg(pl.col("step").sum())
        .sort("stage", "as_of")
        .select("as_of", "stage", customers=pl.col("step").cum_sum().over("stage"))
        .sort("as_of", "stage")
    )
