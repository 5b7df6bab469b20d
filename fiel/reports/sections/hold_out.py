"""How the purchase models did on a hold-out: what came, what they expected, how far off they were."""

from __future__ import annotations

import polars as pl

from fiel.models.hold_out import MEASURES
from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.data import ReportData
from fiel.reports.purchase_models import TITLES, PurchaseModels
from fiel.reports.sections.base import Block, Shown, Words, figure
from fiel.reports.sections.now import about
from fiel.reports.tables import column, number, table

_SAID = {
    "purchases": "expected repeat purchase days of the hold-out",
    "identified": "is the drop-out identified by the data of the calibration?",
}
"""Measures of which the value is said in another way than it is kept."""

_TENTHS = ("log_likelihood", "aic")
"""Measures that are compared by small differences of large numbers."""


def tenth(amount: float | None) -> str:
    """Log likelihoods and AICs are compared by small differences of large numbers."""
    return fmt.MISSING if amount is None else f"{amount:,.1f}".replace("-", fmt.MINUS)


def hold_out(data: ReportData, models: PurchaseModels) -> list[Block]:
    """Actual against expected purchases after the calibration, by week, by frequency and in measures."""
    rows = models.hold_out
    if rows.is_empty():
        return [Words("The purchase models were not checked against a hold-out for this date.", "muted")]
    here = about(data)
    totals = rows.filter(pl.col("kind") == "total").with_columns(model=pl.col("model").replace(TITLES))
    blocks: list[Block] = [Words(_hold_out_in_words(data, models))]
    period = rows.filter(pl.col("kind") == "period")
    if period.height:
        for cumulative, name in ((True, "tracking-so-far"), (False, "tracking-weekly")):
            actual, expected = ("actual_so_far", "expected_so_far") if cumulative else ("actual", "expected")
            wide = period.with_columns(pl.col("model").replace(TITLES)).pivot(
                "model", index=["bucket", actual], values=expected
            )
            columns = [
                column("bucket", "week from"),
                number(actual, "actual"),
                *(number(model, f"expected by {model}", fmt.ratio) for model in wide.columns[2:]),
            ]
            chart = charts.tracking(rows, here, cumulative=cumulative)
            blocks.append(figure(name, chart, table(wide, columns), half=True))
    frequency = rows.filter(pl.col("kind") == "frequency")
    if frequency.height:
        wide = frequency.with_columns(pl.col("model").replace(TITLES)).pivot(
            "model", index=["bucket", "customers", "actual"], values="expected"
        )
        columns = [
            column("bucket", "calibration frequency"),
            number("customers"),
            number("actual", show=fmt.ratio),
            *(number(model, f"expected by {model}", fmt.ratio) for model in wide.columns[3:]),
        ]
        blocks.append(figure("hold-out", charts.hold_out_by_frequency(rows, here), table(wide, columns)))
    if totals.height:
        blocks.append(_error_measures(data, totals))
    return blocks


def _error_measures(data: ReportData, totals: pl.DataFrame) -> Shown:
    """The measures of `hold_out.MEASURES`, one row each, the models side by side."""
    known = totals.filter(pl.col("bucket").is_in(list(MEASURES))).sort("position")
    shown = known.with_columns(
        text=pl.Series([_measure(name, value) for name, value in known.select("bucket", "expected").iter_rows()])
    )
    wide = shown.pivot("model", index="bucket", values="text", maintain_order=True)
    models = wide.columns[1:]
    actual = known.filter(pl.col("bucket") == "purchases")["actual"].first()
    note = "" if actual is None else f"The actual number of repeat purchase days is {fmt.whole(float(actual))}."  # type: ignore[arg-type]
    return Shown(
        "How far off the purchase models were",
        f"fitted before {fmt.day(known['calibrated_until'].item(0))}, judged to {fmt.day(data.as_of)}, "
        f"{fmt.counted(known['customers'].item(0), 'customer')}",
        table(
            wide.with_columns(pl.col("bucket").replace(MEASURES | _SAID)),
            [column("bucket", "measure", kind="prose"), *(column(name, kind="number") for name in models)],
            note,
        ),
    )


def _measure(name: str, value: float | None) -> str:
    if value is None:
        return fmt.MISSING
    if name == "identified":
        return "yes" if value else "no"
    if name in _TENTHS:
        return tenth(value)
    if name == "purchases":
        return fmt.whole(value)
    return (
        fmt.signed_percent(value)
        if name == "bias_share"
        else fmt.percent(value)
        if name == "track_mape"
        else fmt.measure(value)
    )


def _hold_out_in_words(data: ReportData, models: PurchaseModels) -> str:
    rows = models.hold_out
    until = rows["calibrated_until"].item(0)
    text = (
        f"How far can they be trusted? Fitted only on what was known before {fmt.day_in_words(until)}, the models were "
        f"asked what the {(data.as_of - until).days} days until {fmt.day_in_words(data.as_of)} would bring."
    )
    sums = (
        rows.filter(pl.col("kind") == "frequency")
        .group_by("model", maintain_order=True)
        .agg(
            actual=(pl.col("actual") * pl.col("customers")).sum(),
            expected=(pl.col("expected") * pl.col("customers")).sum(),
        )
    )
    if sums.height and sums["expected"].round(0).n_unique() == 1 and sums["actual"].item(0):
        row = sums.row(0, named=True)
        text += (
            f" {fmt.whole(row['actual'])} repeat purchase days came; all of them expected {fmt.whole(row['expected'])} "
            f"({fmt.signed_percent(row['expected'] / row['actual'] - 1)}), and their lines lie on each other."
        )
    elif sums.height:
        said = [
            f"{fmt.whole(row['expected'])} by {TITLES[row['model']]} "
            f"({fmt.signed_percent(row['expected'] / row['actual'] - 1) if row['actual'] else fmt.MISSING})"
            for row in sums.to_dicts()
        ]
        text += f" {fmt.whole(sums['actual'].item(0))} repeat purchase days came; expected were {fmt.listed(said)}."
    return text + _calibration_in_words(models)


def _calibration_in_words(models: PurchaseModels) -> str:
    """How well the used model tells the very weeks that it was fitted on; nothing where the hold-out lacks it."""
    rows = models.hold_out.filter(pl.col("kind") == "period")
    if models.used is None or rows.is_empty():
        return ""
    week = pl.col("bucket").str.to_date("%Y-%m-%d")
    before = rows.filter(pl.col("model") == models.used.name, week < pl.col("calibrated_until")).sort(week).tail(1)
    if before.is_empty() or not before["actual_so_far"].item():
        return ""
    came, expected = before["actual_so_far"].item(), before["expected_so_far"].item()
    return (
        f" Of the weeks before, which it was fitted on, {models.used.title} accounts for {fmt.whole(expected)} of "
        f"{fmt.whole(came)} ({fmt.signed_percent(expected / came - 1)})."
    )
