"""Scores of one as_of: a row for every customer of the snapshot, made by the champion (DESIGN.md section 5)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from fiel.errors import SchemaError
from fiel.models.buckets import buckets_of, holds, prob_within
from fiel.models.grades import grade
from fiel.models.loaded import LoadedModel
from fiel.models.metrics import Array
from fiel.models.profit import expected_profit
from fiel.models.reasons import REASONS, reasons
from fiel.program import Program
from fiel.tables import TABLES

_LOG = logging.getLogger(__name__)

ReasonsFor = Literal["granted", "all", "none"]
MOST_LIKELY = 100
"""Customers whose scores are explained where the policy grants nothing."""

_CARRIED = (
    "customer_id",
    "as_of",
    "stage",
    "next_stage",
    "next_stage_date",
    "stage_after_visit",
    "value_cluster",
    "in_population",
)


def score(
    snapshot: pl.DataFrame,
    model: LoadedModel,
    program: Program,
    *,
    table_versions: Mapping[str, int],
    reasons_for: ReasonsFor = "granted",
    probs: Array | None = None,
) -> pl.DataFrame:
    """Scores, `out_scores`: one row for each customer of `snapshot` (one as_of), sorted by customer.

    In the population a probability `prob`; for a customer who is not in the target's state now it is also `gain_prob`,
    for one who is, `loss_prob` = 1 - prob (see `in_target_now`); and `value_at_stake` = (1 - prob) x `value_if_alive`,
    in the program's smallest unit; and with economics the expected profit of treating the customer, and the grade by it
    (fiel.models.grades). Outside it they are empty. Reasons are written for the customers that a reward
    could be granted to (`granted`; the MOST_LIKELY where the policy grants nothing), for everyone in the population
    (`all`), or for nobody. `probs`: probabilities of the population by customer, from models that have not seen them,
    where the model itself has (fiel.models.cross_fitted). SchemaError when the snapshot lacks columns that the model
    or the scores need.
    """
    missing = [name for name in _CARRIED if name not in snapshot.columns]
    if missing:
        raise SchemaError(f"the snapshot lacks the columns {', '.join(missing)}: run `fiel run features` again")
    filled = model.filled(snapshot)
    if filled:
        _LOG.warning(
            "%d columns of model version %s are not in the snapshot and count as empty: %s",
            len(filled),
            model.version,
            ", ".join(filled),
        )
    ordered = snapshot.sort("customer_id")
    population = ordered.filter("in_population")
    told = model.predict(population) if probs is None else probs
    predicted = population.select("customer_id", prob=pl.Series(told, dtype=pl.Float64))
    now = in_target_now(program, ordered.schema)
    worth = expected_profit(pl.col("prob"), program.economics) if program.economics else pl.lit(None, pl.Float64)
    scores = (
        ordered.select(*_CARRIED, _now=now, _value_if_alive=value_if_alive(program, ordered.schema))
        .join(predicted, on="customer_id", how="left", maintain_order="left")
        .with_columns(
            gain_prob=pl.when(~pl.col("_now")).then("prob"),
            loss_prob=pl.when(pl.col("_now")).then(1 - pl.col("prob")),
            value_at_stake=(1 - pl.col("prob")) * pl.col("_value_if_alive"),
            expected_profit=worth,
            **{name: pl.lit(None, pl.String) for name in REASONS},
            model_version=pl.lit(model.version),
            model_digest=pl.lit(model.digest),
            table_versions=pl.lit(json.dumps(dict(table_versions), sort_keys=True)),
        )
        .with_columns(grade=grade(pl.col("expected_profit")))
        .select(list(TABLES["out_scores"].declared))
    )
    if reasons_for == "none":
        return scores
    if reasons_for == "all":
        wanted = scores.filter(pl.col("prob").is_not_null())
    elif program.incentive.products:
        wanted = scores.filter(grantable(program))
    else:  # nobody is granted anything: those whom a report lists first
        scored = scores.filter(pl.col("prob").is_not_null())
        wanted = scored.sort(["prob", "customer_id"], descending=[True, False]).head(MOST_LIKELY)
    return add_reasons(scores, ordered, model, program, wanted["customer_id"])


def add_reasons(
    scores: pl.DataFrame,
    snapshot: pl.DataFrame,
    model: LoadedModel,
    program: Program,
    customer_ids: pl.Series | Sequence[str],
) -> pl.DataFrame:
    """`scores` with the reasons of the given customers filled in; other rows are as they were.

    `snapshot` and `model` are those that the scores were made from. Customers outside the population have no reason.
    """
    scored = scores.filter(pl.col("prob").is_not_null())["customer_id"]
    wanted = pl.DataFrame({"customer_id": pl.Series(customer_ids, dtype=pl.String)}).unique()
    rows = snapshot.join(wanted, on="customer_id", how="semi").filter(pl.col("customer_id").is_in(scored.implode()))
    if rows.is_empty():
        return scores
    told = pl.concat([rows.select("customer_id"), reasons(rows, model, program)], how="horizontal")
    return scores.update(told, on="customer_id", how="left").select(scores.columns)


def in_target_now(program: Program, schema: pl.Schema) -> pl.Expr:
    """Whether a customer is in the target's state at as_of, which is what gain and loss are told apart by.

    Kind `stage`: in the target's stage now. Kind `active` (an active day within the horizon after as_of): an active day
    within the horizon before as_of, so that gain means coming back and loss staying away. Kind `purchase`: the same of
    purchase days that stand, as group `rfm` knows them; of active days where the program does not ask for that group.
    Kinds `label` and `closed`: null, an undated table does not say what a customer was before, and whoever can close an
    account has an open one.
    """
    if program.target.kind == "stage":
        return pl.col("stage") == program.target.stage
    if program.target.kind in ("label", "closed"):
        return pl.lit(None, pl.Boolean)
    by_purchase = program.target.kind == "purchase" and "days_since_last" in schema
    days = "days_since_last" if by_purchase else "recency_days"
    if days not in schema:
        raise SchemaError("the snapshot lacks recency_days: add life_cycle to features.groups and run features again")
    return (pl.col(days) <= program.target.horizon_days).fill_null(value=False)


def value_if_alive(program: Program, schema: pl.Schema) -> pl.Expr:
    """What a customer who is still alive is expected to spend within the target's horizon, in the smallest unit.

    Null where the snapshot has no such column (`value_if_alive_dH`: the feature group `purchase`, with H among
    `purchases.horizons_days`), and where no purchase model could be fitted.
    """
    column = f"value_if_alive_d{program.target.horizon_days}"
    return pl.col(column) if column in schema else pl.lit(None, pl.Float64)


def grantable(program: Program) -> pl.Expr:
    """Whether the policy could grant a scored customer anything: a bucket that is in use holds the score or the value.

    Budget, cooldown, hold-out and caps are the plan's business; a reason for a customer who gets nothing does no harm.
    """
    policy = program.incentive
    used = [bucket for bucket in buckets_of(policy) if bucket.points > 0 or (bucket.points < 0 and policy.penalties)]
    in_bucket = pl.any_horizontal(pl.lit(False), *(holds(bucket) for bucket in used))
    in_range = prob_within(policy.from_prob, policy.to_prob)
    excluded = pl.col("stage").is_in(policy.exclude_stages) | pl.col("customer_id").is_in(policy.exclude_customers)
    graded = pl.lit(True) if policy.max_grade is None else pl.col("grade") <= policy.max_grade
    return (in_bucket & in_range & ~excluded & graded).fill_null(False)
