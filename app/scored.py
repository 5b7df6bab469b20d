"""The answer for one customer, whichever door asked: a probability, why there is none, or what was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fiel.models.row_model import Row
    from fiel.store.reader import CustomerRow

Basis = Literal["recomputed", "published", "cross_fitted", "given"]
FailureKind = Literal[
    "unknown-customer", "not-published", "invalid-features", "missing-columns", "no-model", "invalid-history"
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a customer has no answer: its kind, what is wrong, which field, what to do."""

    type: FailureKind
    message: str
    field: str | None = None
    todo: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Without what is not said."""
        found = {"type": self.type, "message": self.message, "field": self.field, "todo": self.todo}
        return {name: text for name, text in found.items() if text is not None}


@dataclass(slots=True)
class Scored:
    """The answer for one customer: a probability with where it comes from, or `why` there is none, or an `error`.

    `values` are those of the model's `inputs`, None where no model could have been asked. `missing`: inputs that were
    not given and counted as empty. `unused`: given features of the published set that the model does not read. `row`
    is what the store holds, for customers by id.
    """

    customer_id: str | None
    prob: float | None = None
    basis: Basis | None = None
    as_of: date | None = None
    model_version: str | None = None
    model_digest: str | None = None
    why: str | None = None
    missing: Sequence[str] = ()
    unused: Sequence[str] = ()
    inputs: Sequence[str] = ()
    values: Row | None = None
    row: CustomerRow | None = field(default=None, repr=False)
    error: Failure | None = None

    @property
    def status(self) -> Literal["scored", "not_scored", "failed"]:
        """Whether there is a probability, none for a reason, or no answer."""
        if self.error is not None:
            return "failed"
        return "not_scored" if self.prob is None else "scored"

    @property
    def is_of_the_set(self) -> bool:
        """Whether the model that answers is the one that scored the published set (or nothing was published)."""
        return self.row is None or self.model_digest == self.row.scores["model_digest"]

    @property
    def gain_prob(self) -> float | None:
        """The probability where it is one of winning: the batch found the customer outside the target's state."""
        return None if self.row is None or self.row.scores["gain_prob"] is None else self.prob

    @property
    def loss_prob(self) -> float | None:
        """1 - the probability where that is one of losing: the batch found the customer in the target's state."""
        return None if self.row is None or self.row.scores["loss_prob"] is None or self.prob is None else 1 - self.prob
