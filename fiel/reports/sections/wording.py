"""How a report speaks of the program's outcome: being in a stage on a date, or coming back before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fiel.program import Program
from fiel.reports import format as fmt


@dataclass(frozen=True)
class Wording:
    """The outcome in words.

    `word` is the state (fiel, active); `members` who is in it now; `lost` and `gained` what becomes of customers.
    """

    word: str
    members: str
    lost: str
    gained: str
    when: str

    @property
    def chance(self) -> str:
        """Heading of a column of scores."""
        return f"chance to be {self.word}"


def wording(program: Program, horizon_date: date) -> Wording:
    """The words for `program`, whose scores look ahead to `horizon_date`."""
    target = program.target
    if target.kind == "stage":
        return Wording(
            word=target.stage,
            members=f"who are {target.stage} now",
            lost=f"not to be {target.stage} on {fmt.day_in_words(horizon_date)}",
            gained=f"to be {target.stage} then",
            when=f"on {fmt.day(horizon_date)}",
        )
    return Wording(
        word="active",
        members=f"who were active in the last {target.horizon_days} days",
        lost=f"not to come back before {fmt.day_in_words(horizon_date)}",
        gained="to come back by then",
        when=f"before {fmt.day(horizon_date)}",
    )


def target_word(program: Program) -> str:
    """The outcome in one word: the stage, or `active`."""
    return program.target.stage if program.target.kind == "stage" else "active"
