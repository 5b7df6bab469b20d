"""Every column of a fund's account-quarters: what it becomes, how it is read, and when it was known.

A column that is not declared here is refused: nobody said when its values were known (DOMAIN.md section 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from fiel.sources import pension_values as values
from fiel.sources.rules import Rule

Kind = Literal["text", "code", "whole", "money", "flag", "gender", "day", "quarter"]


@dataclass(frozen=True)
class Column:
    """A source column: our name (None: left in the raw file), how it is read, and why it is left or never used."""

    name: str
    ours: str | None
    kind: Kind = "text"
    why: str = ""


_TOTAL = "a total of the whole calendar year on each of its quarters: Q1 knows Q4; rebuilt from the quarters"
_HINDSIGHT = "may know the account's end; rebuilt from the operations known at the quarter's end"

ACCOUNT_COLUMNS = (
    Column("row", None, why="a row number"),
    Column("npo_account_id", "customer_id"),
    Column("quarter", "day", "quarter"),
    Column("year", None, why="stands in the quarter too; rows where they contradict each other are rejected"),
    Column("client_id", "client_id"),
    Column("churn", "_churn", "flag"),
    Column("pmnts_type", "payment_type", "code"),
    Column("gender", "gender", "gender"),
    Column("age", "age", "whole"),
    Column("clnt_cprtn_time_d", "cooperation_days", "whole"),
    Column("balance", "balance", "money"),
    Column("pmnts_nmbr_per_qrtr", "contributions", "whole"),
    Column("pmnts_sum_per_qrtr", "contributed", "money"),
    Column("oprtn_sum_per_qrtr", "operated", "money"),
    Column("incm_per_qrtr", "income", "money"),
    Column("frst_pmnt_date", "first_contribution_on", "day"),
    Column("mgd_accum_period", "accumulation_period", "code"),
    Column("mgd_payment_period", "payment_period", "code"),
    Column("phone_number", "has_phone", "flag"),
    Column("email", "has_email", "flag"),
    Column("lk", "has_online_account", "flag"),
    Column("assignee_npo", "has_npo_assignee", "flag"),
    Column("assignee_ops", "has_ops_assignee", "flag"),
    Column("fact_addrss", "has_address", "flag"),
    Column("appl_mrkr", "has_application", "flag"),
    Column("postal_code", "postal_code", "code"),
    Column("region", "region"),
    Column("citizen", "citizen"),
    Column("pmnts_nmbr_per_year", "contributions_of_year", "whole", _TOTAL),
    Column("pmnts_sum_per_year", "contributed_of_year", "money", _TOTAL),
    Column("oprtn_sum_per_year", "operated_of_year", "money", _TOTAL),
    Column("incm_per_year", "income_of_year", "money", _TOTAL),
    Column("lst_pmnt_rcnc_d", "last_contribution_recency_days", "whole", _HINDSIGHT),
    Column("slctn_nmbr", "selection_number", "code", "how the row came into the export"),
    Column("lst_pmnt", None, why=_HINDSIGHT),
    Column("lst_pmnt_date_per_qrtr", None, why=_HINDSIGHT),
    Column("frst_pmnt", None, why="amount of the first contribution, which the operations hold"),
    Column("pmnts_sum", None, why=_HINDSIGHT),
    Column("pmnts_nmbr", None, why=_HINDSIGHT),
    Column("incm_sum", None, why=_HINDSIGHT),
    Column("actv_prd_d", None, why=_HINDSIGHT),
    Column("npo_accnts_nmbr", None, why="may count accounts opened later; rebuilt as the client's open accounts"),
    Column("evry_qrtr_pmnt", None, why=_HINDSIGHT),
)
"""The account-quarters' columns. What a file lacks stays empty; npo_account_id and quarter have to be there."""

REQUIRED = ("npo_account_id", "quarter")
PRIVATE = ("client_id", "npo_account_id")
"""Columns that name people: counted in the profile, never shown."""


def undeclared(columns: list[str]) -> list[str]:
    """The columns of a file that nobody declared."""
    known = {column.name for column in ACCOUNT_COLUMNS}
    return [name for name in columns if name.lower() not in known]


def value(text: pl.Expr, kind: Kind, scale: int) -> pl.Expr:
    """A cleaned text as a value of the kind; null where it is none."""
    match kind:
        case "text":
            return text
        case "code":
            return values.code(text)
        case "whole":
            return values.integer(text)
        case "money":
            return values.money(text, scale)
        case "flag":
            return values.yes_or_no(text)
        case "gender":
            return values.gender(text)
        case "day":
            return values.day(text)
        case "quarter":
            return values.quarter_last_day(text)


def unreadable(column: Column, text: pl.Expr, ours: str) -> list[Rule]:
    """The rule `FIELD_unparseable` of a column whose texts may be no such value."""
    if column.kind in ("text", "code", "quarter"):
        return []
    return [(f"{column.name}_unparseable", text.is_not_null() & pl.col(ours).is_null())]
