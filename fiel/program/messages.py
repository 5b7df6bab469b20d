"""The part of a program that says what is written to customers, in which words, and what writing may cost."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from fiel.program.base import Strict

Language = Literal["pt", "es", "en", "ru"]
Tone = Literal["loyal", "warning_signs", "needs_attention"]
LANGUAGES: tuple[Language, ...] = ("pt", "es", "en", "ru")
RISK_GROUPS = ("low", "medium", "high", "critical")

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\r\n]*$")]
Words = dict[Language, Line]
"""One line of text in each language that the program writes in."""

_TONES: dict[str, Tone] = {
    "low": "loyal",
    "medium": "warning_signs",
    "high": "needs_attention",
    "critical": "needs_attention",
}


class Offer(Strict):
    """An offer that the operator really makes; a message repeats its words as they stand here, and no others."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$", description="Name of the offer in the output.")]
    tones: tuple[Tone, ...] = Field(min_length=1, description="Tones of the messages that carry the offer.")
    words: Words = Field(description="The offer, one sentence in each language.")


class Model(Strict):
    """How the language model is asked, and what that may cost. Only read by the writer `openai`."""

    tokens: int = Field(500_000, ge=0, description="Tokens (in and out) that the messages of one as_of may use.")
    money: Decimal = Field(
        Decimal(5), ge=0, decimal_places=6, description="Money that the messages of one as_of may cost, in `currency`."
    )
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field("USD", description="Currency of money and prices.")
    price_in: Decimal | None = Field(None, ge=0, description="Price of a million tokens of the prompt, in `currency`.")
    price_out: Decimal | None = Field(None, ge=0, description="Price of a million tokens of the answer.")
    answer_tokens: int = Field(500, ge=50, le=8_000, description="Tokens that one answer may have.")
    answer_tokens_field: Literal["max_completion_tokens", "max_tokens"] = Field(
        "max_completion_tokens", description="What the server calls that limit; older servers know max_tokens only."
    )
    temperature: float | None = Field(None, ge=0, le=2, description="Temperature; empty: the model's own.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests that are under way at once.")
    requests_per_minute: int = Field(60, ge=1, description="Requests in a minute, retries counted.")
    tokens_per_minute: int = Field(60_000, ge=1, description="Tokens in a minute, about, answers counted in full.")
    timeout_seconds: float = Field(60, gt=0, le=600, description="How long one answer is waited for.")
    attempts: int = Field(4, ge=1, le=10, description="How often one request is sent where a retry can help.")
    longest_wait_seconds: float = Field(
        120,
        gt=0,
        le=3_600,
        description="Longest pause before a retry; a server that asks for a longer one ends the run.",
    )
    stop_after: int = Field(5, ge=1, description="Requests that fail in a row before no more are sent.")

    def cost_micros(self, tokens_in: int, tokens_out: int) -> int:
        """Cost in millionths of the currency, rounded up: a million tokens cost the price in units."""
        return math.ceil(tokens_in * (self.price_in or 0) + tokens_out * (self.price_out or 0))

    @property
    def money_micros(self) -> int:
        """The budget in millionths of the currency."""
        return int(self.money * 1_000_000)


class FromScores(Strict):
    """Who is written to by a program that has scores and no engagement of its own."""

    leaving: Literal["prob", "not_prob"] = Field(
        description="The probability of leaving: prob, where the target is to leave; not_prob (1 - prob), where the "
        "target is to stay."
    )
    engagement: str = Field(description="Column of the snapshot that is told to the customer as engagement.")
    engagement_full: float = Field(1, gt=0, description="Value of that column that is 100 out of 100.")
    segment: str = Field("stage", description="Column of the scores whose groups have their own popularity.")
    risk_cuts: tuple[float, float, float] = Field(
        (0.05, 0.1, 0.3), description="Highest probability of leaving of the groups low, medium and high."
    )


class Messages(Strict):
    """What is written to whom. Nothing is sent: the flow `message` writes files."""

    writer: Literal["template", "openai"] = Field(
        "template", description="template: built in, needs nothing. openai: a language model (FIEL_OPENAI_*)."
    )
    catalogue: str = Field(
        description="CSV of the products that may be recommended: product_id, title, and optionally title_pt, "
        "title_es, title_en, title_ru and segments (names with blanks between; empty: all). A relative path starts at "
        "the program file's folder."
    )
    from_scores: FromScores | None = Field(
        None, description="Which scores make the customers, where the program writes no table of them."
    )
    in_loyalty: bool = Field(
        False,
        description="Whether the flow loyalty writes them too, before the report. Only by the template: a "
        "language model is paid, so it writes when the flow message is run.",
    )
    language: Language = Field("en", description="Language of customers whose row names none.")
    languages: tuple[Language, ...] = Field(LANGUAGES, min_length=1, description="Languages that are written in.")
    tones: dict[str, Tone] = Field(
        _TONES, description="Tone of each risk group; a customer of a group that is not here is an error."
    )
    risk_groups: tuple[str, ...] = Field(RISK_GROUPS, description="Risk groups that are written to.")
    most: int | None = Field(
        None, ge=1, description="Messages of one as_of at the most, the highest value first. Empty: all."
    )
    signature: Words = Field(description="Last line of a message, in each language.")
    call_to_action: Words = Field(description="What the customer is asked to do, one sentence in each language.")
    offers: tuple[Offer, ...] = Field((), description="Offers; a message carries the first one of its tone.")
    min_chars: int = Field(120, ge=1, description="Fewest characters of a message.")
    max_chars: int = Field(900, ge=200, le=5_000, description="Most characters of a message.")
    rest: Literal["template", "pending"] = Field(
        "template",
        description="What becomes of messages that the model was not asked for or did not answer (budget spent, server "
        "down): written by the template, or left pending for the next run.",
    )
    model: Model = Field(default_factory=Model, description="How the language model is asked.")

    @model_validator(mode="after")
    def _words_in_every_language(self) -> Messages:
        if self.language not in self.languages:
            raise ValueError(f"language {self.language} is not among languages ({', '.join(self.languages)})")
        texts = {"signature": self.signature, "call_to_action": self.call_to_action}
        texts |= {f"offers {offer.id}": offer.words for offer in self.offers}
        for name, words in texts.items():
            missing = [language for language in self.languages if language not in words]
            if missing:
                raise ValueError(f"{name} has no words in {', '.join(missing)}: messages are written in that language")
        ids = [offer.id for offer in self.offers]
        if len(set(ids)) < len(ids):
            raise ValueError("two offers have the same id")
        return self

    @model_validator(mode="after")
    def _limits_fit(self) -> Messages:
        if self.min_chars >= self.max_chars:
            raise ValueError("min_chars has to be below max_chars")
        without = [group for group in self.risk_groups if group not in self.tones]
        if without:
            raise ValueError(f"risk group {without[0]!r} is written to and has no tone: add it to tones")
        if self.writer == "openai" and self.in_loyalty:
            raise ValueError("in_loyalty is for the template: a paid writer runs with the flow message only")
        if self.writer == "openai" and (self.model.price_in is None or self.model.price_out is None):
            raise ValueError(
                "writer openai needs model.price_in and model.price_out, the price of a million tokens: without them "
                "there is no budget in money (0 where the server is your own)"
            )
        return self

    def offer(self, tone: Tone) -> Offer | None:
        """The offer that messages of the tone carry."""
        return next((offer for offer in self.offers if tone in offer.tones), None)
