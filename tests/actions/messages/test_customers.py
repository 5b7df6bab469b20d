"""Who may be written to where a program has scores alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from fiel.actions.messages.customers import customers_of_scores, log_of_lines
from fiel.errors import MessageError
from fiel.program.messages import FromScores
from fiel.tables import TABLES

AS_OF = date(2025, 9, 1)
RULES: dict[str, Any] = {"leaving": "not_prob", "engagement": "active_days_d28", "engagement_full": 28}


def scores(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": ["bia", "ana", "zoe"],
            "as_of": [AS_OF] * 3,
            "stage": ["fiel", "turista", "zumbi"],
            "in_population": [True, True, False],
            "prob": [0.96, 0.4, None],
            "value_at_stake": [None, 12.5, None],
        }
    ).with_columns(**columns)


SNAPSHOT = pl.DataFrame({"customer_id": ["ana", "bia", "zoe"], "active_days_d28": [7, 40, 0]})


def test_the_population_with_its_figures_by_customer() -> None:
    found = customers_of_scores(scores(), SNAPSHOT, FromScores(**RULES))
    assert found.schema == TABLES["out_message_input"].declared
    assert found.select("customer_id", "segment", "risk_group", "engagement", "value").rows() == [
        ("ana", "turista", "critical", 25.0, 12.5),
        ("bia", "fiel", "low", 100.0, None),
    ]
    assert found["prob"].to_list() == pytest.approx([0.6, 0.04])


def test_where_the_target_is_to_leave_the_score_is_the_probability() -> None:
    rules = FromScores(**(RULES | {"leaving": "prob", "risk_cuts": (0.3, 0.5, 0.9)}))
    found = customers_of_scores(scores(), SNAPSHOT, rules)
    assert found.select("prob", "risk_group").rows() == [(0.4, "medium"), (0.96, "critical")]


def test_a_customer_without_the_figure_has_no_engagement() -> None:
    found = customers_of_scores(scores(), SNAPSHOT.head(1), FromScores(**RULES))
    assert found["engagement"].to_list() == [25.0, 0.0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"engagement": "visits"}, "snapshot has no column 'visits'"),
        ({"segment": "tier"}, "scores have no column 'tier'"),
        ({"risk_cuts": (0.5, 0.2, 0.9)}, "risk_cuts"),
    ],
)
def test_a_rule_that_does_not_fit_names_its_field(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(MessageError, match=said):
        customers_of_scores(scores(), SNAPSHOT, FromScores(**(RULES | wrong)))


def test_what_customers_took_is_their_log_and_what_the_operator_gave_is_not() -> None:
    lines = pl.DataFrame(
        [
            ("bia", "7", False),
            ("ana", "8", False),
            ("ana", "8", False),
            ("ana", "9", True),
            ("ana", None, False),
        ],
        schema={"customer_id": pl.String, "product_id": pl.String, "is_operator": pl.Boolean},
        orient="row",
    )
    log, links = log_of_lines(lines)
    assert log.rows() == [("ana", "8", "orders"), ("bia", "7", "orders")]
    assert links.rows() == [("ana", "ana"), ("bia", "bia")]
