"""Who opens an account when, and in which quarter it closes: a hazard that depends on what the joins bring.

The share that closes in a quarter follows `closing_rate` (none before 2003Q4, then mostly .01 to .04, .039 in 2004Q4).
Within a quarter the chance of an account is that share times its relative hazard, which reads the outside facts of the
quarter before: a weak rouble moves those with much to lose, higher rates those who still pay in, the years left to live
those near their end, and the coordinates of the postcode everyone. Without the joins a model cannot know these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fiel.simulate.draws import Draws, Floats, Ints
from fiel.simulate.pension_facts import PLACES, Facts

FIRST_CLOSING = 2003 * 4 + 3
PEAK, PEAK_RATE = 2004 * 4 + 3, 0.039
_LOW, _HIGH = 0.0105, 0.0375
NEVER = 1 << 30


@dataclass(frozen=True)
class Lives:
    """Accounts: one entry for each. Quarters are indices (year * 4 + quarter - 1); `closed` is NEVER while open."""

    opened: Ints
    closed: Ints
    dormant: Ints
    client: Ints
    gender: Ints
    birth_year: Ints
    place: Ints
    scheme: Ints
    rhythm: Ints
    amount: Floats
    account_ids: pl.Series
    client_ids: pl.Series

    def __len__(self) -> int:
        return len(self.opened)


def closing_rate(draws: Draws, found: Facts, quarter: int) -> float:
    """Share of the open accounts that closes in the quarter."""
    if quarter < FIRST_CLOSING:
        return 0.0
    if quarter == PEAK:
        return PEAK_RATE
    pulled = 0.019 + 0.03 * found.usd_change(quarter - 1) + 0.0008 * found.key_change(quarter - 1)
    return float(np.clip(pulled + 0.006 * draws.normal("rate", quarter).item(), _LOW, _HIGH))


def lives(draws: Draws, found: Facts, accounts: int, first: int, last: int) -> Lives:
    """So many accounts, opened from quarter `first` to `last`, followed through quarter `last`."""
    number = np.arange(accounts)
    opened = _openings(draws, number, first, last)
    client = _clients(draws, number)
    gender = np.where(draws.uniform("gender", client) < 0.56, 1, -1)
    # A person's year of birth belongs to the person: it follows from the client's first account.
    age = np.clip(43 + 9 * draws.normal("age", client), 19, 75).astype(np.int64)
    birth_year = opened[client] // 4 - age
    rhythm = np.searchsorted([0.62, 0.8, 0.92], draws.uniform("rhythm", number))
    made = Lives(
        opened=opened,
        closed=np.full(accounts, NEVER),
        dormant=opened + 6 + (70 * draws.uniform("dormant", number)).astype(np.int64),
        client=client,
        gender=gender,
        birth_year=birth_year,
        place=(PLACES * draws.uniform("place", client) ** 1.3).astype(np.int64),
        scheme=(draws.uniform("scheme", number) * 4).astype(np.int64),
        rhythm=rhythm,
        amount=np.exp(6.9 + 1.0 * draws.normal("amount", number)),
        account_ids=_ids(draws, "account", number),
        client_ids=_ids(draws, "client", number),
    )
    for quarter in range(max(first, FIRST_CLOSING), last + 1):
        _close(draws, found, made, quarter)
    return made


def relative_hazard(found: Facts, made: Lives, at_risk: Ints, quarter: int) -> Floats:
    """How much likelier than another each account closes in the quarter (before it is scaled to the quarter's rate)."""
    before = quarter - 1
    place = made.place[at_risk]
    left = found.life_of(made.gender[at_risk], before // 4 - 1) - (before // 4 - made.birth_year[at_risk])
    is_dormant = made.dormant[at_risk] <= before
    tenure = before - made.opened[at_risk]
    dear = np.log(made.amount[at_risk]) - 6.9
    score = (
        1.1 * is_dormant
        + 0.9 * np.sin(found.latitude[place] / 2.6)
        + 0.6 * np.cos(found.longitude[place] / 14)
        + 0.045 * np.clip(22 - left, 0, 30)
        + 6.0 * np.clip(found.usd_change(before), -0.1, 0.3) * np.where(dear > 0, 1, -1)
        + 0.10 * np.clip(found.key_change(before), -6, 9) * np.where(is_dormant, -1, 1)
        - 0.3 * np.log1p(tenure)
        + 0.25 * (made.scheme[at_risk] == 2)
    )
    hazard: Floats = np.exp(score)
    return hazard


def _close(draws: Draws, found: Facts, made: Lives, quarter: int) -> None:
    """Close some of the accounts that are open at the end of the quarter before.

    As many as the quarter's rate asks for, give or take one, at any size: the chances are laid end to end in a drawn
    order, and a closing stands at every whole step from a drawn start (systematic sampling, Madow 1949).
    """
    at_risk = np.flatnonzero((made.opened < quarter) & (made.closed == NEVER))
    if not len(at_risk):
        return
    hazard = relative_hazard(found, made, at_risk, quarter)
    prob = np.minimum(closing_rate(draws, found, quarter) * hazard / hazard.mean(), 0.9)
    order = np.argsort(draws.uniform("close", at_risk, quarter), kind="stable")
    steps = np.floor(np.cumsum(prob[order]) + draws.uniform("start", quarter).item())
    closes: npt.NDArray[np.bool_] = np.diff(steps, prepend=0.0) > 0
    made.closed[at_risk[order[closes]]] = quarter


def _openings(draws: Draws, number: Ints, first: int, last: int) -> Ints:
    """Quarter of opening: few in the first years, most in the later ones, so that an account has about 17 rows."""
    share = draws.uniform("opened", number) ** 0.225
    return first + (share * (last - first)).astype(np.int64)


def _clients(draws: Draws, number: Ints) -> Ints:
    """Client of each account: one account in eight belongs to the client of the account before it."""
    is_second = (draws.uniform("second", number) < 0.125) & (number > 0)
    return np.asarray(np.where(is_second, number - 1, number), dtype=np.int64)


def _ids(draws: Draws, what: str, number: Ints) -> pl.Series:
    """32 upper-case hex digits for each number."""
    return pl.Series(draws.uuids(what, number), dtype=pl.String).str.replace_all("-", "").str.to_uppercase()
