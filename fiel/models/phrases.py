"""What a feature's value means in words: one phrase for each column that a model may use.

A phrase is completed with the customer's own value, so that a reason reads `11 active days in the last 28 days raise
it`. Features that say nearly the same thing share a topic, and a customer hears each topic once.
"""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from fiel import words
from fiel.models.phrase import Form, Phrase
from fiel.models.phrases_accounts import ACCOUNT_PHRASES
from fiel.program import Program

_WHOLE_FROM = 10
"""Amounts from here on (in whole units of value) are told without pence."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


PHRASES = (
    Phrase("active_days_{w}", "active days", "{v} active days {when}", "{v} active day {when}", form="count"),
    Phrase("active_days_share_{w}", "active days", "being active on {v} of the {days}", form="share"),
    Phrase("active_days_ratio_{w}", "active days", "{v} times the active days of others in the same stage",
           empty="no comparison with others in the same stage"),
    Phrase("stage_mean_active_days_{w}", "stage", "a stage whose customers have {v} active days {when} on average",
           empty="a stage without active customers"),
    Phrase("transactions_{w}", "transactions", "{v} events {when}", "{v} event {when}", form="count"),
    Phrase("transactions_per_day_{w}", "transactions a day", "having {v} events on an active day {when}"),
    Phrase("transactions_morning_life", "part of day", "{v} events in the morning", "{v} event in the morning",
           form="count"),
    Phrase("transactions_afternoon_life", "part of day", "{v} events in the afternoon", "{v} event in the afternoon",
           form="count"),
    Phrase("transactions_night_life", "part of day", "{v} events at night", "{v} event at night", form="count"),
    Phrase("transactions_morning_share", "part of day", "having {v} of the events in the morning", form="share"),
    Phrase("transactions_afternoon_share", "part of day", "having {v} of the events in the afternoon", form="share"),
    Phrase("transactions_night_share", "part of day", "having {v} of the events at night", form="share"),
    Phrase("value_net_{w}", "balance", "a net of {v} {unit} {when}", form="value"),
    Phrase("value_earned_{w}", "earned", "having {earned} {v} {unit} {when}", form="value"),
    Phrase("value_spent_{w}", "spent", "having {spent} {v} {unit} {when}", form="value"),
    Phrase("hours_{w}", "hours", "being around for {v} hours {when}"),
    Phrase("age_days", "age", "{v} days since the first active day", "{v} day since the first active day",
           form="count"),
    Phrase("recency_days", "recency", "{v} days since the last active day", "{v} day since the last active day",
           form="count"),
    Phrase("gap_days", "gaps", "a {v}-day gap before the last active day", empty="having one active day only"),
    Phrase("mean_gap_days_{w}", "gaps", "a mean gap of {v} days between active days {when}",
           empty="no gap between active days {when}"),
    Phrase("product_share_{key}", "products", "{v} of the products being {key}", form="share"),
    Phrase("category_share_{key}", "products", "{v} of the products of category {key}", form="share"),
    Phrase("stage", "stage", "being {v} now", form="text"),
    Phrase("stage_{w}", "earlier stage", "having been {v} {ago}", empty="being too new for a stage {ago}",
           form="text"),
    Phrase("stage_share_{key}", "days in a stage", "having been {key} on {v} of the days so far", form="share"),
    Phrase("value_cluster", "value cluster", "belonging to the value cluster {v}",
           empty="belonging to no value cluster", form="text"),
    Phrase("courses_finished", "courses", "{v} finished courses", "{v} finished course", form="count"),
    Phrase("courses_begun", "courses", "{v} courses begun and not finished", "{v} course begun and not finished",
           form="count"),
    Phrase("courses_finished_rewarded", "courses", "{v} finished courses with the reward claimed",
           "{v} finished course with the reward claimed", form="count"),
    Phrase("courses_finished_unrewarded", "courses", "{v} finished courses without the reward claimed",
           "{v} finished course without the reward claimed", form="count"),
    Phrase("course_share_{key}", "courses", "having done {v} of the course {key}",
           empty="the course {key} not being known yet", form="share"),
    Phrase("learning_recency_days", "courses", "{v} days since the last episode, skill or reward",
           "{v} day since the last episode, skill or reward", empty="nothing learned on the course platform",
           form="count"),
    Phrase("days_since_last", "recency", "{v} days since the last purchase", "{v} day since the last purchase",
           empty="having no purchase that was not taken back", form="count"),
    Phrase("r_score", "recency", "a recency score of {v} of 5"),
    Phrase("f_score", "purchase days", "a frequency score of {v} of 5"),
    Phrase("m_score", "sales", "a monetary score of {v} of 5"),
    Phrase("rfm_segment", "segment", "belonging to the segment {v}", form="text"),
    Phrase("purchase_days_{w}", "purchase days", "{v} purchase days {when}", "{v} purchase day {when}", form="count"),
    Phrase("revenue_net_{w}", "sales", "a net {v} {unit} of purchases {when}", form="value"),
    Phrase("purchase_frequency", "purchase days", "{v} repeat purchase days so far", "{v} repeat purchase day so far",
           empty="having no purchase that was not taken back", form="count"),
    Phrase("purchase_recency_days", "purchase history", "{v} days from the first to the last purchase",
           "{v} day from the first to the last purchase", empty="having no purchase that was not taken back",
           form="count"),
    Phrase("purchase_age_days", "age", "{v} days since the first purchase", "{v} day since the first purchase",
           empty="having no purchase that was not taken back", form="count"),
    Phrase("purchase_mean_value", "value of a purchase day", "a mean of {v} {unit} for a repeat purchase day",
           empty="no repeat purchase", form="value"),
    Phrase("purchase_alive_prob", "purchase model", "a chance of {v} to be still a customer (purchase model)",
           empty="no purchase model", form="share"),
    Phrase("purchase_value_expected", "value of a purchase day", "an expected {v} {unit} for a purchase day",
           empty="no purchase model", form="value"),
    Phrase("purchases_expected_{w}", "purchase model", "an expectation of {v} purchase days within {ahead}",
           empty="no purchase model"),
    Phrase("purchase_prob_{w}", "purchase model", "a chance of {v} of a purchase within {ahead} (purchase model)",
           empty="no purchase model", form="share"),
    Phrase("value_expected_{w}", "expected value", "an expectation of {v} {unit} within {ahead}",
           empty="no purchase model", form="value"),
    Phrase("value_if_alive_{w}", "expected value", "an expectation of {v} {unit} within {ahead} if still a customer",
           empty="no purchase model", form="value"),
    Phrase("lifetime_value_{w}", "expected value", "a value of {v} {unit} over {ahead}", empty="no purchase model",
           form="value"),
    Phrase("as_of_weekday", "calendar", "the score being made for a {v}", form="weekday"),
    Phrase("live_days_d28", "calendar", "{v} days with live events among the last 28",
           "{v} day with live events among the last 28", form="count"),
    Phrase("planned_break_days", "calendar", "{v} days of planned breaks ahead", "{v} day of planned breaks ahead",
           form="count"),
    Phrase("zero_count", "zeros", "{v} figures that are 0", "{v} figure that is 0", empty="no figures", form="count"),
    Phrase("x_{key}", "{key}", "{key} being {v}", empty="{key} being unknown"),
    Phrase("c_{key}", "{key}", "{key} being {v}", empty="{key} being unknown", form="text"),
    Phrase("sum_{key}", "{key}", "the sum of {key} being {v}", empty="the sum of {key} being unknown"),
    Phrase("nonzero_{key}", "{key}", "{v} figures of {key} other than 0", "{v} figure of {key} other than 0",
           empty="no figures of {key}", form="count"),
    Phrase("difference_{key}", "{key}", "{key} being {v}", empty="{key} being unknown"),
    Phrase("ratio_{key}", "{key}", "{key} being {v}", empty="{key} being unknown"),
    Phrase(r"embedding_\d+", "overall pattern", "the pattern of all figures together"),
    *ACCOUNT_PHRASES,
)  # fmt: skip


_RAW_KEYS = ("stage_share", "x_", "c_", "sum_", "nonzero_", "difference_", "ratio_")
"""Families whose keys are names that people look up as they are."""


@lru_cache(maxsize=4_096)
def phrase_of(column: str) -> Phrase:
    """The phrase of a column; one made of its name where none is declared."""
    found = next((phrase for phrase in PHRASES if phrase.match(column)), None)
    return found or Phrase(column, column, f"{column.replace('_', ' ')} of {{v}}", empty=f"no {column}", form="text")


@lru_cache(maxsize=4_096)
def topic_of(column: str) -> str:
    """What a customer hears once: the topic of the column's phrase, its key filled in.

    >>> topic_of("active_days_d28"), topic_of("x_var15")
    ('active days', 'var15')
    """
    phrase = phrase_of(column)
    match = phrase.match(column)
    return phrase.topic.replace("{key}", (match.groupdict().get("key") or "") if match else "")


def sentences(column: str, values: pl.Series, raises: pl.Series, program: Program, language: str = "en") -> pl.Series:
    """One sentence in `language` for each value of `column`; `raises` says whether it raises or lowers the score.

    >>> from fiel.program import read_program; from fiel.settings import HOME
    >>> program = read_program(HOME / "deployments" / "programs" / "teomewhy.yaml")
    >>> sentences("active_days_d28", pl.Series([11, 1]), pl.Series([True, False]), program).to_list()
    ['11 active days in the last 28 days raise it', '1 active day in the last 28 days lowers it']
    >>> sentences("active_days_d28", pl.Series([11]), pl.Series([True]), program, "pt").to_list()
    ['11 dias ativos nos últimos 28 dias aumentam a chance']
    """
    phrase = phrase_of(column)
    frame = pl.DataFrame({"value": values, "raises": raises})
    shown = _shown(phrase, program)
    is_one = (pl.col("value") == 1).fill_null(False) if phrase.one else pl.lit(True)
    text: pl.Expr = (
        pl.when(is_one)
        .then(_filled(phrase.one or phrase.many, phrase, column, shown, program))
        .otherwise(_filled(phrase.many, phrase, column, shown, program))
    )
    if phrase.empty:
        empty = pl.col("value").is_null() | _is_none(phrase.form)
        is_one = is_one | empty
        text = pl.when(empty).then(_filled(phrase.empty, phrase, column, shown, program)).otherwise(text)
    verb = (
        pl.when(pl.col("raises") & is_one)
        .then(pl.lit(" raises it"))
        .when(pl.col("raises"))
        .then(pl.lit(" raise it"))
        .when(is_one)
        .then(pl.lit(" lowers it"))
        .otherwise(pl.lit(" lower it"))
    )
    said = frame.select((text + verb).alias("sentence")).to_series()
    return words.translate_series(said, language)


def _is_none(form: Form) -> pl.Expr:
    return (pl.col("value").cast(pl.String) == "none").fill_null(False) if form == "text" else pl.lit(False)


def _filled(template: str, phrase: Phrase, column: str, shown: pl.Expr, program: Program) -> pl.Expr:
    """The template with window, key and unit filled in, and the value as an expression."""
    match = phrase.match(column)
    named = match.groupdict() if match else {}
    window, key = named.get("w") or "", named.get("key") or ""
    is_money = program.value.unit.isupper()  # a currency code: amounts are sales, negative ones are taken back
    named_words = {
        "{when}": f"in the {_last(window)}" if window[:1] in ("d", "q") else "since joining",
        "{days}": _last(window) if window.startswith("d") else "days since joining",
        "{ago}": f"{window[1:]} days ago",
        "{ahead}": f"the next {window[1:]} days",
        "{unit}": program.value.unit,
        "{earned}": "bought for" if is_money else "earned",
        "{spent}": "cancelled or returned" if is_money else "spent",
        "{key}": _key_words(phrase.column, key, program),
    }
    text = template
    for mark, word in named_words.items():
        text = text.replace(mark, word)
    before, found, after = text.partition("{v}")
    return pl.lit(before) + shown + pl.lit(after) if found else pl.lit(text)


def _last(window: str) -> str:
    """`last 28 days` of d28, `last quarter` of q1, `last 4 quarters` of q4."""
    if window == "q1":
        return "last quarter"
    return f"last {window[1:]} {'quarters' if window.startswith('q') else 'days'}"


def _key_words(family: str, key: str, program: Program) -> str:
    if family.startswith("product_share"):
        return program.features.tracked_products.get(key, key)
    if family.startswith("category_share"):
        return program.features.tracked_categories.get(key, key)
    return key if family.startswith(_RAW_KEYS) else key.replace("_", " ")


def _shown(phrase: Phrase, program: Program) -> pl.Expr:
    """The value as people read it."""
    value, form = pl.col("value"), phrase.form
    if phrase.levels:
        text = value.cast(pl.String)
        return text.replace_strict(phrase.levels, default=text, return_dtype=pl.String).fill_null("unknown")
    if form == "text":
        return value.cast(pl.String).str.replace_all("_", " ").fill_null("none")
    if form == "weekday":
        names = dict(enumerate(WEEKDAYS, start=1))
        return value.cast(pl.Int64, strict=False).replace_strict(names, default="day", return_dtype=pl.String)
    if form == "share":
        percent = (value.cast(pl.Float64) * 100).round(0)
        return _as_whole(percent, percent.cast(pl.Int64, strict=False).cast(pl.String)).fill_null("none") + pl.lit(" %")
    number = value.cast(pl.Float64)
    if form == "value":
        number = number / program.value.scale
    rounded = number.round(1).cast(pl.String).str.strip_suffix(".0")
    if form == "value":
        pence = number.round(2).cast(pl.String).str.strip_suffix(".0")
        pence = pence + pl.when(pence.str.contains(r"\.\d$")).then(pl.lit("0")).otherwise(pl.lit(""))
        rounded = pl.when(number.abs() < _WHOLE_FROM).then(pence).otherwise(_whole(number))
    return pl.when(number.abs() >= 1_000).then(_whole(number)).otherwise(rounded).fill_null("unknown")


def _whole(number: pl.Expr) -> pl.Expr:
    """A whole number as text, thousands separated; from about 10^19 on, which nobody means, as a float is written."""
    left = number.round(0).cast(pl.Int64, strict=False)
    text = left.abs().cast(pl.String)
    # One group of three is set apart at a time, from the right.
    for _ in range(6):
        text = text.str.replace(r"^(\d+)(\d{3})(,|$)", "${1},${2}${3}")
    return _as_whole(number, pl.when(left < 0).then(pl.lit("-")).otherwise(pl.lit("")) + text)


def _as_whole(number: pl.Expr, text: pl.Expr) -> pl.Expr:
    """`text`, or the float as it is written where it is too large for a whole number."""
    return pl.coalesce(text, number.cast(pl.String))
