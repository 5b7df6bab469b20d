"""What one message has to say: the facts, and nothing that the customer must not hear.

A brief has neither probability nor risk group nor segment: what a writer does not know, it cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from fiel.actions.messages.languages import language_words
from fiel.errors import MessageError
from fiel.program.messages import Language, Messages, Tone

RECOMMENDED = 2
"""Products in each message."""

CHOSEN: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "language": pl.String(),
    "risk_group": pl.String(),
    "segment": pl.String(),
    "engagement": pl.Float64(),
    "prob": pl.Float64(),
    "products": pl.List(pl.String),
}
"""Columns of the chosen customers. `language` may be empty (the program's own), `products` are ids of the catalogue."""

OPTIONAL: dict[str, pl.DataType] = {"language": pl.String(), "basis": pl.List(pl.String)}
"""Columns that may be missing. `basis` says where each product comes from (`recommend.BASES`)."""


@dataclass(frozen=True)
class Brief:
    """What one message says. `engagement` is the phrase with the customer's own figure, such as `72 out of 100`."""

    customer_id: str
    language: Language
    tone: Tone
    engagement: str
    product_ids: tuple[str, ...]
    titles: tuple[str, ...]
    offer_id: str | None
    offer: str | None
    call_to_action: str
    signature: str
    min_chars: int
    max_chars: int

    @property
    def given(self) -> tuple[str, ...]:
        """Texts that a message repeats as they stand, longest first; in them anything may be said."""
        texts = (*self.titles, self.engagement, self.call_to_action, self.signature, self.offer or "")
        return tuple(sorted((text for text in texts if text), key=lambda text: (-len(text), text)))


def checked(chosen: pl.DataFrame, messages: Messages, catalogue: pl.DataFrame) -> pl.DataFrame:
    """The chosen customers in the columns of `CHOSEN` and `OPTIONAL`, by customer_id, the language filled in.

    MessageError names the first customer with: no id or the same one twice, a risk group without a tone, a language
    that is not written in, an engagement outside 0 to 100, a probability outside 0 to 1, or other than two products of
    the catalogue.
    """
    missing = [name for name in CHOSEN if name not in chosen.columns and name not in OPTIONAL]
    if missing:
        raise MessageError(f"chosen customers: there is no column {missing[0]!r}; needed are {', '.join(CHOSEN)}")
    absent = {name: pl.lit(None, dtype=dtype) for name, dtype in OPTIONAL.items() if name not in chosen.columns}
    rows = (
        chosen.with_columns(**absent)
        .select(pl.col(name).cast(dtype) for name, dtype in (CHOSEN | OPTIONAL).items())
        .with_columns(pl.col("language").fill_null(messages.language))
        .sort("customer_id", nulls_last=False)
    )
    products = pl.col("products")
    rules: dict[str, pl.Expr] = {
        "has no customer_id": pl.col("customer_id").is_null() | (pl.col("customer_id") == ""),
        "stands twice": pl.col("customer_id").is_duplicated(),
        f"has a risk group without a tone (messages.tones knows {', '.join(messages.tones)})": ~pl.col(
            "risk_group"
        ).is_in(list(messages.tones)),
        f"has a language that is not written in ({', '.join(messages.languages)})": ~pl.col("language").is_in(
            list(messages.languages)
        ),
        "has no engagement between 0 and 100": ~pl.col("engagement").is_between(0, 100),
        "has no probability between 0 and 1": ~pl.col("prob").is_between(0, 1),
        f"has not {RECOMMENDED} different products of the catalogue": (products.list.n_unique() != RECOMMENDED)
        | (products.list.len() != RECOMMENDED)
        | ~products.list.eval(pl.element().is_in(catalogue["product_id"].to_list())).list.all(),
    }
    for what, is_wrong in rules.items():
        wrong = rows.filter(is_wrong.fill_null(True))
        if not wrong.is_empty():
            first = wrong.row(0, named=True)
            shown = {name: first[name] for name in ("risk_group", "language", "engagement", "products")}
            raise MessageError(
                f"chosen customers: {wrong.height:,} of {rows.height:,} {what}, first {first['customer_id']!r} {shown}"
            )
    return rows


def briefs(rows: pl.DataFrame, messages: Messages, catalogue: pl.DataFrame) -> list[Brief]:
    """The brief of each row of `checked`, in its order."""
    titles = {row["product_id"]: row for row in catalogue.iter_rows(named=True)}
    return [_brief(row, messages, titles) for row in rows.iter_rows(named=True)]


def _brief(row: dict[str, object], messages: Messages, titles: dict[str, dict[str, str]]) -> Brief:
    language: Language = row["language"]  # type: ignore[assignment]
    tone = messages.tones[str(row["risk_group"])]
    products: list[str] = row["products"]  # type: ignore[assignment]
    offer = messages.offer(tone)
    whole = int(float(row["engagement"]) + 0.5)  # type: ignore[arg-type]
    return Brief(
        customer_id=str(row["customer_id"]),
        language=language,
        tone=tone,
        engagement=language_words(language).engagement.format(engagement=whole),
        product_ids=tuple(products),
        titles=tuple(titles[product][f"title_{language}"] for product in products),
        offer_id=offer.id if offer else None,
        offer=offer.words[language] if offer else None,
        call_to_action=messages.call_to_action[language],
        signature=messages.signature[language],
        min_chars=messages.min_chars,
        max_chars=messages.max_chars,
    )
