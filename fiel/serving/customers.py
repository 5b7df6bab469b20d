"""What the service shows of a customer, one JSON document each, and the features that the live models read.

Everything is cut at as_of: stage history, active days, messages. Documents are made chunk by chunk of customers, by
Polars expressions, so that the memory does not grow with the number of customers.

A document holds these keys, each only where the program has something of the kind. Days are ISO dates, money is in the
program's smallest unit:

- `first_date`, `last_date`: first and last active day before as_of.
- `spans`: stage history as [stage, first_as_of, last_as_of], both inclusive, oldest first.
- `days`: active days of the last DAYS_BACK days as [day, transactions, net value], at most DAYS_LISTED, newest last.
- `next`: `stage` after the next drop without a visit, its `date`, and the stage `after_visit`.
- `purchase`: `frequency`, `recency_days`, `age_days`, `mean_value`, `alive_prob`, and by days ahead (`"90"`)
  `purchases_expected`, `value_expected`, with `lifetime_value`.
- `segments`: names of the groups that the customer is in.
- `probs`: probability of each further target.
- `reasons`: as they were told when the customer was scored, by language.
- `messages`: the customer's message with its `as_of`, `channel`, `language`, `tone`, `text` and `status`; nothing that
  only the operator may know.
- those of a pension fund's accounts: see `fiel.serving.accounts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import polars as pl

from fiel.core import Core
from fiel.errors import SchemaError
from fiel.features.spans import cut_spans
from fiel.models.loaded import depends_on_data
from fiel.models.reasons import REASONS, in_language
from fiel.program import Program
from fiel.serving.accounts import account_fields, open_accounts
from fiel.serving.json_text import (
    json_array,
    json_array_of,
    json_column,
    json_list,
    json_object,
    json_object_of,
    json_value,
)
from fiel.serving.texts import LANGUAGES

CHUNK = 25_000
"""Customers whose documents are made at once."""

DAYS_BACK = 365
DAYS_LISTED = 200
"""How far back active days are listed, and how many of them at most."""

NO_FEATURES = ("customer_id", "as_of")
CHANNEL = "file"
"""Messages are written to files; whoever sends them chooses the channel."""


@dataclass(frozen=True)
class Known:
    """What is known of a program's customers at one as_of.

    `snapshot` are the rows of feat_snapshot and `scores` those of out_scores at as_of; `spans` is the whole table of
    stage spans; `probs`, `segments` and `engagement` are out_probs, out_segments and out_engagement at as_of, None
    where the program has none; `messages` what was exported (`fiel.reports.messages.exported_messages`).
    """

    program: Program
    as_of: date
    core: Core
    spans: pl.LazyFrame
    snapshot: pl.LazyFrame
    scores: pl.DataFrame
    probs: pl.DataFrame | None = None
    segments: pl.DataFrame | None = None
    engagement: pl.DataFrame | None = None
    messages: pl.DataFrame | None = None


@dataclass(frozen=True)
class Documents:
    """The documents of all scored customers: iterate for frames of customer_id, features and document (both JSON).

    The frames come in the order of customer_id; iterating again makes them again, the same to the last byte.
    SchemaError where a feature is infinite, which JSON cannot say.
    """

    known: Known
    chunk: int = CHUNK

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features in the order of their values.

        A column that comes and goes with the data (one for each course) and that nobody has a value in is left out: it
        may stand in the table because of a later date. The models take it as empty either way.
        """
        names = [name for name in self.known.snapshot.collect_schema() if name not in NO_FEATURES]
        loose = [name for name in names if depends_on_data(name)]
        held = self.known.snapshot.select(pl.col(loose).is_not_null().any()).collect() if loose else pl.DataFrame()
        return tuple(name for name in names if name not in held.columns or held[name].item())

    def __iter__(self) -> Iterator[pl.DataFrame]:
        ids = self.known.scores["customer_id"].sort()
        for start in range(0, len(ids), self.chunk):
            yield self._of(ids.slice(start, self.chunk))

    @cached_property
    def _open_accounts(self) -> pl.DataFrame | None:
        """Every open account of a pension fund; None for other programs."""
        known = self.known
        return open_accounts(known.core, known.as_of, known.scores) if known.program.is_quarterly else None

    def _of(self, ids: pl.Series) -> pl.DataFrame:
        known, here = self.known, pl.col("customer_id").is_between(pl.lit(ids[0]), pl.lit(ids[-1]))
        snapshot = known.snapshot.filter(here).collect()
        _check_finite(snapshot, known.program)
        values = [json_column(name, snapshot.schema[name]) for name in self.feature_names]
        found = snapshot.select("customer_id", features=json_array_of(values))
        people = ids.to_frame("customer_id")
        parts = [part for part in _parts(known, snapshot, here) if part is not None]
        if self._open_accounts is not None:
            scores = known.scores.filter(here)
            parts += account_fields(known.core, known.program, known.as_of, snapshot, scores, self._open_accounts, here)
        for part in parts:
            people = people.join(part, on="customer_id", how="left", maintain_order="left", validate="1:1")
        document = json_object_of({name: pl.col(name) for name in people.columns if name != "customer_id"})
        return people.select("customer_id", document=document.fill_null("{}")).join(
            found, on="customer_id", how="left", maintain_order="left"
        ).select("customer_id", "features", "document")  # fmt: skip


