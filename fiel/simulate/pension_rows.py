"""Account-quarters and operations of some accounts, in the columns and spellings of the fund's files."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from fiel.simulate.draws import Draws, Floats, Ints
from fiel.simulate.pension_facts import Facts
from fiel.simulate.pension_lives import NEVER, Lives

COLUMNS = (
    "slctn_nmbr", "client_id", "npo_account_id", "npo_accnts_nmbr", "pmnts_type", "year", "quarter", "gender", "age",
    "clnt_cprtn_time_d", "actv_prd_d", "lst_pmnt_rcnc_d", "balance", "oprtn_sum_per_qrtr", "oprtn_sum_per_year",
    "frst_pmnt_date", "lst_pmnt_date_per_qrtr", "frst_pmnt", "lst_pmnt", "pmnts_sum", "pmnts_nmbr",
    "pmnts_sum_per_qrtr", "pmnts_sum_per_year", "pmnts_nmbr_per_qrtr", "pmnts_nmbr_per_year", "incm_sum",
    "incm_per_qrtr", "incm_per_year", "mgd_accum_period", "mgd_payment_period", "phone_number", "email", "lk",
    "assignee_npo", "assignee_ops", "postal_code", "region", "citizen", "fact_addrss", "appl_mrkr", "evry_qrtr_pmnt",
    "churn",
)  # fmt: skip
OPERATION_COLUMNS = (
    "slctn_nmbr", "npo_account_id", "npo_oprtn_date", "quarter", "year", "npo_oprtn_grp", "npo_sum",
)  # fmt: skip
_PAYMENTS = np.array([3, 1, 1, 0])
"""Contributions in a paying quarter by rhythm: monthly, quarterly, once a year, once at the start."""
_MONEY = {
    "balance": "balance", "oprtn_sum_per_qrtr": "operated", "pmnts_sum_per_qrtr": "contributed",
    "incm_per_qrtr": "income", "oprtn_sum_per_year": "oprtn_sum_per_year", "incm_per_year": "incm_per_year",
    "pmnts_sum_per_year": "pmnts_sum_per_year", "pmnts_sum": "pmnts_sum", "incm_sum": "incm_sum",
}  # fmt: skip
"""Columns of money, and ours that they show."""


class Rows(NamedTuple):
    """What the files hold of some accounts."""

    accounts: pl.DataFrame
    operations: pl.DataFrame


def rows(draws: Draws, found: Facts, made: Lives, chosen: Ints, last: int) -> Rows:
    """Rows of the accounts `chosen` (positions) through quarter `last`.

    The `*_per_year` columns repeat the whole calendar year on each of its quarters, `lst_pmnt*` and `slctn_nmbr` know
    the account's end: as the real files do, or may do.
    """
    until = np.minimum(made.closed[chosen], last)
    lengths = until - made.opened[chosen] + 1
    account = np.repeat(chosen, lengths)
    start = np.repeat(np.cumsum(lengths) - lengths, lengths)
    quarter = made.opened[account] + (np.arange(len(account)) - start)
    paid = _payments(draws, made, account, quarter)
    amount = made.amount[account] * 1.02 ** (quarter - made.opened[account])
    kopecks = np.round(100 * amount * np.exp(0.05 * draws.normal("sum", account, quarter))).astype(np.int64)
    credited = (quarter % 4 == 0) & (quarter > made.opened[account])
    frame = pl.DataFrame(
        {"account": account, "quarter": quarter, "paid": paid, "contributed": paid * kopecks, "credited": credited}
    )
    share = np.round(0.03 + 0.05 * draws.uniform("income", quarter), 4)
    frame = _with_balances(frame.with_columns(share=pl.Series(share)))
    operations = _operations(draws, made, frame, kopecks)
    return Rows(_account_rows(draws, found, made, frame, operations), operations.select(OPERATION_COLUMNS))


def _payments(draws: Draws, made: Lives, account: Ints, quarter: Ints) -> Ints:
    """Contributions of each account-quarter: by the account's rhythm, rarely any once it is dormant."""
    rhythm, opened = made.rhythm[account], made.opened[account]
    is_due = np.choose(rhythm, [True, True, quarter % 4 == opened % 4, quarter == opened])
    dormant = (made.dormant[account] <= quarter) & (draws.uniform("anyway", account, quarter) > 0.08)
    skipped = draws.uniform("skip", account, quarter) < 0.06
    return np.asarray(
        np.where(is_due & ~dormant & ~skipped | (quarter == opened), _PAYMENTS[rhythm], 0)
        + ((quarter == opened) & (rhythm == 3)),
        dtype=np.int64,
    )


