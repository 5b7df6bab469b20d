"""What a report shows of engagement, segments, uplift and the interaction log: the tables, and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from fiel.features.arithmetic import ratio
from fiel.program import Program
from fiel.reports import format as fmt
from fiel.reports.tables import markdown_table
from fiel.segments.engagement import SEGMENTS
from fiel.segments.risk import RISK_GROUPS

ALL_SESSIONS = "all"
"""What stands for a segment in the popular articles of all sessions."""


@dataclass(frozen=True)
class EngagementView:
    """out_engagement, out_uplift, out_qini, out_event_counts and out_popular_items of one as_of; core_labels; a card.

    The card: model_version, is_base_rate, silhouette, explained (share of the variance of each component), uplift (qini
    and statement), log (events by kind).
    """

    card: dict[str, Any]
    customers: pl.DataFrame
    uplift: pl.DataFrame
    qini: pl.DataFrame
    events: pl.DataFrame
    items: pl.DataFrame
    labels: pl.DataFrame

    @property
    def outcomes(self) -> pl.DataFrame:
        """The customers with what became of them: label, empty where it is not known."""
        return self.customers.join(self.labels.select("customer_id", "label"), on="customer_id", how="left")

    @property
    def segments(self) -> pl.DataFrame:
        """Segments, the most valuable first: segment, customers, share, medians, who left."""
        return _grouped(self.outcomes, "segment", SEGMENTS[::-1])

    @property
    def risks(self) -> pl.DataFrame:
        """Risk groups, the lowest first: risk_group and the same columns; also empty ones."""
        return _grouped(self.outcomes, "risk_group", RISK_GROUPS)

    @property
    def crossed(self) -> pl.DataFrame:
        """segment, risk_group, customers: how segments and risk groups go together."""
        return (
            self.customers.group_by("segment", "risk_group")
            .agg(customers=pl.len().cast(pl.Int64))
            .sort("segment", "risk_group")
        )

    @property
    def statement(self) -> list[str]:
        """What the treatment's uplift can and cannot say."""
        return [str(sentence) for sentence in self.card["uplift"]["statement"]]


def _grouped(customers: pl.DataFrame, by: str, names: tuple[str, ...]) -> pl.DataFrame:
    found = customers.group_by(by).agg(
        customers=pl.len().cast(pl.Int64),
        engagement=pl.col("engagement").median(),
        mean_prob=pl.col("prob").sort().mean(),
        value=pl.col("value").median(),
        known=pl.col("label").count().cast(pl.Int64),
        left=pl.col("label").sum().cast(pl.Int64),
    )
    return (
        pl.DataFrame({by: list(names)})
        .join(found, on=by, how="left", maintain_order="left")
        .with_columns(pl.col("customers").fill_null(0))
        .with_columns(left_rate=ratio(pl.col("left"), pl.when(pl.col("known") > 0).then("known")))
        .with_columns(share=ratio(pl.col("customers"), pl.col("customers").sum()))
    )


def engagement_markdown(view: EngagementView, program: Program, as_of: date) -> str:
    """Segments, risk groups, uplift, what it says, and the log, as a Prefect artifact shows them."""
    parts = [f"# {program.name}: engagement at {fmt.day(as_of)}", _model_words(view)]
    parts += ["## Value segments", markdown_table(view.segments), "## Risk groups", markdown_table(view.risks)]
    parts += ["## What the treatment did", *view.statement]
    parts.append(markdown_table(view.uplift.drop("as_of")))
    if view.events.height:
        parts += [
            "## Most popular articles",
            markdown_table(view.items.filter(pl.col("segment") == ALL_SESSIONS).head(10)),
        ]
    return "\n\n".join(parts)


def _model_words(view: EngagementView) -> str:
    version = view.card["model_version"]
    if view.card["is_base_rate"]:
        return (
            f"The champion, version {version}, is the base rate: everyone has the same probability of leaving, and "
            "segments differ in engagement only."
        )
    return f"Probabilities of version {version}, each by a model that was fitted without the customer."