def _check_finite(snapshot: pl.DataFrame, program: Program) -> None:
    """What is NaN is null in a document, as the models take both as empty; an infinity they would take as a number."""
    floats = snapshot.select(pl.col(pl.Float64, pl.Float32).is_infinite().any())
    bad = [name for name in floats.columns if floats[name].item()]
    if bad:
        raise SchemaError(
            f"program {program.name}: a feature is infinite ({', '.join(bad[:5])}), which cannot be published: mend "
            "the source's values, then run `fiel run features` again"
        )


def _parts(known: Known, snapshot: pl.DataFrame, here: pl.Expr) -> Iterator[pl.DataFrame | None]:
    """Frames of customer_id and columns of JSON text, each column a key of the document."""
    scores = known.scores.filter(here)
    if known.program.has_stages:
        yield _history(known, here)
        yield _active_days(known, here)
        yield _next(scores)
    yield _purchase(snapshot)
    yield _segments(known, snapshot, scores, here)
    yield _probs(known, here)
    yield _reasons(scores)
    yield _messages(known, here)


def _history(known: Known, here: pl.Expr) -> pl.DataFrame:
    row = json_array([pl.col("stage"), pl.col("first_as_of"), pl.col("last_as_of")])
    return (
        cut_spans(known.spans.filter(here), known.as_of)
        .sort("customer_id", "first_as_of")
        .group_by("customer_id", maintain_order=True)
        .agg(spans=json_list(row))
        .collect()
    )


def _active_days(known: Known, here: pl.Expr) -> pl.DataFrame:
    """First and last active day, and the newest active days, of those before as_of."""
    before = known.core["customer_days"].filter(here, pl.col("day") < known.as_of).collect().sort("customer_id", "day")
    row = json_array([pl.col("day"), pl.col("transactions"), pl.col("value_net")])
    listed = (
        before.filter(pl.col("day") >= known.as_of - timedelta(days=DAYS_BACK))
        .group_by("customer_id", maintain_order=True)
        .tail(DAYS_LISTED)
        .group_by("customer_id", maintain_order=True)
        .agg(days=json_list(row))
    )
    ends = before.group_by("customer_id", maintain_order=True).agg(
        first_date=pl.col("day").min(), last_date=pl.col("day").max()
    )
    shown = ends.with_columns(json_value(pl.col(name)).alias(name) for name in ("first_date", "last_date"))
    return shown.join(listed, on="customer_id", how="left", maintain_order="left")