def _with_balances(frame: pl.DataFrame) -> pl.DataFrame:
    """Income once a year on what was paid in until then, and the balance at each quarter's end."""
    paid_in = pl.col("contributed").cum_sum().over("account")
    income = pl.when("credited").then((paid_in * pl.col("share")).round().cast(pl.Int64)).otherwise(0)
    return frame.with_columns(income=income).with_columns(
        balance=(pl.col("contributed") + pl.col("income")).cum_sum().over("account"),
        year=pl.col("quarter") // 4,
        number=pl.col("quarter") % 4 + 1,
    )


def _operations(draws: Draws, made: Lives, frame: pl.DataFrame, kopecks: Ints) -> pl.DataFrame:
    """One row for each contribution and income, with `account`, `index` (the quarter) and day."""
    each = frame.select("account", "quarter", "paid", "year", "number").with_columns(sum=pl.Series(kopecks))
    paid = each.select(pl.exclude("paid"), turn=pl.int_ranges(pl.col("paid"))).explode("turn", empty_as_null=True)
    paid = paid.drop_nulls("turn").with_columns(group=pl.lit(1))
    income = frame.filter(pl.col("income") > 0).select(
        "account", "quarter", "year", "number", pl.col("income").alias("sum"), turn=pl.lit(0, pl.Int64), group=pl.lit(0)
    )
    both = pl.concat([paid.select(income.columns), income])
    account, quarter, turn = (both[name].to_numpy() for name in ("account", "quarter", "turn"))
    payday = 1 + (27 * draws.uniform("payday", account)).astype(np.int64)
    month = np.where(both["group"].to_numpy() == 0, 1, np.minimum(turn, 2) + 1) + 3 * (quarter % 4)
    selection = (draws.bits("operation", account, quarter, turn) % np.uint64(99)).astype(np.int64) + 1
    drawn = both.with_columns(month=pl.Series(month), payday=pl.Series(payday), selection=pl.Series(selection))
    return drawn.with_columns(
        npo_oprtn_date=pl.date("year", "month", "payday")
    ).sort("account", "npo_oprtn_date", "group", maintain_order=True).select(
        "account",
        "group",
        pl.col("quarter").alias("index"),
        slctn_nmbr="selection",
        npo_account_id=_ids(made.account_ids, "account"),
        npo_oprtn_date="npo_oprtn_date",
        quarter=_quarter(),
        year="year",
        npo_oprtn_grp="group",
        npo_sum=_roubles("sum"),
    )  # fmt: skip


