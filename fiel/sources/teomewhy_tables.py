"""Rows of the `teomewhy` tables to values: the rules that each table's rows have to keep."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from fiel.sources.landing import PARSED
from fiel.sources.rules import Rule, Sieve, instants, missing, time_rules, too_many_fields, unparsed, whole

# ------------------------------------------------------------------------------------------------------ points system


def loyalty(
    raw: dict[str, pl.DataFrame], sieve: Sieve, zone: str, now: datetime, origins: dict[str, str]
) -> dict[str, pl.DataFrame]:
    """Parsed customers, products, events and lines of the points system (raw tables with cleaned text columns)."""
    customers = _customers(raw["clientes"], sieve, zone)
    products = _products(raw["produtos"], sieve)
    events = _events(raw["transacoes"], sieve, zone, now, origins)
    lines = _lines(raw["transacao_produto"], events, raw["transacoes"], sieve)
    return {"customers": customers, "products": products, "events": events, "lines": lines}


def _customers(raw: pl.DataFrame, sieve: Sieve, zone: str) -> pl.DataFrame:
    show = ["customer", "balance", "created"]
    rows = raw.with_columns(
        pl.col("customer").alias("customer_id"),
        whole("balance").alias("balance_points"),
        instants(raw.get_column("created"), zone).alias("source_created_at"),
    )
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("customer_missing", missing("customer")),
        ("balance_unparseable", unparsed("balance", "balance_points")),
        ("time_unparseable", unparsed("created", "source_created_at")),
    ]
    good = sieve.sift("clientes", rows, rules, show)
    return sieve.one_for_each("clientes", good, ["customer_id"], ["source_created_at", "balance_points"], show)


def _products(raw: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    show = ["product", "name", "category"]
    rows = raw.rename({"product": "product_id", "name": "product_name", "category": "source_category"})
    rows = rows.with_columns(
        product=pl.col("product_id"), name=pl.col("product_name"), category=pl.col("source_category")
    )
    rules: list[Rule] = [("too_many_fields", too_many_fields()), ("product_missing", missing("product_id"))]
    good = sieve.sift("produtos", rows, rules, show)
    return sieve.one_for_each("produtos", good, ["product_id"], ["product_name", "source_category"], show)


def _events(raw: pl.DataFrame, sieve: Sieve, zone: str, now: datetime, origins: dict[str, str]) -> pl.DataFrame:
    spelled = {old.lower(): new for old, new in origins.items()}
    show = ["event", "customer", "time", "points", "origin"]
    rows = raw.with_columns(
        pl.col("event").alias("event_id"),
        pl.col("customer").alias("customer_id"),
        _times(raw, zone),
        whole("points").alias("value"),
        pl.col("origin").str.to_lowercase().replace(spelled).alias("_origin"),
    )
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("event_missing", missing("event")),
        ("customer_missing", missing("customer")),
        *time_rules("time", "occurred_at", now),
        ("value_missing", missing("points")),
        ("value_unparseable", unparsed("points", "value")),
    ]
    good = sieve.sift("transacoes", rows, rules, show)
    values = ["occurred_at", "customer_id", "value", "_origin"]
    kept = sieve.one_for_each("transacoes", good, ["event_id"], values, show)
    sieve.warn(kept.get_column("_origin").null_count(), "transactions have no origin (kept as `unknown`)")
    return kept.drop("origin").rename({"_origin": "origin"}).select(list(PARSED["events"]))


def _lines(raw: pl.DataFrame, events: pl.DataFrame, raw_events: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    show = ["line", "event", "product", "quantity", "points"]
    rows = raw.with_columns(
        pl.col("event").alias("event_id"),
        pl.col("line").alias("line_id"),
        pl.col("product").alias("product_id"),
        whole("quantity").alias("_quantity"),
        whole("points").alias("value"),
        pl.col("event").is_in(events.get_column("event_id").implode()).alias("_has_event"),
        pl.col("event").is_in(raw_events.get_column("event").drop_nulls().implode()).alias("_had_event"),
    )
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("line_missing", missing("line")),
        ("event_missing", missing("event")),
        ("transaction_unknown", ~pl.col("_had_event")),
        ("transaction_rejected", ~pl.col("_has_event")),
        ("quantity_unparseable", unparsed("quantity", "_quantity")),
        ("value_unparseable", unparsed("points", "value")),
    ]
    good = sieve.sift("transacao_produto", rows, rules, show)
    values = ["product_id", "_quantity", "value"]
    kept = sieve.one_for_each("transacao_produto", good, ["event_id", "line_id"], values, show)
    return kept.drop("quantity").rename({"_quantity": "quantity"}).select(list(PARSED["lines"]))


# ---------------------------------------------------------------------------------------------------- course platform


def education(raw: dict[str, pl.DataFrame], sieve: Sieve, zone: str, now: datetime) -> dict[str, pl.DataFrame]:
    """Parsed courses, episodes, completions, skills, rewards and links of the course platform."""
    return {
        "courses": _courses(raw["cursos"], sieve),
        "episodes": _episodes(raw["cursos_episodios"], sieve),
        "completions": _completions(raw["cursos_episodios_completos"], sieve, zone, now),
        "skills": _skills(raw["habilidades_usuarios"], sieve, zone, now),
        "rewards": _rewards(raw["recompensas_usuarios"], sieve, zone, now),
        "links": _links(raw["usuarios_tmw"], sieve),
    }


def _courses(raw: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    show = ["course", "year"]
    rows = raw.with_columns(
        pl.col("course").alias("course_slug"), pl.col("year").alias("_text"), whole("year").alias("_year")
    )
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("course_missing", missing("course")),
        ("year_unparseable", missing("year") | unparsed("year", "_year")),
    ]
    good = sieve.one_for_each("cursos", sieve.sift("cursos", rows, rules, show), ["course_slug"], ["_year"], show)
    return good.drop("year").rename({"_year": "year"})


def _episodes(raw: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    show = ["course", "episode"]
    rows = raw.with_columns(pl.col("course").alias("course_slug"), _episode_number("episode").alias("_episode"))
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("course_missing", missing("course")),
        ("episode_unparseable", missing("_episode")),
    ]
    good = sieve.sift("cursos_episodios", rows, rules, show)
    kept = sieve.one_for_each("cursos_episodios", good, ["course_slug", "_episode"], [], show)
    return kept.drop("episode").rename({"_episode": "episode"})


def _completions(raw: pl.DataFrame, sieve: Sieve, zone: str, now: datetime) -> pl.DataFrame:
    show = ["user", "course", "episode", "time"]
    rows = raw.with_columns(
        pl.col("user").alias("user_id"),
        pl.col("course").alias("course_slug"),
        _episode_number("episode").alias("_episode"),
        _times(raw, zone),
    )
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("user_missing", missing("user")),
        ("course_missing", missing("course")),
        ("episode_unparseable", missing("_episode")),
        *time_rules("time", "occurred_at", now),
    ]
    good = sieve.sift("cursos_episodios_completos", rows, rules, show)
    good = good.drop("episode").rename({"_episode": "episode"})
    key = ["user_id", "course_slug", "episode"]
    return _first_time("cursos_episodios_completos", good, key, sieve, "repeated_completions")


def _skills(raw: pl.DataFrame, sieve: Sieve, zone: str, now: datetime) -> pl.DataFrame:
    show = ["id", "user", "skill", "level", "time"]
    rows = raw.with_columns(pl.col("id").alias("skill_event_id"), pl.col("user").alias("user_id"), _times(raw, zone))
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("skill_id_missing", missing("id")),
        ("user_missing", missing("user")),
        ("skill_missing", missing("skill")),
        *time_rules("time", "occurred_at", now),
    ]
    good = sieve.sift("habilidades_usuarios", rows, rules, show)
    values = ["occurred_at", "user_id", "skill", "level"]
    return sieve.one_for_each("habilidades_usuarios", good, ["skill_event_id"], values, show)


def _rewards(raw: pl.DataFrame, sieve: Sieve, zone: str, now: datetime) -> pl.DataFrame:
    show = ["user", "course", "time"]
    rows = raw.with_columns(pl.col("user").alias("user_id"), pl.col("course").alias("course_slug"), _times(raw, zone))
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("user_missing", missing("user")),
        ("course_missing", missing("course")),
        *time_rules("time", "occurred_at", now),
    ]
    good = sieve.sift("recompensas_usuarios", rows, rules, show)
    return _first_time("recompensas_usuarios", good, ["user_id", "course_slug"], sieve, "repeated_rewards")


def _links(raw: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    show = ["user", "customer"]
    rows = raw.filter(pl.col("customer").is_not_null() | pl.col("user").is_null()).with_columns(
        pl.col("user").alias("user_id"), pl.col("customer").alias("customer_id")
    )
    sieve.put_aside("usuarios_tmw", "unlinked_users", raw.height - rows.height)
    rules: list[Rule] = [("too_many_fields", too_many_fields()), ("user_missing", missing("user"))]
    good = sieve.sift("usuarios_tmw", rows, rules, show)
    return sieve.one_for_each("usuarios_tmw", good, ["user_id"], ["customer_id"], show)


def _times(raw: pl.DataFrame, zone: str) -> pl.Series:
    return instants(raw.get_column("time"), zone).alias("occurred_at")


def _episode_number(column: str) -> pl.Expr:
    """`ep-03` or `3` as 3; null for anything else."""
    return pl.col(column).str.to_lowercase().str.extract(r"^(?:ep)?-?0*(\d{1,4})$", 1).cast(pl.Int64, strict=False)


def _first_time(table: str, rows: pl.DataFrame, key: list[str], sieve: Sieve, counted_as: str) -> pl.DataFrame:
    """The first time that each thing was done; doing it again is counted, not an error."""
    first = rows.sort([*key, "occurred_at"]).unique(key, keep="first", maintain_order=True)
    sieve.put_aside(table, counted_as, rows.height - first.height)
    return first
