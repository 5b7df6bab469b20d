"""A small made-up program of realistic shape: people who come, stay a while and leave, its model and its plan."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from fiel.actions.incentives import plan
from fiel.core import Core
from fiel.features.snapshot import build_snapshots
from fiel.features.spans import life_cycle_spans
from fiel.models.evaluation import evaluate
from fiel.models.hold_out import hold_out
from fiel.program import (
    Clusters,
    Features,
    Incentive,
    LifeCycle,
    Program,
    ScoreBucket,
    Source,
    Target,
    Value,
    ValueBucket,
)
from fiel.reports import cards
from fiel.reports.cards import ModelCard, MoneyCard, SourceCard
from fiel.reports.data import ReportData, collect
from fiel.segments.disagreement import disagreements
from fiel.segments.rfm import rfm_moves
from fiel.segments.rfm_clusters import rfm_clusters
from fiel.store import LedgerView
from fiel.tables import TABLES

FIRST_DAY = date(2024, 1, 1)
AS_OF = date(2025, 3, 1)
COUNTS = ("transactions", "live_transactions", "value_net", "value_earned", "value_spent", "active_seconds")
PARTS = ("transactions_morning", "transactions_afternoon", "transactions_night")


def make_program(**changes: object) -> Program:
    """A program without courses and products, with a small policy whose amounts are invented."""
    given: dict[str, object] = {
        "name": "made_up",
        "title": "Made-up club",
        "simulated": True,
        "source": Source(format="teomewhy"),
        "features": Features(groups=("activity", "life_cycle", "calendar")),
        "target": Target(),
        "incentive": Incentive(
            version="7",
            invented=True,
            buckets=(
                ScoreBucket(from_prob=0, to_prob=0.5, product="low", points=-10),
                ScoreBucket(from_prob=0.5, to_prob=0.75, product="mid", points=50),
                ScoreBucket(from_prob=0.75, to_prob=1, product="top", points=100),
            ),
            budget_points=2_000,
        ),
    }
    return Program(**(given | changes))  # type: ignore[arg-type]


def make_customer_days(customers: int, last: date, seed: int = 5) -> pl.DataFrame:
    """Active days before and at `last`: each customer joins on some day and comes back at an own rate for a while."""
    rng = np.random.default_rng(seed)
    days = (last - FIRST_DAY).days + 1
    joined = rng.integers(0, days, customers)
    rate = rng.beta(0.6, 2.0, customers)
    stays = rng.exponential(90, customers) + 1
    day = np.arange(days)[None, :]
    comes = (
        (day >= joined[:, None]) & (day < (joined + stays)[:, None]) & (rng.random((customers, days)) < rate[:, None])
    )
    comes[np.arange(customers), joined] = True
    who, when = np.nonzero(comes)
    count = len(who)
    transactions = rng.integers(1, 20, count)
    earned = transactions * rng.integers(1, 12, count)
    spent = rng.integers(0, 2, count) * rng.integers(0, 40, count)
    return pl.DataFrame(
        {
            "customer_id": [f"c{number:05d}" for number in who],
            "day": [FIRST_DAY + timedelta(days=int(number)) for number in when],
            "transactions": transactions,
            "live_transactions": transactions,
            "value_net": earned - spent,
            "value_earned": earned,
            "value_spent": spent,
            "active_seconds": rng.integers(0, 7_200, count),
            "transactions_morning": transactions,
            "transactions_afternoon": 0 * transactions,
            "transactions_night": 0 * transactions,
        },
        schema={"customer_id": pl.String, "day": pl.Date} | dict.fromkeys((*COUNTS, *PARTS), pl.Int64),
    )


def make_customers(ids: list[str]) -> pl.DataFrame:
    """Customers as the source shows them."""
    return pl.DataFrame(
        {
            "customer_id": ids,
            "source_created_at": [None] * len(ids),
            "balance_points": [500] * len(ids),
            "first_version": ["1"] * len(ids),
            "last_version": ["1"] * len(ids),
            "status": ["present"] * len(ids),
            "merged_into": [None] * len(ids),
        },
        schema=TABLES["core_customers"].declared,
    )


def make_scores(snapshot: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Scores that rise with the active days; reasons in words for the first of them."""
    prob = pl.when("in_population").then((0.04 + 0.05 * pl.col("active_days_d28")).clip(0, 0.97))
    return snapshot.select(
        "customer_id",
        "as_of",
        "stage",
        "next_stage",
        "next_stage_date",
        "stage_after_visit",
        "value_cluster",
        "in_population",
        prob=prob,
        gain_prob=pl.when(pl.col("stage") != "fiel").then(prob),
        loss_prob=pl.when(pl.col("stage") == "fiel").then(1 - prob),
        value_at_stake=pl.lit(None, pl.Float64),
        expected_profit=pl.lit(None, pl.Float64),
        grade=pl.lit(None, pl.Int64),
        reason_1=pl.when("in_population").then(pl.lit("active on few days of the last 28")),
        reason_2=pl.lit(None, pl.String),
        reason_3=pl.lit(None, pl.String),
        model_version=pl.lit("3"),
        model_digest=pl.lit("d1ge57"),
        table_versions=pl.lit("{}"),
    ).with_columns(pl.lit(as_of).alias("as_of"))


