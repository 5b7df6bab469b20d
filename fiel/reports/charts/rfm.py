"""Charts of segments: the R x F grid, who holds the money, the moves between segments, the clusters."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from fiel.features.rfm_segments import GRID
from fiel.program import Value
from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, finished, label, layered, text_on_viridis, tip
from fiel.reports.charts.heatmap import NAME_AXIS, heatmap
from fiel.reports.purchases import ClustersView, RfmView
from fiel.reports.theme import SEQUENTIAL, light

SEGMENT_TITLES: dict[str, str] = dict(GRID.select("segment", "title").iter_rows())
"""Segments as people read them."""

TITLES_IN_ORDER: tuple[str, ...] = tuple(GRID.sort("order")["title"])
"""The same, best to worst."""

CLUSTER_TOKENS = ("accent", "warning", "good", "reborn", "bad", "ink", "curioso", "zumbi")
CLUSTER_SHAPES = (
    "circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left",
)  # fmt: skip
"""Colours and shapes of the clusters, the most valuable first."""

NO_PURCHASE_YET = "No purchase yet"
"""Where customers come from who had no segment then."""


def title_of(segment: str) -> str:
    """A segment's title; the code as words where it has none (`not_yet`: not a customer then)."""
    return SEGMENT_TITLES.get(segment, fmt.words(segment).capitalize())


def rfm_grid(view: RfmView, about: About, unit: Value, money: str) -> Chart:
    """The grid of recency (rows) and frequency scores (columns): segment, customers and `money` in each cell."""
    rows = view.grid.select(
        "r_score",
        "f_score",
        "customers",
        segment=pl.col("segment").replace_strict(SEGMENT_TITLES),
        amount=(pl.col("revenue_net") / unit.scale).round(0).clip(0),
        words=pl.Series(
            [
                f"{title_of(row['segment'])}\n{fmt.whole(row['customers'])}\n{fmt.value(row['revenue_net'], unit)}"
                if row["customers"]
                else f"{title_of(row['segment'])}\nnobody"
                for row in view.grid.to_dicts()
            ],
            dtype=pl.String,
        ),
    )
    most = float(rows["amount"].max() or 1)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        alt.X("f_score:O", title="frequency score, 5 the most frequent", axis=alt.Axis(labelAngle=0)),
        alt.Y("r_score:O", title="recency score, 5 the most recent", sort="descending"),
        tooltip=[
            tip("segment", "segment"),
            tip("r_score", "recency score", "d"),
            tip("f_score", "frequency score", "d"),
            tip("customers", "customers", ",d"),
            tip("amount", f"{money} ({unit.unit})", ",.0f"),
        ],
    )
    cells = base.mark_rect(stroke=light("paper"), strokeWidth=2).encode(
        color=alt.Color(
            "amount:Q",
            scale=alt.Scale(scheme=SEQUENTIAL, type="sqrt", domain=[0, most]),
            legend=alt.Legend(title=f"{money}, {unit.unit} (square-root scale)", gradientLength=200, tickCount=3),
        )
    )
    words = base.mark_text(lineBreak="\n", lineHeight=16, dy=-16).encode(
        text="words:N",
        color=text_on_viridis("amount", most, is_sqrt=True),
    )
    best = view.segments.sort("revenue_net", descending=True).row(0, named=True)
    return finished(
        layered(cells, words),
        "Customers and money by recency and frequency",
        about.subtitle(f"customers and {money} of the last {view.window_days} days", view.customers),
        f"Each cell is a pair of scores and names its segment. {title_of(best['segment'])} bring the most: "
        f"{fmt.value(best['revenue_net'], unit)} from {fmt.counted(best['customers'], 'customer')}.",
        400,
    )


