"""A made-up club with a past and a future, and what is published of it at one date between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import polars as pl
import pytest

from fiel.actions.incentives import plan
from fiel.core import Core
from fiel.features.snapshot import build_snapshots
from fiel.features.spans import life_cycle_spans
from fiel.program import Program
from fiel.reports.cards import MoneyCard, SourceCard
from fiel.reports.data import ReportData, collect
from fiel.serving.customers import Known
from fiel.store import LedgerView
from tests.reports.conftest import (
    AS_OF,
    FIRST_DAY,
    make_card,
    make_customer_days,
    make_customers,
    make_program,
    make_scores,
)

LATER = AS_OF + timedelta(days=90)


@dataclass(frozen=True)
class Club:
    """The club as it is known at AS_OF, though its data go on."""

    program: Program
    days: pl.DataFrame
    known: Known
    data: ReportData

    def with_known(self, **changes: object) -> Known:
        """What is known, with other tables."""
        return replace(self.known, **changes)  # type: ignore[arg-type]


def make_club(days: pl.DataFrame, program: Program | None = None) -> Club:
    """The club whose active days are `days`, some of them after AS_OF."""
    rules = program or make_program()
    customers = make_customers([*days["customer_id"].unique().sort(), "never-came"])
    core = Core.of({"customer_days": days, "customers": customers}, known_through=LATER)
    spans = life_cycle_spans(days.lazy(), rules)
    ((_, tables),) = build_snapshots(core, [AS_OF], rules)
    snapshot = tables["feat_snapshot"]
    scores = make_scores(snapshot, AS_OF)
    planned = plan(scores, customers.filter(pl.col("customer_id").is_in(snapshot["customer_id"].implode())),
                   LedgerView.empty(), rules, AS_OF, AS_OF - timedelta(days=1))  # fmt: skip
    data = collect(
        core,
        spans,
        snapshot,
        program=rules,
        as_of=AS_OF,
        source=SourceCard("files=1", core.known_through, FIRST_DAY),
        scores=scores,
        plan=planned.frame,
        model=make_card(rules),
        money=MoneyCard(summary=planned.summary),
    )
    known = Known(rules, AS_OF, core, spans, snapshot.lazy(), scores)
    return Club(rules, days, known, data)


@pytest.fixture(scope="session")
def club() -> Club:
    """300 customers who came before AS_OF, and after it."""
    return make_club(make_customer_days(300, LATER))
