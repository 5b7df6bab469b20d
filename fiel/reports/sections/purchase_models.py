"""The purchase models: what they believe, which is used and why, and how they did on a hold-out."""

from __future__ import annotations

import polars as pl

from fiel.models.hold_out import MEASURES
from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.data import ReportData
from fiel.reports.purchase_models import PURCHASE_MODELS, TITLES, PurchaseModels
from fiel.reports.sections.base import Block, Empty, Shown, Words, figure
from fiel.reports.sections.now import about
from fiel.reports.tables import column, number, table

_NOBODY = 1e-6
"""Probability of dropping out after a purchase below which it is said to be none."""

_TELLS = 0.55
"""AUC of p(alive) below which it is said to tell nothing."""

_SAID = {
    "purchases": "expected repeat purchase days of the hold-out",
    "identified": "is the drop-out identified by the data of the calibration?",
}
"""Measures of which the value is said in another way than it is kept."""

_TENTHS = ("log_likelihood", "aic")
"""Measures that are compared by small differences of large numbers."""


def purchase_models(data: ReportData, models: PurchaseModels) -> list[Block]:
    """The fits, what the used model believes, and the hold-out."""
    if models.fits.is_empty():
        command = f"fiel run features --program {data.program.name} --as-of {fmt.day(data.as_of)}"
        return [Empty("No purchase model was fitted for this date.", command)]
    blocks: list[Block] = [Words(_answer(data, models))]
    if models.used is None:
        blocks.append(Words("No purchase model could be fitted: its features are empty.", "warning"))
    blocks += _cautions(models)
    if models.matrix.height:
        blocks += _matrices(data, models)
    if models.alive["customers"].sum() and not models.is_flat:
        shown = table(
            models.alive, [number("low", "from", fmt.ratio), number("high", "to", fmt.ratio), number("customers")]
        )
        blocks.append(figure("alive", charts.alive_distribution(models, about(data)), shown, half=False))
    blocks += _fits(data, models)
    blocks += _hold_out(data, models)
    return blocks


def _answer(data: ReportData, models: PurchaseModels) -> str:
    alive = int(models.alive.filter(pl.col("low") >= 0.5)["customers"].sum())
    everyone = int(models.alive["customers"].sum())
    repeaters = models.fits.filter(pl.col("model").is_in(PURCHASE_MODELS)).select("customers", "repeaters").row(0)
    text = (
        f"As of {fmt.day_in_words(data.as_of)}, {fmt.whole(repeaters[1])} of {fmt.counted(repeaters[0], 'customer')} "
        f"({fmt.percent(repeaters[1] / max(repeaters[0], 1))}) bought on more than one day."
    )
    if models.used is None:
        return text
    if models.is_flat and models.alive_range is not None:
        text += (
            f" {models.used.title[:1].upper()}{models.used.title[1:]}, the model in use, gives everybody the same "
            f"p(alive), {fmt.ratio(round(models.alive_range[1], 3))}: it tells how often customers buy, and not who "
            f"has left. Of customers of equal age it looks at the number of purchase days, not at how long ago the "
            f"last one was; the chance of a purchase within {models.horizon_days} days says what there is to say."
        )
    else:
        text += (
            f" {models.used.title[:1].upper()}{models.used.title[1:]}, the model in use, gives {fmt.whole(alive)} of "
            f"{fmt.whole(everyone)} a p(alive) of at least one half."
        )
    return f"{text} Its parameters were fitted on what was known before {fmt.day(data.as_of)}."


def _cautions(models: PurchaseModels) -> list[Block]:
    """Which models do not know when customers drop out, and whether p(alive) told anything in the hold-out."""
    rows = models.fits.filter(pl.col("model").is_in(PURCHASE_MODELS), ~pl.col("is_identified"))
    names = [TITLES[name] for name in rows["model"].unique(maintain_order=True)]
    blocks: list[Block] = []
    if names:
        blocks.append(
            Words(
                f"These data do not identify the drop-out part of {fmt.listed(names)}: other values of its parameters "
                "fit as well, and so would other p(alive). The table of the models says why.",
                "warning",
            )
        )
    if models.used is None or models.hold_out.is_empty():
        return blocks
    judged = models.hold_out.filter(pl.col("kind") == "total", pl.col("model") == models.used.name)
    measured = dict(judged.select("bucket", "expected").iter_rows())
    alive, purchase = measured.get("auc_alive"), measured.get("auc_purchase")
    if not models.is_flat and alive is not None and purchase is not None and alive < _TELLS:
        blocks.append(
            Words(
                f"p(alive) should rank nobody here: in the hold-out it told those who bought from those who did not no "
                f"better than chance (AUC {fmt.ratio(alive)}, .5 is chance), while the same model's chance of a "
                f"purchase did (AUC {fmt.ratio(purchase)}).",
                "warning",
            )
        )
    return blocks


