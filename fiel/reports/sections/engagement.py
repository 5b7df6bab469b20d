"""Who is worth what and likely to leave; what the treatment did; what the interaction log holds."""

from __future__ import annotations

import polars as pl

from fiel.features.interactions import event_distribution
from fiel.reports import format as fmt
from fiel.reports.charts.engagement import observed_uplift, qini_curve, segments_by_risk
from fiel.reports.charts.interactions import events_by_hour, events_by_weekday
from fiel.reports.data import ReportData
from fiel.reports.engagement import ALL_SESSIONS, EngagementView
from fiel.reports.sections.base import Block, Empty, Section, Shown, Tile, Tiles, Words, figure
from fiel.reports.sections.now import about
from fiel.reports.tables import Column, column, number, table
from fiel.segments.engagement import SEGMENTS
from fiel.segments.risk import RISK_GROUPS

_LISTED_ITEMS = 20


def engagement(data: ReportData) -> Section | None:
    """Segments and risk groups; None for a program without a section `engagement`."""
    rules, view = data.program.engagement, data.engagement
    if rules is None:
        return None
    title = "Who they are: value and risk"
    if view is None:
        return Section("engagement", title, (_missing(data),))
    risks = view.risks
    at_risk = int(risks.filter(pl.col("risk_group").is_in(["high", "critical"]))["customers"].sum())
    best = view.segments.row(0, named=True)
    tiles = Tiles(
        (
            Tile("customers", fmt.whole(view.customers.height), "each with a probability of leaving"),
            Tile("high or critical risk", fmt.whole(at_risk), fmt.percent(at_risk / max(1, view.customers.height))),
            Tile(best["segment"], fmt.whole(best["customers"]), "the most valuable segment"),
            Tile("median engagement", fmt.ratio(_median(view, "engagement")), "0 to 100"),
        )
    )
    cuts = rules.risk
    shared = [
        number("customers"),
        number("share", show=fmt.percent),
        number("engagement", "median engagement", fmt.ratio),
        number("mean_prob", "mean probability of leaving", fmt.percent),
        number("left_rate", "left (observed)", fmt.percent),
        number("value", "median value", fmt.whole),
    ]
    explained = sum(view.card["explained"])
    chart = segments_by_risk(view.crossed, SEGMENTS[::-1], RISK_GROUPS, about(data))
    blocks: list[Block] = [
        tiles,
        Words(_how(data, view)),
        figure("segments-risk", chart, table(view.crossed)),
        Shown(
            "Value segments",
            about(data).subtitle("the most valuable first"),
            table(view.segments, [column("segment"), *shared], _segment_note(view)),
        ),
        Shown(
            "Risk groups",
            about(data).subtitle("by the probability of leaving"),
            table(
                risks,
                [column("risk_group", "risk"), *shared],
                f"Low up to {fmt.percent(cuts.low)}, medium up to {fmt.percent(cuts.medium)}, high up to "
                f"{fmt.percent(cuts.high)}, critical above.",
            ),
        ),
        Words(
            f"{len(view.card['explained'])} principal components hold {fmt.percent(explained)} of the variance of the "
            f"{rules.numbers} numbers; the first four, which engagement is made of, "
            f"{fmt.percent(sum(view.card['explained'][:4]))}.",
            "muted",
        ),
    ]
    return Section("engagement", title, tuple(blocks))


def treatment(data: ReportData) -> Section | None:
    """Observed uplift, the Qini curve, and what they can and cannot say; None for a program without `engagement`."""
    view = data.engagement
    if data.program.engagement is None or view is None:
        return None
    rules = data.program.engagement
    blocks: list[Block] = [Words(sentence) for sentence in view.statement]
    groups = {
        by: view.uplift.filter(pl.col("by") == by).sort("position").with_columns(name=_group_name(by))
        for by in ("segment", "decile")
    }
    everyone = view.uplift.filter(pl.col("by") == "all")
    overall = everyone["uplift"].item() if everyone.height else None
    for by, words in (("segment", "segment"), ("decile", "decile of predicted uplift")):
        rows = groups[by].sort("position", descending=by == "segment")
        if rows.height:
            drawn = observed_uplift(rows, overall, words, about(data))
            blocks.append(figure(f"uplift-{by}", drawn, table(rows, _uplift_columns(words)), half=True))
    if view.qini.height:
        curve = qini_curve(view.qini, rules.confidence, about(data))
        blocks.append(figure("qini", curve, table(view.qini.filter(pl.col("point") % 10 == 0), _QINI)))
    return Section("treatment", "What the treatment did", tuple(blocks))


