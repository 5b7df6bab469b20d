"""The part `overview` of the program page: key figures with what they were before, and the mix of the stages.

{as_of, previous_as_of, simulated, customers, unit, scale, currency, model_version,
key_figures: [{key, label, value, before, kind, note}], groups: [{group, customers, before}]}. Labels and notes are in
every language; `kind` is count, mean, share, or money (whole units of `currency`); `before` is null where there is
nothing to compare with. `groups` are the stages with `grouping` "stage", else the program's own groups.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from fiel.program import Program
from fiel.reports.data import ReportData
from fiel.reports.sections.now import words_of
from fiel.segments.engagement import SEGMENTS
from fiel.serving.customers import Known
from fiel.serving.texts import both

Figures = list[dict[str, Any]]


def overview(data: ReportData, known: Known) -> dict[str, Any]:
    """The part `overview` of the program at as_of."""
    program = data.program
    if program.is_quarterly:
        found = _accounts(data)
    elif program.is_table:
        found = _undated(data, known)
    else:
        found = _customers(data)
    return {
        "as_of": data.as_of.isoformat(),
        "previous_as_of": None if data.previous_as_of is None else data.previous_as_of.isoformat(),
        "simulated": program.simulated,
        "customers": known.scores.height,
        "unit": program.value.unit,
        "scale": program.value.scale,
        "currency": program.economics.currency if program.economics else program.value.unit,
        "model_version": str(known.scores["model_version"].first()),
        "key_figures": found,
        **_groups(data, known),
    }


def _customers(data: ReportData) -> Figures:
    """The key figures of dated events, then what is expected within the target's horizon."""
    shown = [
        _key(_slug(row["figure"], data.program), row["figure"], row["now"], row["kind"], row["before"])
        for row in data.key_figures.iter_rows(named=True)
    ]
    words = words_of(data)
    for key, label, expected in (
        ("expected_losses", f"expected {words.loss}", data.expected_losses),
        ("expected_gains", f"expected {words.gained}", data.expected_gains),
    ):
        if expected is not None:
            shown.append(_key(key, label, expected.expected, "count", interval=(expected.low, expected.high)))
    return shown


def _slug(figure: str, program: Program) -> str:
    """A key that is the same for every window, so that pages and tests can ask for it."""
    window = program.features.frequency_window
    return {
        f"active in {window} days": "monthly_active",
        f"active a day, mean of {window} days": "mean_daily_active",
        f"new in {window} days": "new",
        "share of fiel among all but zumbis": "fiel_share",
        "customers with an active day": "customers",
    }.get(figure, figure.replace(" ", "_"))


def _undated(data: ReportData, known: Known) -> Figures:
    scores = known.scores
    shown = [_key("customers", "customers", scores.height, "count")]
    mean: Any = scores["prob"].mean()
    shown.append(_key("mean_prob", "mean score", mean, "share"))
    if known.program.economics is not None and data.grades.height:
        worth = data.grades.filter(pl.col("grade") == 1)
        shown.append(_key("worth_treating", "pays to treat", int(worth["customers"].sum()), "count"))
        shown.append(_key("expected_profit", "expected profit", float(worth["expected_profit"].sum()), "money"))
    if known.engagement is not None:
        rows = known.engagement
        at_risk = rows.filter(pl.col("risk_group").is_in(["high", "critical"])).height
        shown.append(_key("at_risk", "high or critical risk", at_risk, "count"))
        middle: Any = rows["engagement"].median()
        worth_mean: Any = rows["value"].mean()
        shown.append(_key("engagement", "median engagement", middle, "mean"))
        shown.append(_key("mean_value", "mean value", worth_mean, "mean"))
    return shown


def _accounts(data: ReportData) -> Figures:
    view = data.accounts
    shown = [_key("customers", "open accounts", data.customers, "count")]
    if view is None:
        return shown
    horizons = {target.name: target.horizon_words for target in (data.program.target, *data.program.more_targets)}
    shown += [
        _key(
            f"expected_closings_{risk.target}",
            f"expected to close within {horizons[risk.target]}",
            float(risk.probs.sum()),
            "count",
        )
        for risk in view.risks
    ]
    newest, before = (view.quarters.tail(places).head(1).to_dicts() for places in (1, 2))
    if newest:
        now, then = newest[0], before[0] if view.quarters.height > 1 else {}
        scale = data.program.value.scale
        earlier = then.get("contributed")
        shown.append(_key("contributed", "paid in, last quarter", now["contributed"] / scale, "money",
                          None if earlier is None else earlier / scale))  # fmt: skip
        shown.append(_key("contributors", "accounts that paid in, last quarter", now["contributors"], "count",
                          then.get("contributors")))  # fmt: skip
    observed = view.quarters.filter("is_observed").tail(2)["closing_rate"].to_list()
    if observed and observed[-1] is not None:
        shown.append(_key("closing_rate", "closing rate, last quarter observed", observed[-1], "share",
                          observed[0] if len(observed) > 1 else None))  # fmt: skip
    return shown


def _key(
    key: str,
    label: str,
    value: float | None,
    kind: str,
    before: float | None = None,
    interval: tuple[float, float] | None = None,
) -> dict[str, Any]:
    found = {"key": key, "label": both(label), "value": value, "before": before, "kind": kind}
    return found if interval is None else found | {"low": interval[0], "high": interval[1]}


def _groups(data: ReportData, known: Known) -> dict[str, Any]:
    """Customers by stage, now and before; else by the program's own groups."""
    if data.program.has_stages:
        newest = data.mix.filter(pl.col("as_of") == data.as_of).select(group="stage", customers="customers")
        rows = newest.with_columns(before=pl.lit(None, pl.Int64))
        if data.stage_change.height:
            then = data.stage_change.select(group="stage", before="before")
            rows = newest.join(then, on="group", how="left", maintain_order="left")
        return {"grouping": "stage", "groups": rows.select("group", "customers", "before").to_dicts()}
    if known.engagement is not None:
        best_first = {name: place for place, name in enumerate(reversed(SEGMENTS))}
        counted = known.engagement.group_by(group="segment").len("customers")
        counted = counted.sort(pl.col("group").replace_strict(best_first, default=len(best_first)), "group")
        return {"grouping": "segment", "groups": counted.with_columns(before=pl.lit(None, pl.Int64)).to_dicts()}
    if data.grades.height:
        counted = data.grades.select(group=pl.format("grade {}", "grade"), customers="customers")
        return {"grouping": "grade", "groups": counted.with_columns(before=pl.lit(None, pl.Int64)).to_dicts()}
    if data.accounts is not None and data.accounts.risks:
        levels = data.accounts.risks[0].levels.group_by(group="level", maintain_order=True).agg(
            customers=pl.col("accounts").sum(), before=pl.lit(None, pl.Int64)
        )  # fmt: skip
        return {"grouping": "level", "groups": levels.to_dicts()}
    return {"grouping": None, "groups": []}
