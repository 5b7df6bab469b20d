"""Charts of the incentive: the plan by bucket, who is left out and why, budget, realised lift."""

from __future__ import annotations

import altair as alt
import polars as pl

from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, as_text, finished, label, layered, tip
from fiel.reports.theme import DECISION_COLOURS, light

DECISION_WORDS = {"grant": "granted", "held_out": "held out", "excluded": "excluded"}


def plan_by_bucket(buckets: pl.DataFrame, about: About, unit: str, *, by_value: bool = False) -> Chart:
    """Customers of the plan by bucket and decision; `buckets` as made by `plans.by_bucket`, of scores or of values."""
    names = list(DECISION_WORDS.values())
    rows = buckets.with_columns(
        decision=pl.col("decision").replace_strict(DECISION_WORDS),
        order=pl.col("decision").replace_strict({name: place for place, name in enumerate(DECISION_WORDS)}),
    )
    order = rows["bucket"].unique(maintain_order=True).to_list()
    bars = (
        alt.Chart(rows)
        .mark_bar(stroke=light("paper"), strokeWidth=0.5)
        .encode(
            alt.Y("bucket:N", sort=order, title=None, axis=alt.Axis(labelLimit=220)),
            alt.X("customers:Q", title="customers", axis=alt.Axis(grid=True, tickCount=6, tickMinStep=1)),
            alt.Color(
                "decision:N",
                scale=alt.Scale(domain=names, range=[light(token) for token in DECISION_COLOURS.values()]),
                legend=alt.Legend(title=None, symbolType="square", columns=2),
            ),
            order=alt.Order("order:O", sort="ascending"),
            tooltip=[
                tip("bucket", "bucket"),
                tip("decision", "decision"),
                tip("customers", "customers", ",d"),
                tip("points", f"{unit} granted", ",d"),
            ],
        )
    )
    paid = buckets.filter(pl.col("decision") == "grant")
    return finished(
        layered(bars),
        f"The plan by {'value at stake' if by_value else 'score bucket'}",
        about.subtitle(
            f"{'' if by_value else 'scored '}customers by bucket and decision", int(buckets["customers"].sum())
        ),
        f"{fmt.counted(int(paid['customers'].sum()), 'customer')} in the plan for "
        f"{fmt.units(int(paid['points'].sum()), unit)}.",
        32 * len(order),
    )


def plan_reasons(reasons: pl.DataFrame, about: About) -> Chart:
    """Customers who are granted nothing, by reason; `reasons` as made by `plans.by_reason`."""
    unpaid = reasons.filter(pl.col("decision") != "grant")
    rows = unpaid.with_columns(
        reason=pl.col("reason_code").str.replace_all("_", " "),
        words=pl.Series([fmt.whole(customers) for customers in unpaid["customers"]], dtype=pl.String),
    )
    most = 1.6 * float(rows["customers"].max() or 1)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        alt.Y("reason:N", sort=rows["reason"].to_list(), title=None, axis=alt.Axis(labelLimit=220)),
        alt.X("customers:Q", title=None, axis=None, scale=alt.Scale(domain=[0, most])),
        tooltip=[tip("reason", "reason"), tip("customers", "customers", ",d")],
    )
    said = fmt.listed([f"{r['reason']} {r['words']}" for r in rows.to_dicts()])
    return finished(
        layered(base.mark_bar(color=light("muted")), label(base, "words:N")),
        "Who is granted nothing, and why",
        about.subtitle("customers by reason", int(rows["customers"].sum())),
        f"Customers who are granted nothing: {said}.",
        28 * rows.height,
    )


def budget(amounts: pl.DataFrame, about: About, unit: str) -> Chart:
    """Cost of the plan beside budget and caps; `amounts` has name, points and role (plan or limit)."""
    rows = amounts.with_columns(
        words=pl.Series([fmt.units(points, unit) for points in amounts["points"]], dtype=pl.String)
    )
    most = 1.9 * float(rows["points"].max() or 1)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        alt.Y("name:N", sort=rows["name"].to_list(), title=None, axis=alt.Axis(labelLimit=220)),
        alt.X("points:Q", title=None, axis=None, scale=alt.Scale(domain=[0, most])),
        tooltip=[tip("name", "amount"), tip("points", unit, ",d")],
    )
    bars = base.mark_bar().encode(
        color=alt.condition("datum.role == 'plan'", alt.value(light("accent")), alt.value(light("zumbi")))
    )
    said = fmt.listed([f"{r['name']} {r['words']}" for r in rows.to_dicts()])
    return finished(
        layered(bars, label(base, "words:N")),
        "Cost and limits",
        about.subtitle(f"{unit} of this cycle"),
        f"Cost and limits of this cycle: {said}.",
        32 * rows.height,
    )


def realised_lift(lift: pl.DataFrame, about: About, target: str) -> Chart:
    """Difference of the target's share between granted and held out, by matured cycle, with intervals.

    `lift` has the columns of `fiel.actions.lift.LIFT`.
    """
    known = lift.filter(pl.col("lift").is_not_null()).sort("as_of", "kind")
    rows = as_text(known).with_columns(
        pl.col("lift", "lift_lower", "lift_upper").round(4), name=pl.format("{} {}", "as_of", "kind")
    )
    base = alt.Chart(rows.drop("as_of")).encode(
        alt.Y("name:N", title=None, sort=rows["name"].to_list(), axis=alt.Axis(labelLimit=220)),
        tooltip=[
            tip("name", "cycle"),
            tip("granted", "granted", ",d"),
            tip("held_out", "held out", ",d"),
            tip("lift", "lift", "+.1%"),
            tip("lift_lower", "interval from", "+.1%"),
            tip("lift_upper", "to", "+.1%"),
        ],
    )
    value = alt.X("lift:Q", title=f"share {target}, granted minus held out", axis=alt.Axis(format="+.0%"))
    zero = alt.Chart(pl.DataFrame({"zero": [0]})).mark_rule(strokeDash=[4, 3], color=light("muted")).encode(x="zero:Q")
    newest = known.tail(1)
    return finished(
        layered(
            zero,
            base.mark_rule(strokeWidth=2, color=light("accent")).encode(alt.X("lift_lower:Q"), x2="lift_upper:Q"),
            base.mark_point(size=90, opacity=1).encode(value),
        ),
        "What earlier cycles changed",
        about.subtitle(
            f"difference of the share {target} in percentage points, with its interval; dashed: no effect",
            int(known["granted"].sum()) + int(known["held_out"].sum()),
        ),
        f"The newest matured cycle, {fmt.day(newest['as_of'].item())}, shows a difference of "
        f"{fmt.signed_percent(newest['lift'].item())}.",
        32 * rows.height,
    )
