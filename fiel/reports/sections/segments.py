"""Who our customers are: named segments with their money, moves between them, clusters beside them."""

from __future__ import annotations

import polars as pl

from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.charts.rfm import SEGMENT_TITLES, cluster_names, title_of
from fiel.reports.data import ReportData
from fiel.reports.purchases import ClustersView, RfmView
from fiel.reports.sections.base import Block, Empty, Section, Shown, Words, figure
from fiel.reports.sections.now import about
from fiel.reports.sections.wording import money_word, show_value
from fiel.reports.tables import column, number, table
from fiel.segments.rfm import NOT_YET


def segments(data: ReportData) -> Section | None:
    """Segments, their money and moves, and the clusters; None for a program without the group rfm."""
    view = None if data.purchases is None else data.purchases.rfm
    if data.purchases is None or view is None:
        return None
    blocks: list[Block] = [Words(_answer(data, view)), *_rfm(data, view)]
    clusters = data.purchases.clusters
    if clusters is None:
        command = f"fiel run segments --program {data.program.name} --as-of {fmt.day(data.as_of)}"
        blocks.append(Empty("Clusters and moves between segments were not computed for this date.", command))
    else:
        blocks += _clusters(data, clusters)
    return Section("segments", "Who our customers are", tuple(blocks))


def _answer(data: ReportData, view: RfmView) -> str:
    value, money = show_value(data.program), money_word(data.program)
    present = view.segments.filter(pl.col("customers") > 0)
    parts = [
        f"“{row['title']}” are {fmt.percent(row['share'])} of the customers and hold "
        f"{fmt.percent(row['revenue_share'])} of {money} ({value(row['revenue_net'])})"
        for row in present.sort("revenue_net", descending=True).head(2).to_dicts()
    ]
    text = (
        f"As of {fmt.day_in_words(data.as_of)}, {fmt.counted(view.customers, 'customer')} brought "
        f"{value(view.revenue_net)} of {money} in the last {view.window_days} days. {'; '.join(parts)}."
    )
    slipping = present.filter(pl.col("segment").is_in(["cannot_lose", "at_risk"]))
    if slipping.height:
        quiet = [f"{fmt.whole(row['customers'])} “{row['title']}”" for row in slipping.to_dicts()]
        text += (
            f" The {fmt.listed(quiet)} customers, good ones who have gone quiet, brought "
            f"{value(float(slipping['revenue_net'].sum()))} in that time."
        )
    return text


def _rfm(data: ReportData, view: RfmView) -> list[Block]:
    unit, money, value = data.program.value, money_word(data.program), show_value(data.program)
    cells = table(
        view.grid.sort(["r_score", "f_score"], descending=True).with_columns(pl.col("segment").replace(SEGMENT_TITLES)),
        [
            number("r_score", "recency score"),
            number("f_score", "frequency score"),
            column("segment"),
            number("customers"),
            number("revenue_net", money, value),
        ],
        "A score is 1 plus the number of the 20, 40, 60 and 80 % cuts below the value, so equal customers have equal "
        "scores and some cells may be empty. Days since the last purchase count reversed.",
    )
    rows = table(
        view.segments,
        [
            column("title", "segment"),
            column("what_to_do", "what to do", kind="prose"),
            number("customers"),
            number("share", "share of customers", fmt.percent),
            number("revenue_net", money, value),
            number("revenue_share", f"share of {money}", fmt.percent),
            number("median_days_since_last", "median days since last", fmt.whole),
            number("median_purchase_days", "median purchase days", fmt.ratio),
        ],
        f"Segments from best to worst. Money of the last {view.window_days} days, what was taken back deducted.",
    )
    shares = table(
        view.segments,
        [
            column("title", "segment"),
            number("share", "of customers", fmt.percent),
            number("revenue_share", f"of {money}", fmt.percent),
        ],
    )
    here = about(data)
    blocks: list[Block] = [
        Shown("Segments, and what to do about each", here.subtitle("best to worst", view.customers), rows),
        figure("rfm-grid", charts.rfm_grid(view, here, unit, money), cells, wide=True),
        figure("segment-shares", charts.segment_shares(view, here, money), shares),
    ]
    if view.previous_as_of is not None and view.moves.height:
        blocks += _moves(data, view, fmt.day(view.previous_as_of))
    return blocks


