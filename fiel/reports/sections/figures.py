"""Key figures: how active, which stages, what becomes of them, who is valuable, who ranks first."""

from __future__ import annotations

import polars as pl

from fiel.program import STAGES
from fiel.reports import charts, people
from fiel.reports import format as fmt
from fiel.reports.data import LISTED, ReportData
from fiel.reports.sections.base import Block, Empty, Section, Shown, Words, figure
from fiel.reports.sections.now import about, group_of, words_of
from fiel.reports.sections.wording import stage_meanings, value_earned
from fiel.reports.tables import Table, column, number, table

_GAP_DAYS = (1, 2, 3, 5, 7, 10, 14, 21, 28, 45, 60, 90, 120, 180, 270, 365, 540, 730)
"""Rows of the return curve's table."""


def key_figures(data: ReportData) -> Section:
    """Activity, stages, retention, the return curve, the F x V plane and the ranking."""
    blocks: list[Block] = [*_activity(data), *_stages(data), *_coming_back(data), *_value(data), *_ranking(data)]
    return Section("figures", "Key figures", tuple(blocks))


def _activity(data: ReportData) -> list[Block]:
    if data.daily.is_empty():
        return [Empty("No active day is known before this date.", f"fiel run ingest --program {data.program.name}")]
    window = data.program.features.frequency_window
    daily = table(
        data.daily.sort("day", descending=True),
        [
            column("day", show=fmt.day),
            number("daily_active", "active that day"),
            number("new"),
            number("returning"),
            number("monthly_active", f"active in {window} days"),
            number("mean_daily_active", "mean a day", fmt.ratio),
            number("stickiness", show=fmt.percent),
        ],
        f"Stickiness: mean active a day over {window} days, over the customers active in them.",
    )
    blocks: list[Block] = [figure("active", charts.active_customers(data.daily, about(data), window), daily)]
    if data.weekly.height:
        weekly = table(
            data.weekly.sort("week", descending=True),
            [column("week", "week from", fmt.day), number("new"), number("returning", "returning a day", fmt.ratio)],
        )
        blocks.append(figure("new", charts.new_and_returning(data.weekly, about(data)), weekly))
        blocks.append(
            Words(
                f"The data begin on {fmt.day_in_words(data.source.first_day)}. Whoever was a customer before counts as "
                "new on the first day seen, so the earliest weeks and join months may hold old customers.",
                "muted",
            )
        )
    return blocks


def _stages(data: ReportData) -> list[Block]:
    newest = data.mix.filter(pl.col("as_of") == data.as_of)
    meanings = stage_meanings(data.program.life_cycle)
    now = table(
        newest.with_columns(meaning=pl.col("stage").replace_strict(meanings)),
        [
            column("stage", kind="stage"),
            number("customers"),
            number("share", show=fmt.percent),
            number("active_share", "share of non-zumbis", fmt.percent),
            column("meaning", kind="prose"),
        ],
    )
    wide = data.mix.pivot("stage", index="as_of", values="customers").sort("as_of", descending=True)
    over_time = table(wide, [column("as_of", "as of", fmt.day), *(number(stage) for stage in STAGES)])
    days = data.program.target.horizon_days
    return [
        figure("stages", charts.stage_mix_now(newest, about(data)), now, half=True),
        figure("transitions", charts.transition_matrix(data.transitions, about(data), days), _moves(data), half=True),
        figure("mix", charts.stage_mix_over_time(data.mix, about(data)), over_time),
    ]


def _moves(data: ReportData) -> Table:
    wide = data.transitions.pivot("to_stage", index=["from_stage", "from_customers"], values="customers")
    columns = [column("from_stage", "from", kind="stage"), *(number(stage) for stage in STAGES)]
    return table(wide, [*columns, number("from_customers", "all")], "Customers: stage then in rows, now in columns.")


def _coming_back(data: ReportData) -> list[Block]:
    blocks = _retention(data)
    if data.returns.customers:
        marks = data.returns.curve.filter(pl.col("gap_days").is_in(_GAP_DAYS))
        shown = table(
            marks,
            [
                number("gap_days", "mean gap up to (days)"),
                number("customers"),
                number("share_within", "share", fmt.percent),
            ],
        )
        blocks.append(figure("returns", charts.return_curve(data.returns, about(data)), shown))
        once = data.customers - data.returns.customers
        if once > 0:
            blocks.append(
                Words(
                    f"Not in the curve: {fmt.counted(once, 'customer')} with a single active day, who have no gap yet. "
                    "Gaps that are still open are not counted either, so the curve is on the quick side.",
                    "muted",
                )
            )
    else:
        blocks.append(Empty("The return curve needs customers with two active days."))
    return blocks


