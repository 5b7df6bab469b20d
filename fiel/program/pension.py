"""The part of a program that says how a pension fund's quarterly files are laid out, and when facts were known."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field, model_validator

from fiel.program.base import Share, Strict

Quarter = Annotated[str, Field(pattern=r"^[12]\d{3}Q[1-4]$", description="A calendar quarter, such as 2017Q4.")]
Lag = Annotated[int, Field(ge=0, le=3_650)]


def quarter_end(quarter: str) -> date:
    """Last day of a quarter such as `2017Q4`.

    >>> quarter_end("2017Q4")
    datetime.date(2017, 12, 31)
    """
    year, number = int(quarter[:4]), int(quarter[5])
    next_start = date(year + 1, 1, 1) if number == 4 else date(year, 3 * number + 1, 1)
    return next_start - timedelta(days=1)


def quarter_start(day: date) -> date:
    """First day of the quarter that `day` lies in."""
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def quarter_start_before(day: date, quarters: int) -> date:
    """First day of the quarter that lies `quarters` quarters before that of `day` (after it where negative)."""
    months = (day.year * 4 + (day.month - 1) // 3 - quarters) * 3
    return date(months // 12, months % 12 + 1, 1)


class DelimitedFile(Strict):
    """One delimited file of the source."""

    file: str = Field(description="Its name, or a pattern that exactly one file of the source folder matches.")
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None, description="None: `,`, `;` or tab, whichever the first row uses most."
    )
    header: tuple[str, ...] | None = Field(
        None, description="Column names of a file without a header row; `row` is a number that nothing reads."
    )


def _file(name: str) -> DelimitedFile:
    return DelimitedFile(file=name)


class PensionFiles(Strict):
    """Which file is which. None: the source has no such file, and what it would say stays empty."""

    accounts: DelimitedFile = Field(_file("account_quarters.csv"), description="One row for each account and quarter.")
    operations: DelimitedFile = Field(_file("transactions.csv"), description="Contributions and incomes.")
    schemes: DelimitedFile | None = Field(_file("schemes.csv"), description="The pension scheme of each account.")
    clients: DelimitedFile | None = Field(None, description="Client of each account, where accounts do not say.")
    people: DelimitedFile | None = Field(None, description="Gender and age of each client, where accounts do not say.")
    usd_rate: DelimitedFile | None = Field(_file("cursUSD.csv"), description="Roubles for a US dollar, by quarter.")
    key_rate: DelimitedFile | None = Field(_file("final_central_bank.csv"), description="Key rate in %, by quarter.")
    life_expectancy: DelimitedFile | None = Field(
        _file("life_expectancy.csv"), description="Life expectancy at birth in years, by gender and year."
    )
    postcodes: DelimitedFile | None = Field(_file("coordinates.csv"), description="Coordinates and district.")


class Lags(Strict):
    """Days from the end of the quarter (life expectancy: of the year) until a fact is published.

    A fact of lag 0 is known at the first day of the next quarter; one of lag 1 or more is not.
    """

    accounts: Lag = Field(0, description="States of accounts, operations and closings.")
    usd_rate: Lag = Field(0, description="The rate of a quarter's last day is set before that day.")
    key_rate: Lag = Field(0, description="The rate in force at the quarter's end is announced before.")
    life_expectancy: Lag = Field(212, description="Published in the summer of the next year.")


class Redenomination(Strict):
    """New money: amounts of a source are in old units before it."""

    quarter: Quarter = Field(description="First quarter in new units.")
    factor: float = Field(gt=0, description="Old units in a new one.")


class Levels(Strict):
    """Cuts of the loyalty levels of accounts: loyalty = 1 - score, and the score against that of all accounts."""

    low_below: Share = Field(0.2, description="Loyalty below this is low.")
    high_from: Share = Field(0.8, description="Loyalty from this on is high; between the two it is middle.")
    calm_below: float = Field(0.5, gt=0, description="A risk below this share of everyone's mean is calm.")
    raised_from: float = Field(2.0, gt=0, description="A risk from this multiple of everyone's mean on is raised.")

    @model_validator(mode="after")
    def _ordered(self) -> Levels:
        if not (self.low_below < self.high_from and self.calm_below < self.raised_from):
            raise ValueError("pension.levels: low_below has to be below high_from, and calm_below below raised_from")
        return self


class Pension(Strict):
    """A pension fund's quarterly accounts (source format `pension`, DOMAIN.md section 3)."""

    files: PensionFiles = Field(default_factory=PensionFiles, description="Which file is which.")
    observed_until: Quarter | None = Field(
        None, description="Last quarter in which closings are recorded completely. None: the last quarter of the data."
    )
    lags: Lags = Field(default_factory=Lags, description="Days until facts are published.")
    levels: Levels = Field(default_factory=Levels, description="Cuts of the loyalty levels.")
    postcodes_known_from: date = Field(
        date(1993, 1, 1),
        description="The list of postcodes bears no date. Where a post office stands does not depend on what became of "
        "an account, so the list is taken as known from this day; set it to the list's own date to be strict.",
    )
    redenominations: tuple[Redenomination, ...] = Field(
        (), description="Where the USD rate is in old units before a quarter."
    )

    def observed_through(self, known_through: date) -> date:
        """Last day through which closings are known: the end of observed_until, but not past the data."""
        return known_through if self.observed_until is None else min(known_through, quarter_end(self.observed_until))