def segment_shares(view: RfmView, about: About, money: str) -> Chart:
    """Share of the customers beside share of the money, segment by segment, best to worst."""
    kinds = ["of customers", f"of {money}"]
    rows = pl.concat(
        [
            view.segments.select("title", "customers", kind=pl.lit(kinds[0]), share=pl.col("share")),
            view.segments.select("title", "customers", kind=pl.lit(kinds[1]), share=pl.col("revenue_share")),
        ]
    )
    words = pl.Series([fmt.percent(share) for share in rows["share"]], dtype=pl.String)
    rows = rows.with_columns(pl.col("share").round(4), words=words)
    order = view.segments["title"].to_list()
    low, high = (float(rows["share"].fill_null(0).to_numpy().min()), float(rows["share"].fill_null(0).to_numpy().max()))
    base = alt.Chart(rows).encode(
        alt.Y("title:N", sort=order, title=None, axis=alt.Axis(labelLimit=140)),
        alt.X("share:Q", title=None, axis=None, scale=alt.Scale(domain=[min(0.0, low), 1.3 * high or 1])),
        yOffset=alt.YOffset("kind:N", sort=kinds),
        tooltip=[tip("title", "segment"), tip("kind", "share"), tip("share", "share", ".1%")],
    )
    bars = base.mark_bar().encode(
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=kinds, range=[light("zumbi"), light("accent")]),
            legend=alt.Legend(title="share", symbolType="square"),
        )
    )
    top = view.segments.head(1).row(0, named=True)
    return finished(
        layered(bars, label(base, "words:N", fontSize=12)),
        "Who holds the money",
        about.subtitle(f"share of the customers and of {money}, segments best to worst", view.customers),
        f"{top['title']} are {fmt.percent(top['share'])} of the customers and hold "
        f"{fmt.percent(top['revenue_share'])} of {money}.",
        38 * len(order),
    )


def segment_moves(view: RfmView, about: About, before: str) -> Chart:
    """What became of each segment since `before`: % of those who were in it, best to worst."""
    sizes = view.moves.group_by("from_segment").agg(then=pl.col("customers").sum())
    rows = view.moves.join(sizes, on="from_segment", maintain_order="left").with_columns(
        row=pl.format(
            "{} (n = {})",
            pl.col("from_segment").replace_strict(SEGMENT_TITLES, default=NO_PURCHASE_YET),
            pl.col("then"),
        ),
        column=pl.col("to_segment").replace_strict(SEGMENT_TITLES, default=pl.col("to_segment")),
        number=(100 * pl.col("share")).round(0),
        share=pl.col("share").round(4),
    )
    matrix = heatmap(
        rows,
        alt.X("column:N", sort=list(TITLES_IN_ORDER), title="segment now", axis=NAME_AXIS),
        alt.Y(
            "row:N",
            sort=rows["row"].unique(maintain_order=True).to_list(),
            title=f"segment on {before}",
            axis=alt.Axis(labelLimit=220),
        ),
        [
            tip("row", "from"),
            tip("column", "to"),
            tip("customers", "customers", ",d"),
            tip("then", "of", ",d"),
            tip("share", "share", ".1%"),
        ],
        legend="share of the row",
    )
    total = int(view.moves["customers"].sum())
    stayed = int(view.moves.filter(pl.col("from_segment") == pl.col("to_segment"))["customers"].sum())
    return finished(
        matrix,
        f"Moves between segments since {before}",
        about.subtitle("% of the customers of a segment then", total),
        f"{fmt.counted(stayed, 'customer')} of {fmt.whole(total)} are in the same segment as on {before}.",
        30 * rows["row"].n_unique(),
    )


def cluster_names(profiles: pl.DataFrame) -> list[str]:
    """The clusters as legends and rows name them: `1 · often and lately`, the most valuable first."""
    return [f"{row['cluster']} · {row['cluster_name']}" for row in profiles.sort("cluster").to_dicts()]


def _cycled(parts: Sequence[str], size: int) -> list[str]:
    return [parts[place % len(parts)] for place in range(size)]


