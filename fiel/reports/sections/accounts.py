"""The accounts of a fund: who is likely to close, and how accounts and closings went by quarter."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.accounts import AccountsView, TargetRisk
from fiel.reports.charts.accounts import quarter_name
from fiel.reports.data import Expectation, ReportData
from fiel.reports.sections.base import Block, Empty, Section, Shown, Tile, Tiles, Words, figure
from fiel.reports.sections.now import about, words_of
from fiel.reports.sections.wording import show_value
from fiel.reports.tables import column, number, table

_CROWDED = 0.95
"""A level that holds more than this share tells accounts apart no more."""


def closing(data: ReportData) -> Section:
    """Who is likely to close an account: what is expected, levels, and the accounts at the greatest risk."""
    title = "Who is likely to close"
    view = _view(data)
    tiles = _tiles(data, view)
    if not view.risks:
        command = f"fiel run score --program {data.program.name} --as-of {fmt.day(data.as_of)}"
        return Section("closing", title, (tiles, Empty("There are no scores for this date.", command)))
    blocks: list[Block] = [tiles, Words(_expected_in_words(data, view))]
    for risk in view.risks:
        blocks += _levels(data, risk)
    blocks.append(_ranking(data, view))
    return Section("closing", title, tuple(blocks))


def quarters(data: ReportData) -> Section:
    """Accounts, closings and contributions by quarter."""
    view, title = _view(data), "Accounts and closings by quarter"
    rows = view.quarters
    if rows.is_empty():
        return Section("quarters", title, (Empty("No quarter was published before this date."),))
    expected = view.risks[0].base if view.risks and data.program.target.horizon_months == 3 else None
    newest = rows.sort("day", descending=True).with_columns(
        quarter=quarter_name(pl.col("day")),
        closings=pl.when("is_observed").then(pl.lit("complete")).otherwise(pl.lit("in part")),
    )
    rates = table(
        newest,
        [
            column("quarter"),
            number("at_risk", "open when it began"),
            number("opened"),
            number("closed"),
            number("closing_rate", "share closed", fmt.percent),
            column("closings", "closings recorded"),
        ],
    )
    counts = table(newest, [column("quarter"), number("open", "open at its end"), number("opened"), number("closed")])
    paid = table(
        newest,
        [
            column("quarter"),
            number("contributors", "accounts that paid in"),
            number("contributions"),
            number("contributed", "paid in", show_value(data.program)),
            number("income", "credited by the fund", show_value(data.program)),
        ],
    )
    what = about(data)
    return Section(
        "quarters",
        title,
        (
            figure("closing-rates", charts.closing_rates(rows, what, expected), rates, wide=True),
            figure("open-accounts", charts.open_accounts(rows, what), counts, half=True),
            figure("contributions", charts.contributions(rows, what, data.program.value), paid, half=True),
        ),
    )


def _view(data: ReportData) -> AccountsView:
    assert data.accounts is not None, "a quarterly program has them"
    return data.accounts


def _tiles(data: ReportData, view: AccountsView) -> Tiles:
    tiles = [
        Tile("open accounts", fmt.whole(data.customers), f"at the end of {fmt.day(data.as_of - timedelta(days=1))}")
    ]
    for risk in view.risks:
        found = Expectation.of(risk.probs)
        if found is not None:
            tiles.append(
                Tile(
                    f"expected to close within {risk.horizon}",
                    fmt.counted(found.expected, "account"),
                    f"{fmt.interval(found.low, found.high, 'whole')}; {fmt.percent(risk.base)} of all",
                )
            )
    if view.quarters.height:
        last = view.quarters.tail(1).with_columns(quarter=quarter_name(pl.col("day"))).row(0, named=True)
        paid = fmt.value(last["contributed"], data.program.value)
        tiles.append(Tile(f"paid in, {last['quarter']}", paid, f"by {fmt.counted(last['contributors'], 'account')}"))
    complete = view.quarters.filter("is_observed").tail(1).with_columns(quarter=quarter_name(pl.col("day"))).to_dicts()
    for newest in complete:
        share = f"{fmt.percent(newest['closing_rate'])} of those open before; the newest quarter recorded completely"
        tiles.append(Tile(f"closed, {newest['quarter']}", fmt.counted(newest["closed"], "account"), share))
    return Tiles(tuple(tiles))


def _expected_in_words(data: ReportData, view: AccountsView) -> str:
    parts = []
    for risk in view.risks:
        found = Expectation.of(risk.probs)
        assert found is not None, "a risk has scores"
        between = fmt.with_interval(found.expected, found.low, found.high, "whole")
        parts.append(f"{between} within {risk.horizon}")
    observed = data.program.quarterly.observed_until
    known = (
        f" Closings are recorded completely through {observed}; later quarters are unknown outcomes here, neither "
        "closed nor stayed, and no model has learned from them."
        if observed
        else ""
    )
    return (
        f"Of {fmt.counted(view.risks[0].probs.len(), 'open account')} the models expect to close: "
        f"{fmt.listed(parts)}. The intervals (95 %) hold if the scores are calibrated and accounts close "
        f"independently; what moves all of them at once, such as a crisis, is not in them.{known}"
    )


def _levels(data: ReportData, risk: TargetRisk) -> list[Block]:
    cuts = data.program.quarterly.levels
    everyone = max(int(risk.levels["accounts"].sum()), 1)
    by_level = risk.levels.group_by("level", maintain_order=True).agg(pl.col("accounts").sum())
    crowded = by_level.filter(pl.col("accounts") > _CROWDED * everyone)["level"]
    wide = (
        risk.levels.pivot("relative_level", index="level", values="accounts")
        .join(by_level, on="level", maintain_order="left")
        .with_columns(share=pl.col("accounts") / everyone)
    )
    shown = table(
        wide,
        [
            column("level", "loyalty (1 - score)"),
            number("accounts"),
            number("share", "share", fmt.percent),
            number("calm", f"risk below {fmt.ratio(cuts.calm_below)} x everyone's"),
            number("usual", "in between"),
            number("raised", f"from {fmt.ratio(cuts.raised_from)} x"),
        ],
        f"Loyalty is low below {fmt.ratio(cuts.low_below)} and high from {fmt.ratio(cuts.high_from)}. Everyone's mean "
        f"risk is {fmt.percent(risk.base)}.",
    )
    blocks: list[Block] = [
        Shown(
            f"Levels of loyalty: closing within {risk.horizon}",
            about(data).subtitle("accounts", everyone),
            shown,
        )
    ]
    if crowded.len():
        blocks.append(
            Words(
                f"{fmt.percent(float(by_level['accounts'].to_numpy().max()) / everyone)} of the accounts are in one "
                f"level of loyalty ({crowded[0]}): at {fmt.percent(risk.base)} closing within {risk.horizon}, the "
                "fixed levels tell nobody apart. Read the risk against everyone's instead.",
                "warning",
            )
        )
    return blocks


def _ranking(data: ReportData, view: AccountsView) -> Shown:
    columns = [
        number("prob", f"{words_of(data).chance} within {data.program.target.horizon_words}", fmt.percent),
        number("times_base", "times everyone's", fmt.ratio),
        column("customer_id", "customer", kind="id"),
        number("balance", "balance", show_value(data.program)),
        number("quarters_since_opening", "quarters open"),
    ]
    columns += [
        column(name, f"reason {place}", fmt.typeset, "prose")
        for place in (1, 2, 3)
        if (name := f"reason_{place}") in view.ranking.columns and view.ranking[name].is_not_null().any()
    ]
    shown = min(view.ranking.height, data.customers)
    return Shown(
        "The likeliest to close",
        about(data).subtitle(words_of(data).chance),
        table(
            view.ranking,
            columns,
            f"The first {fmt.whole(shown)} of {fmt.counted(data.customers, 'open account')}; all are in the table "
            "out_scores. Accounts of equal score stand in the order of their ids.",
        ),
    )
