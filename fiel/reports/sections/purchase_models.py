"""The purchase models: what they believe, which is used and why."""

from __future__ import annotations

import polars as pl

from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.data import ReportData
from fiel.reports.purchase_models import PURCHASE_MODELS, TITLES, PurchaseModels
from fiel.reports.sections.base import Block, Empty, Shown, Words, figure
from fiel.reports.sections.hold_out import hold_out, tenth
from fiel.reports.sections.now import about
from fiel.reports.tables import column, number, table

_NOBODY = 1e-6
"""Probability of dropping out after a purchase below which it is said to be none."""

_TELLS = 0.55
"""AUC of p(alive) below which it is said to tell nothing."""


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
    blocks += hold_out(data, models)
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
                f"better than chance (AUC {fmt.measure(alive)}, .5 is chance), while the same model's chance of a "
                f"purchase did (AUC {fmt.measure(purchase)}).",
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
            number("log_likelihood", "log likelihood", tenth),
            number("aic", "AIC", tenth),
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
        f"{models.used.title} is in use: of the identified models it has the lowest AIC, {tenth(aic)} against "
        f"{tenth(other['aic'])} of {TITLES[other['model']]}."
    )
