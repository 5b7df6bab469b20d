"""The three files of a pension fund as typed rows: account-quarters, operations, schemes (DOMAIN.md section 3)."""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.errors import SourceError
from fiel.sources import pension_values as values
from fiel.sources.delimited import Delimited, marked, raw_name, sifted, with_raw
from fiel.sources.pension_columns import ACCOUNT_COLUMNS, REQUIRED, undeclared, unreadable, value
from fiel.sources.reading import ROW
from fiel.sources.rules import Rule, Sieve, missing
from fiel.tables import TABLES

CONTRIBUTION, INCOME = "1", "0"
"""Operation groups: what the client pays, what the fund credits."""
_ACCOUNTS = TABLES["core_accounts"].declared
_NOT_GIVEN = ("known_from", "scheme")


def account_rows(table: Delimited, sieve: Sieve, scale: int, today: date) -> pl.DataFrame:
    """Account-quarters with `_row` and `_churn`, the bad ones in `sieve`; columns of core_accounts that lack are null.

    SourceError: a column is missing, or one is there that nobody declared.
    """
    lowered = {name.lower(): name for name in table.columns}
    _check_columns(table, [name for name in REQUIRED if name not in lowered], undeclared(table.columns))
    found = [(column, lowered[column.name]) for column in ACCOUNT_COLUMNS if column.ours and column.name in lowered]
    raw = with_raw(table)
    text = {column.name: values.present(raw_name(table, name)) for column, name in found}
    year = values.present(raw_name(table, lowered["year"])) if "year" in lowered else None
    typed = raw.with_columns(
        (
            values.quarter_last_day(text["quarter"], year)
            if column.kind == "quarter"
            else value(text[column.name], column.kind, scale)
        ).alias(str(column.ours))
        for column, _ in found
    )
    rules: list[Rule] = [
        ("npo_account_id_missing", missing("customer_id")),
        *_quarter_rules(text["quarter"], year, today),
        *(rule for column, _ in found for rule in unreadable(column, text[column.name], str(column.ours))),
    ]
    if "age" in text:
        rules.append(("age_out_of_range", ~pl.col("age").is_between(0, 130)))
    if "pmnts_nmbr_per_qrtr" in text:
        rules.append(("pmnts_nmbr_per_qrtr_negative", pl.col("contributions") < 0))
    there = {str(column.ours) for column, _ in found}
    lacking = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in {**_ACCOUNTS, "_churn": pl.Boolean()}.items()
        if name not in there and name not in _NOT_GIVEN
    ]
    chosen = [ROW, *(name for name in _ACCOUNTS if name not in _NOT_GIVEN), "_churn"]
    good = marked(typed, rules).filter(pl.col("_rule").is_null()).with_columns(lacking).select(chosen)
    return sifted(table, typed, rules, sieve, good)