def cluster_scatter(view: ClustersView, about: About, unit: Value, money: str) -> Chart:
    """Days since the last purchase and money of a sample of the customers, by cluster; both axes logarithmic."""
    names = cluster_names(view.profiles)
    by_number = dict(zip(view.profiles.sort("cluster")["cluster"], names, strict=True))
    rows = view.points.select(
        "days_since_last",
        "purchase_days",
        segment=pl.col("rfm_segment").replace_strict(SEGMENT_TITLES, default=pl.col("rfm_segment")),
        cluster=pl.col("cluster").replace_strict(by_number, return_dtype=pl.String),
        amount=(pl.col("revenue_net") / unit.scale).round(0),
    )
    top = float(rows["amount"].max() or 1)  # type: ignore[arg-type]
    above = rows.filter(pl.col("amount") > 0)["amount"]
    constant = max(float(above.quantile(0.1) or 1) / 2, 1e-3) if len(above) else 1.0
    floor = min(float(rows["amount"].min() or 0), 0.0)  # type: ignore[arg-type]
    ticks = [0.0, *(10.0**power for power in range(-2, 13) if constant <= 10.0**power <= 1.2 * top)]
    points = (
        alt.Chart(rows)
        .mark_point(size=36, opacity=0.75)
        .encode(
            alt.X(
                "days_since_last:Q",
                title="days since the last purchase (log scale)",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(values=[1, 3, 10, 30, 100, 300, 1_000, 3_000], format=",d"),
            ),
            alt.Y(
                "amount:Q",
                title=f"{money}, {unit.unit} (log scale)",
                scale=alt.Scale(type="symlog", constant=constant, domain=[floor, 1.1 * top], nice=False),
                axis=alt.Axis(values=ticks, format=",~r", grid=True),
            ),
            color=alt.Color(
                "cluster:N",
                scale=alt.Scale(domain=names, range=[light(name) for name in _cycled(CLUSTER_TOKENS, len(names))]),
                legend=alt.Legend(title=None, columns=1, labelLimit=320),
            ),
            shape=alt.Shape("cluster:N", scale=alt.Scale(domain=names, range=_cycled(CLUSTER_SHAPES, len(names)))),
            tooltip=[
                tip("cluster", "cluster"),
                tip("segment", "segment"),
                tip("days_since_last", "days since last", ",d"),
                tip("purchase_days", "purchase days", ",d"),
                tip("amount", f"{money} ({unit.unit})", ",.0f"),
            ],
        )
    )
    drawn = "" if rows.height >= view.customers else f", {fmt.whole(rows.height)} of them drawn, evenly picked"
    largest = view.profiles.sort("customers", descending=True).row(0, named=True)
    return finished(
        layered(points),
        "Clusters by recency and money",
        about.subtitle(f"each point a customer; {money} in {unit.unit}", view.customers) + drawn,
        f"{fmt.counted(len(names), 'cluster')}. The largest, {largest['cluster_name']}, holds "
        f"{fmt.percent(largest['share'])} of the customers.",
        380,
    )


def cluster_segments(view: ClustersView, about: About) -> Chart:
    """In which named segments the customers of each cluster are: % of the cluster."""
    by_number = dict(zip(view.profiles["cluster"], cluster_names(view.profiles), strict=True))
    rows = view.crossed.with_columns(
        row=pl.col("cluster").replace_strict(by_number, return_dtype=pl.String),
        column=pl.col("segment").replace_strict(SEGMENT_TITLES, default=pl.col("segment")),
        number=(100 * pl.col("share")).round(0),
        share=pl.col("share").round(4),
    )
    matrix = heatmap(
        rows,
        alt.X("column:N", sort=list(TITLES_IN_ORDER), title="named segment", axis=NAME_AXIS),
        alt.Y("row:N", sort=list(by_number.values()), title=None, axis=alt.Axis(labelLimit=260)),
        [
            tip("row", "cluster"),
            tip("column", "segment"),
            tip("customers", "customers", ",d"),
            tip("share", "share of the cluster", ".1%"),
        ],
        legend="share of the cluster",
    )
    most = rows.sort("share", descending=True).row(0, named=True)
    return finished(
        matrix,
        "Where the clusters lie in the segments",
        about.subtitle("% of the customers of a cluster", view.customers),
        f"{fmt.percent(most['share'])} of cluster {most['cluster']} are in the segment {most['column']}.",
        40 * len(by_number),
    )
