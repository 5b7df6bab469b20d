"""How often customers buy and who is still there: the purchase models, typical histories, cohorts."""

from __future__ import annotations

import polars as pl

from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.charts.rfm import title_of
from fiel.reports.data import ReportData
from fiel.reports.purchase_models import PurchaseModels
from fiel.reports.sections.base import Block, Empty, Section, Words, figure
from fiel.reports.sections.now import about
from fiel.reports.sections.purchase_models import purchase_models
from fiel.reports.sections.wording import money_word, show_value
from fiel.reports.tables import column, number, table


def purchases(data: ReportData) -> Section | None:
    """The purchase models and the cohorts; None for a program without the groups rfm and purchase."""
    view = data.purchases
    if view is None:
        return None
    blocks: list[Block] = []
    if view.models is not None:
        blocks += purchase_models(data, view.models)
        blocks += _histories(data, view.models)
    blocks += _cohorts(data)
    if not blocks:
        return None
    return Section("purchases", "How often they buy, and who is still there", tuple(blocks))


def _histories(data: ReportData, models: PurchaseModels) -> list[Block]:
    found = None if data.purchases is None else data.purchases.histories
    if found is None:
        return []
    customers = table(
        found.customers.with_columns(
            segment=pl.Series([title_of(name) for name in found.customers["segment"]], dtype=pl.String),
            purchase_days=pl.col("frequency") + 1,
        ),
        [
            column("segment"),
            number("purchase_days", "purchase days"),
            number("days_since_last", "days since last"),
            number(found.shown, found.chance, fmt.ratio),
            column("customer_id", "customer", kind="id"),
        ],
        "Each is the customer closest to the middle of the segment in frequency and days since the last purchase.",
    )
    title = "" if models.used is None else models.used.title
    told = (
        "On each date the model is told only the purchases before it; its parameters are those of "
        f"{fmt.day(data.as_of)} all along."
    )
    if found.lines.is_empty():
        words = "Typical customers and their purchase days, without a model."
    elif found.shown == "alive_prob":
        words = (
            "What p(alive) does in a single life: it falls with every day without a purchase, the faster the more "
            f"often someone used to buy, and is set back by a purchase. {told}"
        )
    else:
        words = (
            f"p(alive) is the same for everybody here, so this is the chance of a purchase within "
            f"{found.horizon_days} days in a single life: it rises with every purchase and wears off slowly, since the "
            f"model takes a long silence for a slow buyer, never for one who has left. {told}"
        )
    return [
        Words(words, "muted"),
        figure("histories", charts.customer_histories(found, about(data), title), customers),
    ]


def _cohorts(data: ReportData) -> list[Block]:
    assert data.purchases is not None
    months, money, value = data.purchases.cohort_months, money_word(data.program), show_value(data.program)
    if months.filter(pl.col("month") > 0).is_empty():
        return [Empty("Cohorts need two complete calendar months before this date.")]
    named = months.with_columns(cohort=pl.col("cohort_month").dt.to_string("%Y-%m"))
    names = [str(month) for month in sorted(months["month"].unique())]
    share = named.pivot("month", index=["cohort", "customers"], values="share").sort("cohort")
    spent = named.pivot("month", index=["cohort", "customers"], values="revenue_per_customer").sort("cohort")
    note = f"Complete calendar months only: {data.as_of:%B %Y} is left out, {fmt.day(data.as_of)} cuts it short."
    kept = table(
        share,
        [column("cohort"), number("customers"), *(number(name, show=fmt.percent) for name in names if name != "0")],
        f"Share of the cohort that bought, by months since the first purchase. {note}",
    )
    brought = table(
        spent,
        [column("cohort"), number("customers"), *(number(name, show=value) for name in names)],
        f"{money.capitalize()} of the month over all customers of the cohort. {note}",
    )
    here = about(data)
    return [
        Words(_cohorts_in_words(data)),
        figure("cohort-retention", charts.cohort_retention(months, here), kept, wide=True),
        figure("cohort-revenue", charts.cohort_revenue(months, here, data.program.value, money), brought, wide=True),
        Words(
            f"The data begin on {fmt.day_in_words(data.source.first_day)}: the first cohorts hold customers who had "
            f"bought before, so they look more loyal than they were. {note}",
            "muted",
        ),
    ]


def _cohorts_in_words(data: ReportData) -> str:
    assert data.purchases is not None
    months, value = data.purchases.cohort_months, show_value(data.program)
    first, third = (months.filter(pl.col("month") == month) for month in (1, 3))
    back = int(first["buyers"].sum()) / max(int(first["customers"].sum()), 1)
    text = f"Of the customers of a month, {fmt.percent(back)} bought again in the next calendar month"
    if third.height:
        later = int(third["buyers"].sum()) / max(int(third["customers"].sum()), 1)
        text += f" and {fmt.percent(later)} in the third"
    start = months.filter(pl.col("month") == 0)
    mean = float(start["revenue_net"].sum()) / max(int(start["customers"].sum()), 1)
    return f"{text}. In the month of the first purchase a customer brought {value(mean)} on average."
