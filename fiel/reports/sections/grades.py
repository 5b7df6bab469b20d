"""Whom it pays to treat: grades by expected profit, and who comes first (programs with economics)."""

from __future__ import annotations

import polars as pl

from fiel.models.profit import threshold
from fiel.reports import format as fmt
from fiel.reports.cards import ModelCard
from fiel.reports.charts import About
from fiel.reports.data import LISTED, ReportData
from fiel.reports.sections.base import Block, Empty, Section, Shown, Tile, Tiles, Words
from fiel.reports.sections.now import about, words_of
from fiel.reports.tables import column, number, table

_CHOSEN = {
    "theory": "by theory (costs and benefits)",
    "validation": "by validation (most profitable there)",
    "hindsight": "in hindsight (maximum profit)",
    "expected": "mean over the acceptance rate (expected maximum profit)",
}


def grades(data: ReportData) -> Section:
    """Grades by expected profit, or the ranking alone where the program has no economics."""
    title = "Whom it pays to treat" if data.program.economics else "Who is most at risk"
    if data.ranking.is_empty():
        command = f"fiel run score --program {data.program.name} --as-of {fmt.day(data.as_of)}"
        return Section("treat", title, (Empty("There are no scores for this date.", command),))
    blocks: list[Block] = []
    if data.program.economics is not None and data.grades.height:
        blocks += [Tiles(_tiles(data)), *_by_grade(data)]
    columns = [
        number("rank", "place"),
        column("customer_id", "customer", kind="id"),
        number("prob", words_of(data).chance, fmt.percent),
    ]
    if data.program.economics is not None:
        money = data.program.economics.currency
        columns += [
            number("expected_profit", "expected profit", lambda amount: fmt.money(amount, money)),
            number("grade"),
        ]
    columns += [
        column(name, f"reason {place}", fmt.typeset, "prose")
        for place in (1, 2, 3)
        if (name := f"reason_{place}") in data.ranking.columns and data.ranking[name].is_not_null().any()
    ]
    note = (
        f"The first {min(LISTED, data.customers)} of {fmt.counted(data.customers, 'customer')}; all are in the table "
    )
    note += "out_scores. Customers of equal score stand in the order of their ids."
    blocks.append(
        Shown(
            "Ranking by score",
            about(data).subtitle(words_of(data).chance),
            table(data.ranking.head(LISTED), columns, note),
        )
    )
    return Section("treat", title, tuple(blocks))


def thresholds(card: ModelCard, judged: About, currency: str) -> list[Block]:
    """The threshold by theory and by validation, and what each earns where neither was chosen."""
    if card.thresholds.is_empty():
        return []

    def money(amount: float | None) -> str:
        return fmt.money(amount, currency)

    shown = table(
        card.thresholds.with_columns(pl.col("by").replace(_CHOSEN)),
        [
            column("by", "chosen"),
            number("threshold", "treat above", fmt.percent),
            number("valid_profit", "profit, validation", money),
            number("oot_treated", "treated, out of time"),
            number("oot_profit", "profit, out of time", money),
        ],
        "The first two are chosen before the judging rows are read; nobody could have known the third.",
    )
    return [Shown("The threshold", judged.subtitle(f"{currency}, the challenger's scores"), shown)]


def columns_that_say_nothing(card: ModelCard, judged: About) -> list[Block]:
    """The columns of an undated table that the model was not given, and why."""
    dropped = card.dropped_columns
    if dropped.is_empty():
        return []
    counts = dict(dropped["reason"].value_counts(sort=True).iter_rows())
    text = (
        f"Left out, because they say nothing in the training part: {fmt.counted(dropped.height, 'column')} "
        f"({fmt.whole(counts.get('constant', 0))} without any variation there, "
        f"{fmt.whole(counts.get('duplicate', 0))} equal to another column row by row). No row outside that part was "
        "looked at."
    )
    shown = table(
        dropped.with_columns(pl.col("column", "same_as").str.strip_prefix("x_")),
        [column("column", kind="id"), column("reason"), column("same_as", "equal to", kind="id")],
    )
    return [
        Words(text),
        Shown("Columns that say nothing", judged.subtitle("by the training part"), shown, is_folded=True),
    ]


