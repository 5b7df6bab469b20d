"""How a report speaks of the program's outcome: being in a stage on a date, coming back or buying before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from fiel.program import LifeCycle, Program
from fiel.reports import format as fmt

_BUYING = "buying again"
_LEAVING = "leaving"
"""The outcome of a program with engagement: its label is who left."""
_CLOSED = "closed"
"""The outcome of kind purchase, after "share" or "were"."""


@dataclass(frozen=True)
class Wording:
    """The outcome in words.

    `word` is the state (fiel, active); `members` who is in it now; `lost` and `gained` what becomes of customers;
    `loss` is `lost` in short, without its date; `doing` is the outcome after "chance to".
    """

    word: str
    members: str
    lost: str
    loss: str
    gained: str
    when: str
    doing: str = ""

    @property
    def chance(self) -> str:
        """Heading of a column of scores."""
        return f"chance to {self.doing or f'be {self.word}'}"


def wording(program: Program, horizon_date: date) -> Wording:
    """The words for `program`, whose scores look ahead to `horizon_date`."""
    target = program.target
    if target.kind == "stage":
        return Wording(
            word=target.stage,
            members=f"who are {target.stage} now",
            lost=f"not to be {target.stage} on {fmt.day_in_words(horizon_date)}",
            loss=f"to stop being {target.stage}",
            gained=f"to be {target.stage} then",
            when=f"on {fmt.day(horizon_date)}",
        )
    if target.kind == "closed":
        return Wording(
            word=_CLOSED,
            members="whose account is closed",
            lost=f"not to close before {fmt.day_in_words(horizon_date)}",
            loss="to stay open",
            gained="to be closed by then",
            when=f"before {fmt.day(horizon_date)}",
            doing="close",
        )
    if target.kind == "label":
        word = target_word(program)
        return Wording(
            word=word, members=f"who are {word}", lost=f"not to be {word}", loss=f"to stop being {word}",
            gained=f"to be {word}", when="", doing="leave" if word == _LEAVING else "",
        )  # fmt: skip
    if target.kind == "purchase":
        return Wording(
            word=_BUYING,
            members=f"who bought in the last {target.horizon_days} days",
            lost=f"not to buy again before {fmt.day_in_words(horizon_date)}",
            loss="not to buy again",
            gained="to buy by then",
            when=f"before {fmt.day(horizon_date)}",
            doing="buy again",
        )
    return Wording(
        word="active",
        members=f"who were active in the last {target.horizon_days} days",
        lost=f"not to come back before {fmt.day_in_words(horizon_date)}",
        loss="to stay away",
        gained="to come back by then",
        when=f"before {fmt.day(horizon_date)}",
    )


def value_earned(program: Program) -> str:
    """What value_earned is called: points are earned, while money of a shop is what its customers bought for."""
    unit = program.value.unit
    return f"{unit} of purchases" if fmt.is_currency(unit) else f"{unit} earned"


def target_word(program: Program) -> str:
    """The outcome in a word or two: the stage, `active` or `buying again`."""
    target = program.target
    if target.kind == "label":
        return _LEAVING if program.engagement is not None else fmt.words(target.name)
    return {"stage": target.stage, "active": "active", "purchase": _BUYING, "closed": _CLOSED}[target.kind]


def show_value(program: Program) -> Callable[[float | None], str]:
    """How amounts in the program's smallest unit are shown: `£ 1,204`, `1,204 points`."""
    return lambda amount: fmt.value(amount, program.value)


def money_word(program: Program) -> str:
    """What net value is called in segments and cohorts: revenue, or points earned and spent."""
    unit = program.value.unit
    return "net revenue" if fmt.is_currency(unit) else f"net {unit}"


def stage_meanings(rules: LifeCycle) -> dict[str, str]:
    """What each stage means with the program's thresholds, in words."""
    return {
        "curioso": f"new: first active day at most {rules.new_max_age} days ago",
        "fiel": f"loyal: active in the last {rules.recent_max} days, the active day before at most "
        f"{rules.loyal_max_gap} days earlier",
        "reconquistado": f"won back: active in the last {rules.recent_max} days, after {rules.loyal_max_gap + 1} to "
        f"{rules.won_back_max_gap} days away",
        "reborn": f"back: active in the last {rules.recent_max} days, after more than {rules.won_back_max_gap} days "
        "away",
        "turista": f"away for {rules.recent_max + 1} to {rules.tourist_max} days",
        "desencantado": f"away for {rules.tourist_max + 1} to {rules.leaving_max} days",
        "zumbi": f"gone: away for more than {rules.leaving_max} days",
    }
