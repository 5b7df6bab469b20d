"""The same customer with other features: both scores, and which topic moves the score by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fiel.models.live import Reason, told_by
from fiel.models.reasons import topics_of
from fiel.models.row_model import RowModel
from fiel.program import Program


@dataclass(frozen=True)
class Difference:
    """Two scores of a customer and the way from one to the other.

    `before` and `after` are probabilities, `before_log_odds` and `after_log_odds` their log odds; `by_reason` says what
    each topic adds to the difference of the log odds, the strongest first, in words of the changed customer: the
    contributions sum to `log_odds` to 1e-9. `changed` are the inputs whose value differs, in the model's order.
    """

    before: float
    after: float
    before_log_odds: float
    after_log_odds: float
    changed: tuple[str, ...]
    by_reason: tuple[Reason, ...]

    @property
    def log_odds(self) -> float:
        """How much the log odds rise."""
        return self.after_log_odds - self.before_log_odds


def compare(
    model: RowModel, before: Mapping[str, Any], after: Mapping[str, Any], program: Program, language: str = "en"
) -> Difference:
    """The score of the features `before` against that of the same with `after` put over them.

    `before` holds the customer's values by input (what it lacks is empty), `after` the changed ones, or all. Features
    that hang together are the caller's business: whoever changes `active_days_d7` and leaves `active_days_d28` asks
    about a customer who cannot be, and gets what the model says of that one. FeatureError names a feature that the
    model does not know, or whose value cannot be.

    What a topic adds to the difference is the difference of its SHAP values, so a topic can move that nobody touched:
    the model reads features together.
    """
    first, _ = model.row_of(before)
    second, _ = model.row_of({**before, **after})
    rows = [first, second]
    probs, odds = model.predict(rows), model.log_odds(rows)
    values = model.contributions(rows)
    moved = values[1] - values[0]
    picked = []
    for places in topics_of(model.features).values():
        added = float(moved[places].sum())
        if added == 0:
            continue
        picked.append((1, places[int(np.argmax(moved[places] * np.sign(added)))], added))
    picked.sort(key=lambda one: -abs(one[2]))
    return Difference(
        before=probs[0],
        after=probs[1],
        before_log_odds=odds[0],
        after_log_odds=odds[1],
        changed=tuple(name for name, old, new in zip(model.inputs, *rows, strict=True) if not _same(old, new)),
        by_reason=tuple(told_by(model, rows, picked, program, language)),
    )


def _same(old: Any, new: Any) -> bool:
    return bool(old == new) or (old != old and new != new)  # NaN is empty, and equal to itself here