def _retention(data: ReportData) -> list[Block]:
    """Retention by active days; nothing where the cohorts of the first purchase show it with their revenue."""
    if data.purchases is not None and data.purchases.cohort_months.filter(pl.col("month") > 0).height:
        return []
    if data.retention.filter(pl.col("month") > 0).is_empty():
        return [Empty("Retention needs two complete calendar months before this date.")]
    wide = (
        data.retention.with_columns(joined=pl.col("join_month").dt.to_string("%Y-%m"))
        .pivot("month", index=["joined", "customers"], values="share")
        .sort("joined")
    )
    months = [name for name in wide.columns if name not in ("joined", "customers", "0")]
    columns = [column("joined"), number("customers"), *(number(name, show=fmt.percent) for name in months)]
    shown = table(wide, columns, "Share of those who joined in the month, by months since; complete months only.")
    return [figure("retention", charts.retention_heatmap(data.retention, about(data)), shown, wide=True)]


def _value(data: ReportData) -> list[Block]:
    program, window = data.program, data.program.features.frequency_window
    if data.plane.is_empty():
        return [Empty(f"Nobody was active in the {window} days before this date.")]
    earned = value_earned(program)
    sizes = table(
        data.clusters.with_columns(pl.col("mean_value_earned") / program.value.scale),
        [
            column("value_cluster", "value cluster"),
            number("customers"),
            number("share", show=fmt.percent),
            number("mean_active_days", "mean active days", fmt.ratio),
            number("mean_value_earned", f"mean {earned}", fmt.whole),
        ],
    )
    chart = charts.value_scatter(
        data.plane, about(data), program.value_clusters, program.value, window, data.plane_customers, earned
    )
    blocks: list[Block] = [figure("value", chart, sizes)]
    if data.silhouettes.height:
        best = data.silhouettes.sort(["silhouette", "k"], descending=[True, False]).row(0, named=True)
        blocks.append(Words(_fit_in_words(data, best["k"], best["silhouette"]), "muted"))
    return blocks


def _fit_in_words(data: ReportData, k: int, silhouette: float) -> str:
    sizes = data.agreement.group_by("kmeans_cluster").agg(pl.col("customers").sum())["customers"]
    largest = int(sizes.max() or 0) / max(int(sizes.sum()), 1)  # type: ignore[arg-type]
    return (
        f"Do the fixed cuts still fit? KMeans on scaled frequency and value finds {k} clusters (silhouette "
        f"{fmt.ratio(silhouette)}); the largest holds {fmt.percent(largest)}. Their agreement with the fixed cuts is "
        f"{fmt.ratio(round(people.agreement_index(data.agreement), 2))} (adjusted Rand index: 1 the same groups, 0 no "
        "more than chance). Where one KMeans cluster holds nearly everyone, it only parts a few extreme customers from "
        "the rest, and says little about the cuts."
    )


def _ranking(data: ReportData) -> list[Block]:
    if data.ranking.is_empty():
        command = f"fiel run score --program {data.program.name} --as-of {fmt.day(data.as_of)}"
        return [Empty("There are no scores for this date.", command)]
    words = words_of(data)
    columns = [
        number("rank", "place"),
        number("prob", words.chance, fmt.percent),
        column("stage", kind="stage"),
        column("customer_id", "customer", kind="id"),
        group_of(data.ranking),
        column("next_stage", "falls into", kind="stage"),
        column("next_stage_date", "on", fmt.day),
    ]
    scored = int(data.coverage.filter(pl.col("group") == "scored")["customers"].sum())
    note = f"The first {min(LISTED, scored)} of {fmt.counted(scored, 'customer')}; all are in the table out_scores."
    if data.ranking["prob"].is_duplicated().any():
        note += " Customers of equal score stand in the order of their ids: places among them mean nothing."
    return [
        Shown(
            "Ranking by score",
            about(data).subtitle(f"{words.chance} {words.when}", scored),
            table(data.ranking, columns, note),
        )
    ]