def _account_rows(
    draws: Draws, found: Facts, made: Lives, frame: pl.DataFrame, operations: pl.DataFrame
) -> pl.DataFrame:
    """All columns of the account-quarters; a closing has a second row with another client."""
    account, quarter = frame["account"].to_numpy(), frame["quarter"].to_numpy()
    contributions = operations.filter(pl.col("group") == 1)
    ends = contributions.group_by("account").agg(
        frst_pmnt_date=pl.col("npo_oprtn_date").first(), last_ever=pl.col("npo_oprtn_date").last(),
        frst_pmnt=pl.col("npo_sum").first(), lst_pmnt=pl.col("npo_sum").last(),
    )  # fmt: skip
    newest = contributions.group_by("account", pl.col("index").alias("quarter")).agg(pl.col("npo_oprtn_date").max())
    full = (
        frame.with_columns(client=pl.Series(made.client[account]))
        .with_columns(_columns_by_account(draws, found, made, account, quarter))
        .join(ends, on="account", how="left", maintain_order="left")
        .join(newest, on=["account", "quarter"], how="left", maintain_order="left")
    )
    end = pl.date(pl.col("year"), pl.col("number") * 3, 1).dt.month_end()
    of_year = {
        "oprtn_sum_per_year": pl.col("contributed") + pl.col("income"),
        "pmnts_sum_per_year": pl.col("contributed"),
        "pmnts_nmbr_per_year": pl.col("paid"),
        "incm_per_year": pl.col("income"),
    }
    full = full.with_columns(
        pl.col("quarter").alias("index"),
        **{name: value.sum().over("account", "year") for name, value in of_year.items()},
        operated=pl.col("contributed") + pl.col("income"),
        pmnts_sum=pl.col("contributed").sum().over("account"),
        pmnts_nmbr=pl.col("paid").sum().over("account"),
        incm_sum=pl.col("income").sum().over("account"),
        evry_qrtr_pmnt=_flag((pl.col("paid") > 0).all().over("account")),
        lst_pmnt_date_per_qrtr="npo_oprtn_date",
        lst_pmnt_rcnc_d=(pl.col("last_ever") - end).dt.total_days(),
        actv_prd_d=(pl.col("last_ever") - pl.col("frst_pmnt_date")).dt.total_days(),
        clnt_cprtn_time_d=(end - pl.col("frst_pmnt_date")).dt.total_days() + 30,
    )
    shown = full.select(
        *(pl.col(name) for name in ("client", "account", "index", "closes", "is_gap", "paid", "income")),
        **{name: _shown(name) for name in COLUMNS},
    )
    there = shown.filter(pl.col("closes") | (pl.col("paid") > 0) | (pl.col("income") > 0) | ~pl.col("is_gap"))
    second = there.filter("closes").with_columns(other=(pl.col("client") + 1 + len(made) // 2) % len(made))
    second = second.with_columns(client_id=_ids(made.client_ids, "other")).select(there.columns)
    return pl.concat([there, second]).sort("account", "index", maintain_order=True).select(COLUMNS)


def _shown(name: str) -> pl.Expr:
    """A column as the file spells it: money with a decimal comma."""
    if name in _MONEY:
        return _roubles(_MONEY[name])
    if name == "quarter":
        return _quarter()
    return pl.col("paid") if name == "pmnts_nmbr_per_qrtr" else pl.col(name)


def _columns_by_account(
    draws: Draws, found: Facts, made: Lives, account: Ints, quarter: Ints
) -> list[pl.Expr | pl.Series]:
    """What follows from the account and the quarter alone."""
    closed, client, place = made.closed[account], made.client[account], made.place[account]
    closes = closed == quarter

    def drawn(name: str, *keys: Ints) -> Floats:
        return draws.uniform(name, *keys)

    def since(name: str, from_quarter: int, share: float) -> pl.Expr:
        """A flag that comes with the years: the share of those who ever have it, once it exists."""
        begins = np.maximum(from_quarter, made.opened[account]) + (40 * drawn(name, client)).astype(np.int64)
        return _flag(pl.lit(pl.Series((drawn(f"{name} ever", client) < share) & (begins <= quarter)))).alias(name)

    is_selected = closed < NEVER
    return [
        pl.Series("closes", closes),
        pl.Series("is_gap", drawn("gap", account, quarter) < 0.15),
        pl.Series("churn", closes.astype(np.int64)),
        pl.Series("slctn_nmbr", np.where(is_selected, 1, 2) + 2 * (drawn("selection", account) * 40).astype(np.int64)),
        _ids(made.client_ids, "client").alias("client_id"),
        _ids(made.account_ids, "account").alias("npo_account_id"),
        pl.Series("npo_accnts_nmbr", 1 + (client != account).astype(np.int64)),
        pl.Series("pmnts_type", 1 + np.minimum(made.rhythm[account], 2)),
        pl.Series("gender", made.gender[account]),
        pl.Series("age", quarter // 4 - made.birth_year[account]),
        pl.Series("mgd_accum_period", 1 + made.scheme[account] % 2),
        pl.Series("mgd_payment_period", 5 + 5 * (made.scheme[account] % 3)),
        since("phone_number", 1999 * 4, 0.8),
        since("email", 2003 * 4, 0.5),
        since("lk", 2012 * 4, 0.45),
        since("assignee_npo", 1996 * 4, 0.2),
        since("assignee_ops", 2004 * 4, 0.25),
        since("fact_addrss", 1993 * 4, 0.7),
        since("appl_mrkr", 2006 * 4, 0.3),
        pl.Series("postal_code", found.postcodes[place]),
        pl.format("Область {}", pl.Series(found.region[place] + 1)).alias("region"),
        pl.when(pl.Series(drawn("citizen", client) < 0.985))
        .then(pl.lit("РФ"))
        .otherwise(pl.lit("иное"))
        .alias("citizen"),
    ]


def scheme_rows(made: Lives) -> pl.DataFrame:
    """The schemes: one row for each account."""
    return pl.DataFrame(
        {"npo_accnt_id": made.account_ids, "slctn_nmbr": 1, "accnt_pnsn_schm": pl.Series(made.scheme + 1)}
    )


def _ids(ids: pl.Series, number: str) -> pl.Expr:
    """The id of each number."""
    return pl.lit(ids).gather(pl.col(number))


def _roubles(name: str) -> pl.Expr:
    """Kopecks as the file writes roubles: `1234,50`."""
    return pl.concat_str(pl.col(name) // 100, (pl.col(name) % 100).cast(pl.String).str.zfill(2), separator=",")


def _quarter() -> pl.Expr:
    return pl.format("{}Q{}", "year", "number")


def _flag(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.lit("да")).otherwise(pl.lit("нет"))
