"""The fields of "what if": which features of a customer are asked for, in which range, and how an answer is read.

Asked for are the features that move this customer's score most and that can change: what happened long ago, who the
customer is and the calendar stay as they are. A number's range is the one over which the model tells values apart (its
outermost splits); beyond it nothing changes. A field that is left as it was keeps the customer's exact value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.pages.words import N_
from fiel.models.phrases import phrase_of, topic_of
from fiel.program import STAGES, Program

MOST = 6
"""Fields shown."""

FIXED = re.compile(
    r"as_of_weekday|live_days_.*|planned_break_days|season_.*|usd_.*|key_rate_.*|life_expectancy.*|years_left|latitude"
    r"|longitude|district|place_region|region|citizen|gender|age|age_days|cooperation_days|purchase_age_days"
    r"|days_since_first_contribution|quarters_since_opening|stage_share_.*|stage_d\d+|stage_mean_.*|embedding_\d+"
)
"""Columns that nobody can change: the calendar, outside facts, who somebody is, what is long past."""

CHOICES: dict[str, tuple[str, ...]] = {
    "stage": STAGES,
    "value_cluster": ("hyper", "eficiente", "indeciso", "esforcado", "lurker", "preguicoso", "potencial", "none"),
    "rfm_segment": (
        "champions", "loyal", "potential_loyal", "new", "promising", "need_attention", "about_to_sleep", "cannot_lose",
        "at_risk", "hibernating", "lost",
    ),
}  # fmt: skip
"""Levels of the categories whose levels are fixed; other categories are not asked for."""

_DAYS_IN_WINDOW = re.compile(r"(active|purchase)_days_d(?P<days>\d+)")
"""Counts of days, which the days of their window limit."""

_RAW = ("x_", "sum_", "difference_", "ratio_")
"""Columns of a source's own, of which only their splits are known."""

_SCORES = ("r_score", "f_score", "m_score")
"""Scores of 1 to 5."""

_SINCE = ("recency_days", "days_since_last")
"""Days since the last active day, which is before as_of: 1 or more."""

Kind = Literal["number", "choice", "mark"]


@dataclass(frozen=True)
class Field:
    """One field of the form.

    `shown` is the present value as the form holds it; a number's limits and step are in the form's own measure:
    per cent for shares, whole units for amounts (`factor` smallest units or parts of one to each).
    """

    name: str
    kind: Kind
    value: Any
    shown: str
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    factor: float = 1.0
    is_whole: bool = False
    measure: Literal["", "percent", "value"] = ""
    choices: tuple[str, ...] = ()

    def read(self, text: str) -> Any:
        """The feature's value that `text` means; the customer's own where the field was left as it was.

        Raises:
            ValueError: no number, not finite, or outside the range; the message is a text of the page's catalogue.
        """
        asked = text.strip()
        if asked == self.shown:
            return self.value
        if self.kind != "number":
            if asked not in self.choices:
                raise ValueError(N_("choose one of the list"))
            return asked == "true" if self.kind == "mark" else asked
        if not asked:
            return None
        try:
            number = float(asked.replace(",", "."))
        except ValueError:
            raise ValueError(N_("write a number")) from None
        if not math.isfinite(number) or not self.low <= number <= self.high:
            raise ValueError(N_("stay within the range"))
        found = number * self.factor
        return round(found) if self.is_whole else found


def can_change(column: str) -> bool:
    """Whether somebody could change the feature by the next score.

    >>> can_change("active_days_d28"), can_change("stage_share_fiel"), can_change("age_days"), can_change("age")
    (True, False, False, False)
    """
    return FIXED.fullmatch(column) is None


def fields(
    values: Mapping[str, Any],
    strengths: Mapping[str, float],
    ranges: Mapping[str, tuple[float, float]],
    categorical: Sequence[str],
    program: Program,
    most: int = MOST,
) -> list[Field]:
    """The fields of one customer, the strongest first, at most `most`; features that say nearly the same give one.

    `values` are the customer's features, `strengths` what each adds to the score (log odds, signed), `ranges` the
    lowest and highest split of each number in the model.
    """
    order = sorted(strengths, key=lambda name: (-abs(strengths[name]), name))
    found: dict[str, Field] = {}
    for name in order:
        topic = topic_of(name)
        if name not in values or topic in found:
            continue
        made = _field(name, values[name], ranges, categorical, program)
        if made is not None:
            found[topic] = made
        if len(found) == most:
            break
    return list(found.values())


def _field(
    name: str, value: Any, ranges: Mapping[str, tuple[float, float]], categorical: Sequence[str], program: Program
) -> Field | None:
    if not can_change(name):
        return None
    if isinstance(value, bool):
        return Field(name, "mark", value, "true" if value else "false", choices=("true", "false"))
    if name in categorical or isinstance(value, str):
        choices = CHOICES.get(name, ())
        text = "none" if value is None else str(value)
        if not choices:
            return None
        return Field(name, "choice", value, text, choices=choices if text in choices else (text, *choices))
    if name not in ranges:
        return None
    return _number(name, value, ranges[name], program)


def _number(name: str, value: Any, bounds: tuple[float, float], program: Program) -> Field:
    form = phrase_of(name).form
    factor = 0.01 if form == "share" else float(program.value.scale) if form == "value" else 1.0
    is_whole = isinstance(value, int) or (value is None and form == "count")
    is_integral = is_whole or (
        float(value or 0).is_integer() and all(float(2 * bound).is_integer() for bound in bounds)
    )
    known = [bound for bound in (*bounds, value) if bound is not None]
    low, high = min(known) / factor, max(known) / factor
    if low > 0 and not name.startswith(_RAW):
        low = 0.0  # nothing lies below it, and a reader may well ask about it
    if name in _SINCE:
        low = 1.0
    window = _DAYS_IN_WINDOW.fullmatch(name)
    if window:
        high = max(high, float(window["days"]))
    if name in _SCORES:
        low, high = 1.0, 5.0
    if form == "share" and low >= 0 and high <= 101:
        low, high = 0.0, 100.0
    if is_integral or high - low >= 20:
        low, high = math.floor(low), math.ceil(high)
    step = _step(high - low, is_whole=is_integral and factor == 1)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    shown = "" if value is None else _plain(value / factor)
    return Field(
        name, "number", value, shown, _rounded(low), _rounded(high), step, factor, is_whole,
        "percent" if form == "share" else "value" if form == "value" else "",
    )  # fmt: skip


def _step(width: float, *, is_whole: bool) -> float:
    """A round step that cuts the range into 50 to 500 parts.

    >>> _step(28, is_whole=True), _step(1.0, is_whole=False), _step(2_000, is_whole=True)
    (1, 0.01, 10)
    """
    if width <= 0:
        return 1
    step = 10.0 ** (math.floor(math.log10(width)) - 2)
    return max(1, round(step)) if is_whole or step >= 1 else step


def _rounded(number: float) -> float:
    found = float(f"{number:.12g}")
    return int(found) if found.is_integer() else found


def _plain(number: float) -> str:
    """A number as a form holds it: at most six figures behind the point, no exponent.

    >>> _plain(11.0), _plain(0.1 + 0.2), _plain(-3.25), _plain(1e-9)
    ('11', '0.3', '-3.25', '0')
    """
    text = f"{number:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
