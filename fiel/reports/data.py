"""Everything a report shows, gathered from the tables of one program at one as_of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.program import STAGES, Program
from fiel.reports import format as fmt
from fiel.reports import metrics, people, plans
from fiel.reports.accounts import AccountsView, quarterly_fields
from fiel.reports.cards import ModelCard, MoneyCard, SourceCard
from fiel.reports.engagement import EngagementView
from fiel.reports.messages import MessageView
from fiel.reports.metrics import Frame
from fiel.reports.plans import PlanView
from fiel.reports.purchases import PurchaseView, purchase_view
from fiel.reports.undated import undated_fields
from fiel.segments.value_clusters import kmeans_clusters
from fiel.tables import CLUSTERS

CHART_DAYS = 731
MIX_WEEKS = 104
LISTED = 50
DRAWN = 1_500
"""Limits of what one page holds: days and weeks on the time axes, rows of a list, points of the scatter."""


@dataclass(frozen=True)
class Expectation:
    """A sum of probabilities with its interval, if the scores are calibrated and customers are independent."""

    customers: int
    expected: float
    low: float
    high: float

    @classmethod
    def of(cls, probs: pl.Series) -> Expectation | None:
        """The expected number over the non-null `probs`, with a 95 % normal interval; None without any."""
        known = probs.drop_nulls()
        if known.is_empty():
            return None
        expected = float(known.sum())
        spread = 1.96 * math.sqrt(float((known * (1 - known)).sum()))
        return cls(len(known), expected, max(0.0, expected - spread), min(float(len(known)), expected + spread))


@dataclass(frozen=True)
class ReportData:
    """The content of a report. Frames are those of the functions that are named beside them.

    `key_figures`: figure, now, before, kind (count, mean or share). `stage_change`: stage, before, now, change.
    `moves`: transitions since `previous_as_of`; both are empty when that is None. `leaving`: customers who are in the
    target now, the most likely to lose it first. `scores` says whether there are any. `purchases` is None for a
    program without the groups rfm and purchase; `more_models` are the cards of its further targets, by their names;
    `profile` and `intake` are core_profile and core_intake, empty where the source made none. `grades` is that of
    `fiel.reports.undated`; an undated program has it, and empty frames for everything that needs events; a pension
    fund has `accounts` instead.
    """

    program: Program
    as_of: date
    previous_as_of: date | None
    source: SourceCard
    model: ModelCard | None
    money: MoneyCard
    customers: int
    daily: pl.DataFrame  # metrics.daily_active
    weekly: pl.DataFrame  # metrics.weekly_joins
    mix: pl.DataFrame  # metrics.stage_mix
    transitions: pl.DataFrame  # metrics.transitions
    retention: pl.DataFrame  # metrics.retention
    returns: metrics.ReturnCurve
    key_figures: pl.DataFrame
    stage_change: pl.DataFrame
    moves: pl.DataFrame
    dropping: pl.DataFrame  # people.dropping_soon
    dropping_by_day: pl.DataFrame
    coverage: pl.DataFrame  # people.coverage
    plane: pl.DataFrame  # people.value_plane, sampled
    plane_customers: int
    clusters: pl.DataFrame  # people.cluster_sizes
    agreement: pl.DataFrame  # people.cluster_agreement
    silhouettes: pl.DataFrame
    ranking: pl.DataFrame  # people.ranking
    leaving: pl.DataFrame
    expected_losses: Expectation | None
    expected_gains: Expectation | None
    plan: PlanView | None
    quality: pl.DataFrame | None
    purchases: PurchaseView | None = None
    more_models: Mapping[str, ModelCard] = field(default_factory=dict)
    profile: pl.DataFrame = field(default_factory=pl.DataFrame)
    intake: pl.DataFrame = field(default_factory=pl.DataFrame)
    grades: pl.DataFrame = field(default_factory=pl.DataFrame)
    engagement: EngagementView | None = None
    messages: MessageView | None = None  # those that were exported; None: none were
    accounts: AccountsView | None = None

    @property
    def horizon_date(self) -> date:
        """The date to which the scores look ahead."""
        return self.program.target.ends(self.as_of)


def collect(
    core: Core,
    spans: Frame,
    snapshot: Frame,
    *,
    program: Program,
    as_of: date,
    source: SourceCard,
    scores: Frame | None = None,
    plan: Frame | None = None,
    model: ModelCard | None = None,
    money: MoneyCard | None = None,
    quality: Frame | None = None,
    previous_as_of: date | None = None,
    segments: Frame | None = None,
    cluster_profiles: Frame | None = None,
    segment_moves: Frame | None = None,
    purchase_fits: Frame | None = None,
    hold_out: Frame | None = None,
    disagreements: Frame | None = None,
    more_models: Mapping[str, ModelCard] | None = None,
    engagement: EngagementView | None = None,
    probs: Frame | None = None,
) -> ReportData:
    """The content of the report of `program` at `as_of`; TimeError for a date that the data do not know.

    `snapshot`, `scores`, `plan` and `quality` are `feat_snapshot`, `out_scores`, `out_plan` and `out_quality`, of which
    only the rows of `as_of` (for quality: those that had matured by then) are read; `spans` is the whole table and is
    cut here. The date to compare with is `previous_as_of`, else the last applied cycle before `as_of`, else one
    cadence earlier.

    `segments`, `cluster_profiles`, `segment_moves`, `purchase_fits`, `hold_out` and `disagreements` are out_segments,
    out_cluster_profiles, out_segment_moves, feat_purchase_fits, out_hold_out and out_disagreements (rows of `as_of`
    are read), `more_models` the cards of the program's further targets by target, `probs` is out_probs. A program
    without the groups of purchases needs none of them; a missing one leaves its page out or says what to run.
    """
    core.check_as_of(as_of)
    here = _of(snapshot, as_of)
    scored = None if scores is None else _of(scores, as_of)
    planned = None if plan is None else _of(plan, as_of)
    before = previous_as_of or _last_cycle(money, as_of) or as_of - timedelta(days=program.incentive.cadence_days)
    earlier = before if core.first_day < before < as_of else None
    limits = money or MoneyCard()
    if program.is_table:
        return ReportData(
            **undated_fields(core, here, scored, program, ReportData),
            program=program,
            as_of=as_of,
            source=source,
            model=model,
            money=limits,
            ranking=pl.DataFrame() if scored is None else people.ranking(scored, LISTED),
            plan=None if planned is None else plans.plan_view(planned, program, as_of, limits, scored, LISTED),
            profile=core["profile"].collect(),
            intake=core["intake"].collect(),
            engagement=engagement,
        )
    if program.is_quarterly:
        return ReportData(
            **quarterly_fields(core, here, scored, probs, program, as_of, ReportData, LISTED),
            program=program,
            as_of=as_of,
            source=source,
            model=model,
            money=limits,
            quality=None if quality is None else _matured(quality, as_of, program),
            more_models=more_models or {},
            profile=core["profile"].collect(),
            intake=core["intake"].collect(),
        )
    days = core["customer_days"]
    window = program.features.frequency_window
    daily = metrics.daily_active(days, as_of, window)
    ahead = _days_ahead(program)
    dropping = people.dropping_soon(here if scored is None else scored, as_of, ahead)
    plane, silhouettes = _plane(here, window, program.training.seed)
    weeks = (as_of - core.first_day).days // 7
    return ReportData(
        program=program,
        as_of=as_of,
        previous_as_of=earlier,
        source=source,
        model=model,
        money=limits,
        customers=here.height,
        daily=daily.tail(CHART_DAYS),
        weekly=metrics.weekly_joins(daily).tail(MIX_WEEKS),
        mix=metrics.stage_mix(spans, [as_of - timedelta(weeks=back) for back in range(min(weeks, MIX_WEEKS) + 1)]),
        transitions=metrics.transitions(spans, as_of - timedelta(days=program.target.horizon_days), as_of),
        retention=metrics.retention(days, as_of),
        returns=metrics.return_curve(days, as_of, max(120, 2 * program.life_cycle.leaving_max)),
        key_figures=key_figures(daily, spans, as_of, earlier, window),
        stage_change=stage_change(spans, as_of, earlier),
        moves=metrics.transitions(spans, earlier, as_of) if earlier else pl.DataFrame(),
        dropping=dropping,
        dropping_by_day=people.dropping_by_day(dropping, as_of, ahead),
        coverage=people.coverage(core["customers"], days, here, scored, as_of, _outside(program)),
        plane=people.sampled(plane, DRAWN),
        plane_customers=plane.height,
        clusters=people.cluster_sizes(plane, CLUSTERS),
        agreement=people.cluster_agreement(plane, CLUSTERS),
        silhouettes=silhouettes,
        ranking=pl.DataFrame() if scored is None else people.with_segment(people.ranking(scored, LISTED), here),
        leaving=pl.DataFrame() if scored is None else people.with_segment(_leaving(scored), here),
        expected_losses=None if scored is None else Expectation.of(scored["loss_prob"]),
        expected_gains=None if scored is None else Expectation.of(scored["gain_prob"]),
        plan=None if planned is None else plans.plan_view(planned, program, as_of, limits, scored, LISTED),
        quality=None if quality is None else _matured(quality, as_of, program),
        purchases=purchase_view(
            core,
            here,
            program=program,
            as_of=as_of,
            scores=scored,
            plan=planned,
            segments=segments,
            cluster_profiles=cluster_profiles,
            segment_moves=segment_moves,
            purchase_fits=purchase_fits,
            hold_out=hold_out,
            disagreements=disagreements,
        ),
        more_models=more_models or {},
        profile=core["profile"].collect(),
        intake=core["intake"].collect(),
    )


def key_figures(daily: pl.DataFrame, spans: Frame, as_of: date, before: date | None, window_days: int) -> pl.DataFrame:
    """The key figures at `as_of` and at `before`: figure, now, before (empty without that date), kind.

    `kind` is count, mean or share; `daily` is the frame of `metrics.daily_active`.
    """
    now = _figures(daily, spans, as_of, window_days)
    then = {} if before is None else _figures(daily, spans, before, window_days)
    rows = [(name, number, then.get(name, (None, ""))[0], kind) for name, (number, kind) in now.items()]
    return pl.DataFrame(
        rows, schema={"figure": pl.String, "now": pl.Float64, "before": pl.Float64, "kind": pl.String}, orient="row"
    )


def _figures(daily: pl.DataFrame, spans: Frame, as_of: date, window_days: int) -> dict[str, tuple[float | None, str]]:
    known = daily.filter(pl.col("day") < as_of)
    last = known.tail(1).to_dicts()[0] if known.height else {}
    mix = metrics.stage_mix(spans, [as_of])
    loyal = mix.filter(pl.col("stage") == "fiel").row(0, named=True)
    return {
        f"active in {window_days} days": (last.get("monthly_active"), "count"),
        f"active a day, mean of {window_days} days": (last.get("mean_daily_active"), "mean"),
        "stickiness": (last.get("stickiness"), "share"),
        f"new in {window_days} days": (float(known.tail(window_days)["new"].sum()), "count"),
        "fiel": (float(loyal["customers"]), "count"),
        "share of fiel among all but zumbis": (loyal["active_share"], "share"),
        "customers with an active day": (float(mix["customers"].sum()), "count"),
    }


def stage_change(spans: Frame, as_of: date, before: date | None) -> pl.DataFrame:
    """Customers in each stage at `before` and `as_of`: stage, before, now, change; empty without `before`."""
    schema = {"stage": pl.String, "before": pl.Int64, "now": pl.Int64, "change": pl.Int64}
    if before is None:
        return pl.DataFrame(schema=schema)
    mix = metrics.stage_mix(spans, [before, as_of])
    then = mix.filter(pl.col("as_of") == before).select("stage", before="customers")
    now = mix.filter(pl.col("as_of") == as_of).select("stage", now="customers")
    order = pl.DataFrame({"stage": STAGES})
    return (
        order.join(then, on="stage", maintain_order="left")
        .join(now, on="stage", maintain_order="left")
        .with_columns(change=pl.col("now") - pl.col("before"))
        .select(list(schema))
    )


def _of(frame: Frame, as_of: date) -> pl.DataFrame:
    return frame.lazy().filter(pl.col("as_of") == as_of).collect()


def _days_ahead(program: Program) -> int:
    """Days to look ahead for who drops a stage: the length of an active stage, from a week to four."""
    return max(7, min(28, program.life_cycle.recent_max))


def _last_cycle(money: MoneyCard | None, as_of: date) -> date | None:
    if money is None:
        return None
    last: date | None = money.cycles.filter(pl.col("as_of") < as_of)["as_of"].max()  # type: ignore[assignment]
    return last


def _plane(snapshot: pl.DataFrame, window_days: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    plane = people.value_plane(snapshot, window_days)
    schema = {"k": pl.Int64, "silhouette": pl.Float64}
    if plane.is_empty():
        return plane, pl.DataFrame(schema=schema)
    _, labels, silhouettes = kmeans_clusters(plane["active_days"].to_numpy(), plane["value_earned"].to_numpy(), seed)
    return (
        plane.with_columns(kmeans_cluster=pl.Series(labels + 1, dtype=pl.Int64)),
        pl.DataFrame(sorted(silhouettes.items()), schema=schema, orient="row"),
    )


def _leaving(scored: pl.DataFrame) -> pl.DataFrame:
    return (
        scored.filter(pl.col("loss_prob").is_not_null())
        .sort(["loss_prob", "customer_id"], descending=[True, False])
        .head(LISTED)
    )


def _outside(program: Program) -> str:
    """Why a customer who has a stage is not asked the question."""
    target = program.target
    reasons = [f"{fmt.listed(list(target.exclude_stages))} now"] if target.exclude_stages else []
    if target.live_origins:
        reasons.append(f"without an event of {fmt.listed(list(target.live_origins))}")
    return ", or ".join(reasons) or "nobody"


def _matured(quality: Frame, as_of: date, program: Program) -> pl.DataFrame:
    """The rows whose outcome was known by then, each target's by its own horizon."""
    targets = {target.name: target.horizon_offset for target in (program.target, *program.more_targets)}
    rows = quality.lazy()
    if "target" not in rows.collect_schema():  # measured before there were several
        rows = rows.with_columns(target=pl.lit(program.target.name))
    horizon = pl.col("target").replace_strict(targets, default=None, return_dtype=pl.String)
    return (
        rows.filter(pl.col("as_of").dt.offset_by(horizon) <= as_of).sort("target", "as_of", "model_version").collect()
    )
