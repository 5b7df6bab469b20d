"""Every feature again, in plain SQL (DuckDB), written from DOMAIN.md sections 1, 3 and 5, sharing no code with Fiel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

HERE = Path(__file__).parent
FILES = ("base", "activity", "life_cycle", "courses", "calendar", "snapshot")
INPUTS = ("events", "event_lines", "links", "course_episodes", "completions", "skills", "rewards")
KEY = ["as_of", "customer_id"]
WINDOWED = (
    "active_days",
    "transactions",
    "value_net",
    "value_earned",
    "value_spent",
    "transactions_per_day",
    "hours",
)


def independent_known_at(
    core: Mapping[str, pl.DataFrame], catalogue: pl.DataFrame, years: pl.DataFrame, seen: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Episodes and links, each with the day from which it was known, for a first source version."""
    with duckdb.connect() as database:
        database.execute("set timezone = 'UTC'")
        for name in INPUTS:
            database.register(name, core[name])
        database.register("catalogue", catalogue)
        database.register("years", years)
        database.register("seen", pl.DataFrame({"day": [seen]}))
        database.execute((HERE / "known_at.sql").read_text(encoding="utf-8"))
        return database.table("episodes_known").pl(), database.table("links_known").pl()


def independent_features(core: Mapping[str, pl.DataFrame], as_of_dates: Sequence[date]) -> pl.DataFrame:
    """Every feature of every customer with an active day before as_of, one row for each customer and as_of."""
    with duckdb.connect() as database:
        database.execute("set timezone = 'UTC'")
        for name in INPUTS:
            database.register(name, core[name])
        database.register("dates", pl.DataFrame({"as_of": list(as_of_dates)}, schema={"as_of": pl.Date}))
        for name in FILES:
            database.execute((HERE / f"{name}.sql").read_text(encoding="utf-8"))

        def table(name: str) -> pl.DataFrame:
            return database.table(name).pl()

        wide = table("people").select(KEY)
        windows = table("activity_windows").pivot("suffix", index=KEY, values=list(WINDOWED))
        shares = table("course_shares")
        for frame in (
            windows,
            table("activity_life"),
            table("activity_gaps"),
            table("activity_shares"),
            table("life_cycle_now").drop("age"),
            table("life_cycle_shares"),
            table("life_cycle_next"),
            table("life_cycle_peers"),
            table("courses_counted"),
            table("snapshot_extra"),
        ):
            wide = wide.join(frame, on=KEY, how="left", validate="1:1")
        if shares.height:
            by_course = shares.with_columns(
                course_slug=pl.concat_str(pl.lit("course_share_"), pl.col("course_slug").str.replace_all("-", "_"))
            ).pivot("course_slug", index=KEY, values="share")
            wide = wide.join(by_course, on=KEY, how="left", validate="1:1")
        return wide.join(table("calendar"), on="as_of", how="left", validate="m:1").sort(KEY)


def independent_purchases(core: Mapping[str, pl.DataFrame], as_of_dates: Sequence[date]) -> pl.DataFrame:
    """RFM and purchase histories of every customer with an active day before as_of, with a row for each as_of."""
    with duckdb.connect() as database:
        database.execute("set timezone = 'UTC'")
        for name in ("events", "returns"):
            database.register(name, core[name])
        database.register("dates", pl.DataFrame({"as_of": list(as_of_dates)}, schema={"as_of": pl.Date}))
        database.execute((HERE / "purchases.sql").read_text(encoding="utf-8"))
        rfm, histories = (database.table(name).pl() for name in ("rfm", "histories"))
        return rfm.join(histories, on=KEY, how="left", validate="1:1").sort(KEY)


def independent_accounts(
    core: Mapping[str, pl.DataFrame], last_quarter_ends: Mapping[date, date]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Groups `quarters` and `context` of a pension fund; `last_quarter_ends`: as_of -> end of the newest quarter."""
    with duckdb.connect() as database:
        database.execute("set timezone = 'UTC'")
        for name in ("accounts", "closings", "operations", "context", "places"):
            database.register(name, core[name])
        schema = {"as_of": pl.Date, "last": pl.Date}
        database.register("dates", pl.DataFrame(list(last_quarter_ends.items()), schema=schema, orient="row"))
        database.execute((HERE / "accounts.sql").read_text(encoding="utf-8"))
        quarters, context = (database.table(name).pl().sort(KEY) for name in ("quarters", "surroundings"))
        return quarters, context