def operation_quarters(table: Delimited, sieve: Sieve, scale: int, today: date) -> pl.DataFrame:
    """Operations by account and quarter (customer_id, day, counts, sums, ...), the bad rows in `sieve`.

    Columns: npo_account_id, quarter, npo_oprtn_grp; npo_sum, npo_oprtn_date and year where the file has them.
    SourceError: a column is missing. Rows of an unknown group are rejects, and so are dates outside their quarter.
    """
    lowered = {name.lower(): name for name in table.columns}
    known = ("row", "slctn_nmbr", "npo_account_id", "npo_oprtn_date", "quarter", "year", "npo_oprtn_grp", "npo_sum")
    needed = [name for name in ("npo_account_id", "quarter", "npo_oprtn_grp") if name not in lowered]
    _check_columns(table, needed, [name for name in lowered if name not in known])

    def text(name: str) -> pl.Expr:
        return values.present(raw_name(table, lowered[name])) if name in lowered else pl.lit(None, pl.String)

    year = text("year") if "year" in lowered else None
    typed = with_raw(table).with_columns(
        text("npo_account_id").alias("customer_id"),
        values.quarter_last_day(text("quarter"), year).alias("day"),
        values.code(text("npo_oprtn_grp")).alias("group"),
        values.money(text("npo_sum"), scale).alias("amount"),
        values.day(text("npo_oprtn_date")).alias("on"),
    )
    on, last = pl.col("on"), pl.col("day")
    rules: list[Rule] = [
        ("npo_account_id_missing", missing("customer_id")),
        *_quarter_rules(text("quarter"), year, today),
        ("npo_oprtn_grp_unknown", ~pl.col("group").is_in([CONTRIBUTION, INCOME]).fill_null(value=False)),
        ("npo_sum_unparseable", text("npo_sum").is_not_null() & pl.col("amount").is_null()),
        ("npo_oprtn_date_unparseable", text("npo_oprtn_date").is_not_null() & on.is_null()),
        ("npo_oprtn_date_outside_quarter", (on > last) | (on <= last.dt.offset_by("-3mo").dt.month_end())),
    ]
    paid, amount = pl.col("group") == CONTRIBUTION, pl.col("amount")
    contribution, credited = pl.when(paid).then(amount), pl.when(~paid).then(amount)
    good = (
        marked(typed, rules)
        .filter(pl.col("_rule").is_null())
        .select(
            "customer_id",
            "day",
            paid=paid,
            contribution=contribution,
            credited=credited,
            on=pl.when(paid).then(on),
        )
        .group_by("customer_id", "day")
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            pl.col("paid").sum().cast(pl.Int64).alias("contributions"),
            pl.col("contribution").sum().alias("contributed"),
            pl.col("contribution").count().alias("_given"),
            pl.col("contribution").min().alias("contribution_min"),
            pl.col("contribution").max().alias("contribution_max"),
            pl.col("on").max().alias("last_contribution_on"),
            pl.col("credited").sum().alias("income"),
            pl.col("credited").count().alias("_income_given"),
        )
    )
    found = sifted(table, typed, rules, sieve, good)
    return found.select(
        "customer_id",
        "day",
        "contributions",
        pl.when(pl.col("_given") > 0).then("contributed").alias("contributed"),
        "contribution_min",
        "contribution_max",
        "last_contribution_on",
        (pl.col("rows") - pl.col("contributions")).alias("incomes"),
        pl.when(pl.col("_income_given") > 0).then("income").alias("income"),
    )


def one_of_each(
    table: Delimited, sieve: Sieve, key: tuple[str, str], columns: dict[str, tuple[str, str]]
) -> pl.DataFrame:
    """A small file with one row for each key: `key` and `columns` are ours -> (source column, kind)."""
    lowered = {name.lower(): name for name in table.columns}
    names = {key[0]: key[1], **{ours: source for ours, (source, _) in columns.items()}}
    _check_columns(table, [name for name in names.values() if name not in lowered], [])
    texts = {ours: values.present(raw_name(table, lowered[source])) for ours, source in names.items()}
    kinds = {ours: kind for ours, (_, kind) in columns.items()}
    typed = with_raw(table).with_columns(
        value(text, kinds.get(ours, "text"), 1).alias(ours)  # type: ignore[arg-type]
        for ours, text in texts.items()
    )
    rules: list[Rule] = [
        (f"{key[1]}_missing", missing(key[0])),
        *(
            (f"{names[ours]}_unparseable", texts[ours].is_not_null() & pl.col(ours).is_null())
            for ours, kind in kinds.items()
            if kind not in ("text", "code")
        ),
    ]
    good = marked(typed, rules).filter(pl.col("_rule").is_null()).select(ROW, *names)
    found = sifted(table, typed, rules, sieve, good)
    return sieve.one_for_each(table.name, found, [key[0]], list(columns), list(names))


def _quarter_rules(text: pl.Expr, year: pl.Expr | None, today: date) -> list[Rule]:
    last = pl.col("day")
    rules: list[Rule] = [
        ("quarter_missing", text.is_null()),
        ("quarter_unparseable", last.is_null()),
        ("quarter_not_over", last >= today),
    ]
    if year is not None:
        rules.append(("year_contradicts_quarter", values.integer(year) != last.dt.year()))
    return rules


def _check_columns(table: Delimited, lacking: list[str], strange: list[str]) -> None:
    if lacking:
        raise SourceError(
            f"{table.name}: column {', '.join(lacking)} is missing; there are: {', '.join(table.columns)[:400]}"
        )
    if strange:
        raise SourceError(
            f"{table.name}: column {', '.join(strange)} is not declared: nobody said when its values were known. Take "
            "it out of the file, or declare it in fiel/sources/pension_columns.py"
        )