def _next(scores: pl.DataFrame) -> pl.DataFrame:
    told = json_object(
        stage=pl.col("next_stage"), date=pl.col("next_stage_date"), after_visit=pl.col("stage_after_visit")
    )
    return scores.select("customer_id", next=told)


def _purchase(snapshot: pl.DataFrame) -> pl.DataFrame | None:
    """What the purchase models say of the customer; None without the feature group."""
    if "purchase_frequency" not in snapshot.columns:
        return None
    plain = {
        name.removeprefix("purchase_"): json_value(pl.col(name))
        for name in ("purchase_frequency", "purchase_recency_days", "purchase_age_days", "purchase_mean_value",
                     "purchase_alive_prob")
    }  # fmt: skip
    by_days = {
        group: json_object(**{
            name.removeprefix(f"{group}_d"): pl.col(name) for name in snapshot.columns if name.startswith(f"{group}_d")
        })
        for group in ("purchases_expected", "value_expected", "lifetime_value")
    }  # fmt: skip
    expected = {"value_a_day_expected": json_value(pl.col("purchase_value_expected"))}
    return snapshot.select("customer_id", purchase=json_object_of(plain | expected | by_days))


def _segments(known: Known, snapshot: pl.DataFrame, scores: pl.DataFrame, here: pl.Expr) -> pl.DataFrame:
    """The groups that the customer is in, by the name of the grouping."""
    found = scores.select("customer_id", "grade")
    if known.program.has_stages:
        found = found.join(snapshot.select("customer_id", "value_cluster"), on="customer_id", how="left")
    if "rfm_segment" in snapshot.columns:
        found = found.join(snapshot.select("customer_id", "rfm_segment"), on="customer_id", how="left")
    if known.segments is not None:
        clusters = known.segments.filter(here).select("customer_id", "cluster_name")
        found = found.join(clusters, on="customer_id", how="left")
    if known.engagement is not None:
        of_engagement = known.engagement.filter(here).select(
            "customer_id", "segment", "engagement", "uplift", risk="risk_group"
        )
        found = found.join(of_engagement, on="customer_id", how="left")
    names = {name: pl.col(name) for name in found.columns if name != "customer_id"}
    return found.select("customer_id", segments=json_object(**names))


def _probs(known: Known, here: pl.Expr) -> pl.DataFrame | None:
    if known.probs is None:
        return None
    wide = known.probs.filter(here)
    targets = [target.name for target in known.program.more_targets]
    by_target = wide.group_by("customer_id").agg(
        pl.col("prob").filter(pl.col("target") == name).first().alias(name) for name in targets
    )
    return by_target.select("customer_id", probs=json_object(**{name: pl.col(name) for name in targets}))


def _reasons(scores: pl.DataFrame) -> pl.DataFrame:
    """The reasons of those that were explained when they were scored, by language."""
    explained = scores.filter(pl.col("reason_1").is_not_null()).select("customer_id", *REASONS)
    found = explained.select("customer_id").with_columns(
        in_language(explained, language).select(_reason_list().alias(language)).to_series() for language in LANGUAGES
    )
    return found.select("customer_id", reasons=json_object_of({name: pl.col(name) for name in LANGUAGES}))


def _reason_list() -> pl.Expr:
    texts = pl.concat_str([json_value(pl.col(name)) for name in REASONS], separator=",", ignore_nulls=True)
    return pl.lit("[") + texts + pl.lit("]")


def _messages(known: Known, here: pl.Expr) -> pl.DataFrame | None:
    """The message that was written to the customer; only what the customer may see, and what became of it."""
    if known.messages is None:
        return None
    told = json_object(
        as_of=pl.lit(known.as_of),
        channel=pl.lit(CHANNEL),
        language=pl.col("language"),
        tone=pl.col("tone"),
        text=pl.col("text"),
        status=pl.col("status"),
    )
    rows = known.messages.filter(here)
    return rows.select("customer_id", messages=pl.lit("[") + told + pl.lit("]"))