def make_predictions(rows: int = 1_200, seed: int = 3) -> pl.DataFrame:
    """Predictions of six cohorts as `fiel.models.evaluation` takes them."""
    rng = np.random.default_rng(seed)
    prob = rng.beta(1, 2, rows)
    cohorts = [date(2024, month, 1) for month in range(7, 13)]
    place = rng.integers(0, 6, rows)
    return pl.DataFrame(
        {
            "customer_id": [f"c{number % 400:05d}" for number in range(rows)],
            "as_of": [cohorts[number] for number in place],
            "split": [("train", "train", "train", "valid", "oot", "oot")[number] for number in place],
            "stage": rng.choice(["fiel", "turista", "curioso"], rows).tolist(),
            "age_days": rng.integers(1, 60, rows),
            "label": (rng.random(rows) < prob).astype(np.int8),
            "is_seen": (rng.random(rows) < 0.5).tolist(),
            "is_break": [False] * rows,
            "prob": prob,
            "rule_prob": np.clip(prob + rng.normal(0, 0.3, rows), 0.02, 0.98).round(1),
        }
    )


def make_card(program: Program) -> ModelCard:
    """A model card with every frame filled, its measures computed as in a training."""
    found = evaluate(make_predictions(), program)
    comparison = [
        ("champion", "auc", 0.80, 0.77, 0.83),
        ("challenger", "auc", 0.82, 0.79, 0.85),
        ("stage rule", "auc", 0.74, 0.70, 0.78),
        ("champion", "log_loss", 0.50, None, None),
        ("challenger", "log_loss", 0.48, None, None),
        ("stage rule", "log_loss", 0.55, None, None),
    ]
    return ModelCard(
        version="3",
        kind="catboost",
        action="promote",
        reason="superior to the champion in AUC and log loss",
        decided_on=AS_OF,
        digest="d1ge57",
        cohorts={"train": (date(2024, 7, 1), date(2024, 9, 1)), "oot": (date(2024, 11, 1), date(2024, 12, 1))},
        metrics=found.metrics,
        cohort_metrics=found.cohorts,
        slices=found.slices,
        gains=found.gains,
        reliability=found.reliability,
        importances=pl.DataFrame({"feature": ["recency_days", "active_days_d28"], "mean_abs_shap": [0.4, 0.2]}),
        comparison=pl.DataFrame(comparison, schema=cards.COMPARISON_SCHEMA, orient="row"),
        differences=pl.DataFrame(
            [("champion", "auc", 0.02, 0.004, 0.03), ("stage rule", "log_loss", -0.07, -0.09, -0.05)],
            schema=cards.DIFFERENCE_SCHEMA,
            orient="row",
        ),
        gates=pl.DataFrame(
            [("AUC against the champion", "passed", "superior"), ("PSI of scores", "warned", "has moved")],
            schema=cards.GATE_SCHEMA,
            orient="row",
        ),
        profit=pl.DataFrame(
            [
                (0.05, 900, 4_000.0, 3_000.0, 5_000.0),
                (0.1, 700, 5_200.0, 4_100.0, 6_300.0),
                (0.2, 300, 4_700.0, 3_900.0, 5_600.0),
            ],
            schema=cards.PROFIT_SCHEMA,
            orient="row",
        ),
    )