def _tiles(data: ReportData) -> tuple[Tile, ...]:
    """How many it pays to treat, what that is expected to earn and earned on the judging rows, what is granted."""
    economics, card, plan = data.program.economics, data.model, data.plan
    assert economics is not None
    first = data.grades.filter(pl.col("grade") == 1)
    treated, expected = int(first["customers"].sum()), float(first["expected_profit"].sum())
    tiles = [
        Tile(
            "pays to treat",
            fmt.counted(treated, "customer"),
            f"{fmt.percent(treated / max(data.customers, 1))} of all: above a probability of "
            f"{fmt.percent(threshold(economics))}",
        ),
        Tile("expected profit", fmt.money(expected, economics.currency), "if all of them are treated"),
    ]
    theory = pl.DataFrame() if card is None else card.thresholds.filter(pl.col("by") == "theory")
    if card is not None and theory.height:
        judged = card.metrics.filter(pl.col("split") == "oot", pl.col("model") == "catboost")["rows"].sum()
        tiles.append(
            Tile(
                "profit out of time",
                fmt.money(theory["oot_profit"].item(), economics.currency),
                f"{fmt.whole(theory['oot_treated'].item())} treated of {fmt.whole(int(judged))} whom the model had "
                "never seen",
            )
        )
    if plan is not None:
        note = f"to {fmt.counted(plan.paid_customers, 'customer')}, {fmt.whole(plan.held_out)} held out"
        label = "granted" if data.money.applied else "proposed to pay"
        tiles.append(Tile(label, fmt.units(plan.paid_points, data.program.value.unit), note))
    return tuple(tiles)


def _by_grade(data: ReportData) -> list[Block]:
    economics = data.program.economics
    assert economics is not None
    money = economics.currency
    first = data.grades.filter(pl.col("grade") == 1)
    treated = int(first["customers"].sum())
    expected = float(first["expected_profit"].sum())
    text = (
        f"Treating a customer who is {words_of(data).word} earns {fmt.money(economics.benefit, money)}"
        f"{_accepted(economics.acceptance_rate)}, treating another loses {fmt.money(economics.cost, money)}"
        f"{_contact(economics.contact_cost, money)}. So it pays above a probability of "
        f"{fmt.percent(threshold(economics))}: for {fmt.counted(treated, 'customer')} of "
        f"{fmt.whole(data.customers)} (grade 1), with an expected profit of {fmt.money(expected, money)} if the scores "
        "are calibrated. Grades 2 to 5 are the quartiles of the others."
    )
    learned = int(first["learned"].sum()) if "learned" in first.columns else 0
    if learned:
        text += (
            f" {fmt.counted(learned, 'customer')} of grade 1 taught the model their own outcome, so their scores look "
            "better than those of a new customer can be: what grade 1 earns where nobody was learned from stands under "
            "the threshold, on the test part."
        )
    shown = table(
        data.grades,
        [
            number("grade"),
            number("customers"),
            *([number("learned", "of them learned from")] if "learned" in data.grades.columns else []),
            number("mean_prob", f"mean {words_of(data).chance}", fmt.percent),
            number("expected_profit", "expected profit if all are treated", lambda amount: fmt.money(amount, money)),
            number("least", "of one customer, from", lambda amount: fmt.money(amount, money)),
            number("most", "to", lambda amount: fmt.money(amount, money)),
        ],
    )
    return [Words(text), Shown("Grades by expected profit", about(data).subtitle(f"customers, {money}"), shown)]


def _accepted(rate: float) -> str:
    return "" if rate >= 1 else f" if the treatment wins them ({fmt.percent(rate)} of them)"


def _contact(cost: float, money: str) -> str:
    return "" if not cost else f", and contact costs {fmt.money(cost, money)} each time"