def _matrices(data: ReportData, models: PurchaseModels) -> list[Block]:
    blocks: list[Block] = []
    first: tuple[charts.Measure, str] = (
        ("purchase_prob", "matrix-purchase") if models.is_flat else ("alive_prob", "matrix-alive")
    )
    for measure, name in (first, ("purchases_expected", "matrix-expected")):
        wide = models.matrix.pivot("frequency", index="recency_days", values=measure).sort(
            "recency_days", descending=True
        )
        columns = [number("recency_days", "recency (days)"), *(number(n, n, fmt.ratio) for n in wide.columns[1:])]
        shown = table(
            wide, columns, "Repeat purchase days in columns. Nobody has fewer days than repeat purchase days."
        )
        chart = charts.history_matrix(models, measure, about(data))
        blocks.append(figure(name, chart, shown, half=True))
    return blocks


def _fits(data: ReportData, models: PurchaseModels) -> list[Block]:
    unit: str = models.fits["time_unit"].item(0)
    rows = models.fits.with_columns(
        title=pl.col("model").replace(TITLES),
        place=pl.col("model").replace_strict({name: place for place, name in enumerate(TITLES)}, return_dtype=pl.Int64),
        identified=pl.when(pl.col("is_identified")).then(pl.lit("yes")).otherwise(pl.lit("no")),
        used=pl.when(pl.col("is_used")).then(pl.lit("yes")).otherwise(pl.lit("no")),
    ).sort("place", maintain_order=True)
    one = rows.group_by("title", maintain_order=True).first()
    compared = table(
        one,
        [
            column("title", "model"),
            column("used"),
            column("identified"),
            number("log_likelihood", "log likelihood", _tenth),
            number("aic", "AIC", _tenth),
            number("customers", "fitted on"),
            number("repeaters", "with a repeat purchase"),
            column("note", kind="prose"),
        ],
        "A lower AIC is better, among models of the same customers: Gamma-Gamma is of values and not compared.",
    )
    parameters = table(
        rows,
        [
            column("title", "model"),
            column("parameter"),
            number("estimate", show=fmt.ratio),
            number("standard_error", "standard error", fmt.ratio),
        ],
        f"Maximum likelihood; standard errors from the Hessian, a dash where there is none. Time is in {unit}.",
    )
    here = about(data)
    return [
        Words(_why(data, models)),
        Shown("The models beside each other", here.subtitle("fits on what was known then", models.customers), compared),
        Shown("Parameters", here.subtitle(f"estimates, time in {unit}", models.customers), parameters, is_folded=True),
    ]


def _tenth(amount: float | None) -> str:
    """Log likelihoods and AICs are compared by small differences of large numbers."""
    return fmt.MISSING if amount is None else f"{amount:,.1f}".replace("-", fmt.MINUS)


def _why(data: ReportData, models: PurchaseModels) -> str:
    if models.used is None:
        return "No model is in use."
    asked = data.program.purchases.model
    if asked != "auto":
        return f"{TITLES[asked]} is in use because the program file asks for it (purchases.model)."
    rows = models.fits.filter(pl.col("model").is_in(PURCHASE_MODELS)).group_by("model", maintain_order=True).first()
    identified = rows.filter(pl.col("is_identified"), pl.col("model") != "pooled")
    if models.used.name == "pooled":
        p = models.fits.filter(pl.col("model") == models.used.name, pl.col("parameter") == "p")["estimate"].item()
        found = "0: it finds nobody who drops out" if p < _NOBODY else fmt.percent(p)
        return (
            "The pooled model is in use, because the drop-out of neither BG/NBD nor MBG/NBD is identified: it gives "
            f"everyone the same probability of dropping out after a purchase, here {found}."
        )
    others = identified.filter(pl.col("model") != models.used.name)
    aic = rows.filter(pl.col("model") == models.used.name)["aic"].item()
    if others.is_empty():
        return f"{models.used.title} is in use: it is the only one whose drop-out is identified."
    other = others.row(0, named=True)
    return (
        f"{models.used.title} is in use: of the identified models it has the lowest AIC, {_tenth(aic)} against "
        f"{_tenth(other['aic'])} of {TITLES[other['model']]}."
    )


def _hold_out(data: ReportData, models: PurchaseModels) -> list[Block]:
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
        return _tenth(value)
    if name == "purchases":
        return fmt.whole(value)
    return (
        fmt.signed_percent(value)
        if name == "bias_share"
        else fmt.percent(value)
        if name == "track_mape"
        else fmt.ratio(value)
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
    return text