def interactions(data: ReportData) -> Section | None:
    """Events by kind, hour and weekday, and popular articles; None without an interaction log."""
    view = data.engagement
    if view is None or view.events.is_empty():
        return None
    by_kind = event_distribution(view.events, "kind")
    total = int(by_kind["events"].sum())
    tiles = Tiles(
        (
            Tile("events", fmt.whole(total), f"before {fmt.day(data.as_of)}, exact repeats dropped"),
            *(Tile(row["kind"], fmt.whole(row["events"]), fmt.percent(row["share"])) for row in by_kind.to_dicts()),
        )
    )
    counts = view.events
    hours = events_by_hour(counts, about(data), data.program.day_time_zone)
    days = events_by_weekday(counts, about(data))
    items = view.items.filter(pl.col("segment") == ALL_SESSIONS).head(_LISTED_ITEMS)
    columns = [
        number("rank"), column("aid", "article", kind="id"), number("sessions"), number("clicks"), number("carts"),
        number("orders"),
    ]  # fmt: skip
    blocks: list[Block] = [
        tiles,
        figure("events-hour", hours, table(event_distribution(counts, "hour")), half=True),
        figure("events-weekday", days, table(event_distribution(counts, "weekday")), half=True),
        Shown(
            "Most popular articles",
            about(data).subtitle("by the number of sessions that hold it", items.height, "article"),
            table(items, columns),
        ),
    ]
    by_segment = view.items.filter(pl.col("segment") != ALL_SESSIONS)
    if by_segment.height:
        first = by_segment.filter(pl.col("rank") <= 5)
        blocks.append(
            Shown(
                "Most popular articles by segment",
                about(data).subtitle("of the sessions that links.csv joins to a customer", first.height, "article"),
                table(first, [column("segment"), *columns]),
                is_folded=True,
            )
        )
    else:
        blocks.append(
            Words("No links.csv joins sessions to customers, so no segment has popular articles of its own.", "muted")
        )
    return Section("interactions", "What they click and order", tuple(blocks))


_QINI = [
    number("share", "share treated", fmt.percent),
    number("gain", "kept for each treated customer", fmt.ratio),
    number("low", "interval from", fmt.ratio),
    number("high", "to", fmt.ratio),
    number("random", "at random", fmt.ratio),
]


def _uplift_columns(words: str) -> list[Column]:
    return [
        column("name", words),
        number("treated"),
        number("control", "not treated"),
        number("rate_treated", "left, treated", fmt.percent),
        number("rate_control", "left, not treated", fmt.percent),
        number("uplift", show=fmt.signed_points),
        number("low", "interval from", fmt.signed_points),
        number("high", "to", fmt.signed_points),
        number("predicted_uplift", "predicted", fmt.signed_points),
    ]


def _group_name(by: str) -> pl.Expr:
    return pl.col("group") if by == "segment" else pl.format("decile {}", "group")


def _how(data: ReportData, view: EngagementView) -> str:
    if view.card["is_base_rate"]:
        return (
            "No model has beaten the base rate, so everyone has the same probability of leaving, and segments differ "
            "in engagement only. Do not choose customers by risk."
        )
    return (
        "Engagement is a weighted sum of the first principal components, each turned so that higher means less "
        "leaving, scaled to 0 to 100 on the training rows. Each probability comes from a model that was fitted "
        "without the customer. Value is (1 − probability) x engagement x 1,000; segments are four clusters of the "
        "three, named by their rank in value, from premium down to base."
    )


def _segment_note(view: EngagementView) -> str:
    found = view.card["silhouette"]
    measured = "" if found is None else f"Silhouette of the four clusters: {fmt.ratio(found)} (1 is apart, 0 is not). "
    return f"{measured}Customers who left are counted where the outcome is known."


def _median(view: EngagementView, name: str) -> float | None:
    found = view.customers[name].median()
    return None if found is None else float(found)  # type: ignore[arg-type]


def _missing(data: ReportData) -> Empty:
    command = f"fiel run segments --program {data.program.name} --as-of {fmt.day(data.as_of)}"
    return Empty("There are no segments of this date.", command)