def _moves(data: ReportData, view: RfmView, before: str) -> list[Block]:
    value = show_value(data.program)
    moved = view.moves.filter(pl.col("from_segment") != pl.col("to_segment"))
    shown = table(
        moved.sort(["customers", "from_segment", "to_segment"], descending=[True, False, False]).with_columns(
            pl.col("from_segment", "to_segment").replace(SEGMENT_TITLES | {NOT_YET: charts.NO_PURCHASE_YET}),
        ),
        [
            column("from_segment", "from"),
            column("to_segment", "to"),
            number("customers"),
            number("share", "share of those then", fmt.percent),
            number("revenue_net", "their money now", value),
        ],
        "Customers who changed their segment, the most frequent changes first.",
    )
    fell = moved.filter(
        pl.col("from_segment").is_in(["champions", "loyal"]),
        pl.col("to_segment").is_in(
            ["cannot_lose", "at_risk", "hibernating", "lost", "about_to_sleep", "need_attention"]
        ),
    )
    rose = moved.filter(
        ~pl.col("from_segment").is_in(["champions", "loyal"]), pl.col("to_segment").is_in(["champions", "loyal"])
    )
    return [
        Words(
            f"Since {before}, {fmt.counted(int(rose['customers'].sum()), 'customer')} became champions or loyal "
            f"({value(float(rose['revenue_net'].sum()))}), and {fmt.whole(int(fell['customers'].sum()))} champions and "
            f"loyal customers fell back to need attention or worse ({value(float(fell['revenue_net'].sum()))})."
        ),
        figure("segment-moves", charts.segment_moves(view, about(data), before), shown, wide=True),
    ]


def _clusters(data: ReportData, view: ClustersView) -> list[Block]:
    unit, money, value = data.program.value, money_word(data.program), show_value(data.program)
    profiles = view.profiles.with_columns(name=pl.Series(cluster_names(view.profiles), dtype=pl.String))
    rows = table(
        profiles,
        [
            column("name", "cluster", kind="prose"),
            number("customers"),
            number("share", "share of customers", fmt.percent),
            number("revenue_share", f"share of {money}", fmt.percent),
            number("median_days_since_last", "median days since last", fmt.whole),
            number("median_purchase_days", "median purchase days", fmt.ratio),
            number("median_revenue_net", f"median {money}", value),
        ],
        f"Clusters 1 the most valuable. Window of {data.program.rfm.window_days} days.",
    )
    crossed = table(
        view.crossed.pivot("segment", index="cluster", values="customers").fill_null(0).sort("cluster"),
        [
            number("cluster"),
            *(number(name, title_of(name)) for name in view.crossed["segment"].unique(maintain_order=True)),
        ],
        "Customers of each cluster by named segment.",
    )
    here = about(data)
    return [
        Words(_fit(view)),
        figure("cluster-scatter", charts.cluster_scatter(view, here, unit, money), rows),
        Shown("The clusters", here.subtitle("middle customer of each", view.customers), rows),
        figure("cluster-segments", charts.cluster_segments(view, here), crossed, wide=True),
    ]


def _fit(view: ClustersView) -> str:
    row = view.profiles.row(0, named=True)
    text = (
        f"Without being told the segments, KMeans on logarithms of recency, frequency and money finds "
        f"{fmt.counted(row['k'], 'cluster')}"
    )
    text += (
        f" (silhouette {fmt.measure(row['silhouette'])}, the best of the tried)."
        if row["silhouette"] is not None
        else "."
    )
    if row["ari_mean"] is not None:
        verdict = "the same" if row["ari_mean"] >= 0.9 else "nearly the same" if row["ari_mean"] >= 0.75 else "other"
        text += (
            f" Fitted again on bootstrap samples it makes {verdict} groups: adjusted Rand index "
            f"{fmt.measure(row['ari_mean'])} on average, {fmt.measure(row['ari_low'])} in the worst twentieth (1 the "
            "same, 0 no more than chance)."
        )
    if row["segments_ari"] is not None:
        text += (
            f" With the named segments it agrees to {fmt.measure(row['segments_ari'])}: clusters follow the data of "
            "the day, segments fixed rules that stay the same from month to month."
        )
    return text