def make_report(customers: int = 500, **changes: object) -> ReportData:
    """Everything that a report shows, for a made-up program; `changes` replace what `collect` is given."""
    program = make_program()
    days = make_customer_days(customers, AS_OF - timedelta(days=1))
    known = make_customers([*days["customer_id"].unique().sort(), "never-came"])
    core = Core.of({"customer_days": days, "customers": known}, known_through=AS_OF - timedelta(days=1))
    spans = life_cycle_spans(days.lazy(), program).collect()
    ((_, tables),) = build_snapshots(core, [AS_OF], program)
    scores = make_scores(tables["feat_snapshot"], AS_OF)
    planned = plan(scores, known, LedgerView.empty(), program, AS_OF, core.known_through)
    quality = pl.DataFrame(
        [
            (date(2024, 12, 1), "fiel", "2", 300, 0.3, 0.28, 0.81, 0.45, 0.15),
            (date(2025, 1, 1), "fiel", "2", 310, 0.31, 0.3, 0.83, 0.44, 0.14),
        ],
        schema=TABLES["out_quality"].declared,
        orient="row",
    )
    given: dict[str, object] = {
        "core": core,
        "spans": spans,
        "snapshot": tables["feat_snapshot"],
        "program": program,
        "as_of": AS_OF,
        "source": SourceCard(
            "loyalty-system=12",
            core.known_through,
            FIRST_DAY,
            counts={"rows_read": 12_345, "rejected": 2},
            rejects=pl.DataFrame([("transacoes", "time_missing", 2)], schema=cards.REJECT_SCHEMA, orient="row"),
            table_versions={"core_events": 4},
            code_version="0.1.0",
        ),
        "scores": scores,
        "plan": planned.frame,
        "model": make_card(program),
        "money": MoneyCard(summary=planned.summary),
        "quality": quality,
    }
    return collect(**(given | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def report() -> ReportData:
    """A report with everything in it."""
    return make_report()


@pytest.fixture(scope="session")
def empty_report() -> ReportData:
    """A report of a program that was only ingested."""
    return make_report(120, scores=None, plan=None, model=None, money=None, quality=None)


def make_shop(**changes: object) -> Program:
    """A shop that sells for pounds, with RFM, purchase models and rewards by value at stake."""
    given: dict[str, object] = {
        "name": "made_up_shop",
        "title": "Made-up shop",
        "value": Value(unit="GBP", scale=100),
        "features": Features(groups=("activity", "life_cycle", "calendar", "rfm", "purchase")),
        "life_cycle": LifeCycle(
            new_max_age=45, recent_max=45, loyal_max_gap=90, won_back_max_gap=179, tourist_max=90, leaving_max=180
        ),
        "target": Target(name="purchase_90", kind="purchase", horizon_days=90),
        "clusters": Clusters(k_min=2, k_max=4, bootstraps=2),
        "incentive": Incentive(
            version="7",
            invented=True,
            by="value_at_stake",
            order="value_at_stake_desc",
            value_buckets=(
                ValueBucket(from_value=1_000, to_value=5_000, product="five", points=1),
                ValueBucket(from_value=5_000, product="ten", points=5),
            ),
            budget_points=60,
        ),
    }
    return make_program(**(given | changes))


def make_purchase_days(customers: int, last: date, seed: int = 8) -> pl.DataFrame:
    """Purchase days of customers who buy at an own rate, spend an own amount, and drop out for good some day."""
    rng = np.random.default_rng(seed)
    days = (last - FIRST_DAY).days + 1
    joined = rng.integers(0, days, customers)
    rate, stays = rng.gamma(0.6, 1 / 40, customers), rng.exponential(240, customers)
    spends = rng.lognormal(8, 0.8, customers)
    day = np.arange(days)[None, :]
    is_here = (day >= joined[:, None]) & (day < (joined + stays)[:, None])
    buys = is_here & (rng.random((customers, days)) < rate[:, None])
    buys[np.arange(customers), joined] = True
    who, when = np.nonzero(buys)
    earned = np.maximum(100, np.round(spends[who] * rng.lognormal(0, 0.4, len(who)))).astype(np.int64)
    ones = np.ones(len(who), dtype=np.int64)
    return pl.DataFrame(
        {
            "customer_id": [f"c{number:05d}" for number in who],
            "day": [FIRST_DAY + timedelta(days=int(number)) for number in when],
        }
        | dict.fromkeys(("transactions", "live_transactions"), ones)
        | {"value_net": earned, "value_earned": earned}
        | dict.fromkeys(("value_spent", "active_seconds", "transactions_morning"), 0 * ones)
        | {"transactions_afternoon": ones, "transactions_night": 0 * ones},
        schema={"customer_id": pl.String, "day": pl.Date} | dict.fromkeys((*COUNTS, *PARTS), pl.Int64),
    )


def make_shop_report(customers: int = 700, **changes: object) -> ReportData:
    """The report of a shop: every table of purchases computed as in the chain; `changes` replace what `collect` gets.

    `program` may be among them; scores fall with the days since the last purchase.
    """
    program = changes.pop("program", None) or make_shop()
    assert isinstance(program, Program)
    days = make_purchase_days(customers, AS_OF - timedelta(days=1))
    known = make_customers(days["customer_id"].unique().sort().to_list())
    returns = make_returns(days)
    tables_in = {"customer_days": days, "customers": known, "returns": returns, **make_intake(days.height)}
    core = Core.of(tables_in, AS_OF - timedelta(days=1))
    earlier = AS_OF - timedelta(days=28)
    (_, before), (_, tables) = build_snapshots(core, [earlier, AS_OF], program)
    snapshot, rfm = tables["feat_snapshot"], tables["feat_rfm"]
    segments, profiles = rfm_clusters(rfm, program)
    prob = (0.9 - 0.25 * (pl.col("days_since_last") / 30).log1p()).clip(0.02, 0.97)
    prob = pl.when("in_population").then(prob)
    scores = (
        make_scores(snapshot.with_columns(active_days_d28=pl.lit(0)), AS_OF)
        .drop("prob", "gain_prob", "loss_prob", "value_at_stake")
        .join(snapshot.select("customer_id", "value_if_alive_d90", prob=prob.round(4)), on="customer_id")
        .with_columns(
            gain_prob=pl.when(pl.col("stage") == "turista").then("prob"),
            loss_prob=pl.when(pl.col("stage") != "turista").then(1 - pl.col("prob")),
            value_at_stake=(1 - pl.col("prob")) * pl.col("value_if_alive_d90"),
        )
        .select(list(TABLES["out_scores"].declared))
    )
    planned = plan(scores, known, LedgerView.empty(), program, AS_OF, core.known_through)
    given: dict[str, object] = {
        "core": core,
        "spans": life_cycle_spans(days.lazy(), program).collect(),
        "snapshot": snapshot,
        "program": program,
        "as_of": AS_OF,
        "source": SourceCard("files=1", core.known_through, FIRST_DAY),
        "scores": scores,
        "plan": planned.frame,
        "model": make_card(program),
        "money": MoneyCard(summary=planned.summary),
        "segments": segments,
        "cluster_profiles": profiles,
        "segment_moves": rfm_moves(before["feat_rfm"], rfm, earlier, AS_OF),
        "purchase_fits": tables["feat_purchase_fits"],
        "hold_out": hold_out(core, AS_OF, program),
        "disagreements": disagreements(snapshot, scores, program),
    }
    return collect(**(given | changes))  # type: ignore[arg-type]


def make_intake(rows: int) -> dict[str, pl.DataFrame]:
    """A profile of one column, and where the rows went: a few set aside, the others kept."""
    column = dict.fromkeys(TABLES["core_profile"].declared) | {
        "table_name": "sales", "column": "Quantity", "position": 1, "kind": "number", "rows": rows + 5,
        "duplicate_rows": 0, "missing": 0, "distinct": 3, "lowest": "1", "highest": "3",
    }  # fmt: skip
    steps = [
        ("sales", 1, "read", None, "everything that was there", True, rows + 5, 1_000),
        ("sales", 2, "set_aside", "zero_price", "rows with unit price 0", True, 5, 0),
        ("sales", 3, "kept", None, "what is left", True, rows, 1_000),
    ]
    return {
        "profile": pl.DataFrame([column], schema=TABLES["core_profile"].declared),
        "intake": pl.DataFrame(steps, schema=TABLES["core_intake"].declared, orient="row"),
    }


def make_returns(days: pl.DataFrame) -> pl.DataFrame:
    """Cancellations of every fortieth purchase day, a week later and whole; and one that matches no purchase."""
    taken = days.gather_every(40).filter(pl.col("day") < AS_OF - timedelta(days=8))
    matched = taken.select(
        "customer_id",
        event_id=pl.format("C{}-{}", "customer_id", "day"),
        line_id=pl.lit("1"),
        day=pl.col("day") + timedelta(days=7),
        purchase_event_id=pl.lit("known"),
        purchase_day="day",
        product_id=pl.lit(None, pl.String),
        quantity=pl.lit(1, pl.Int64),
        value="value_earned",
    )
    loose = matched.head(1).with_columns(
        event_id=pl.lit("C-loose"),
        day=pl.lit(AS_OF - timedelta(days=40)),
        purchase_event_id=pl.lit(None, pl.String),
        purchase_day=pl.lit(None, pl.Date),
        value=pl.lit(500, pl.Int64),
    )
    return pl.concat([matched, loose]).select(list(TABLES["core_returns"].declared))


@pytest.fixture(scope="session")
def shop() -> ReportData:
    """The report of a shop with every page of purchases."""
    return make_shop_report()
