"""Who buys, when, for how much: a purchase process with known parameters.

Purchases follow the MBG/NBD model (Batislam, Denizel, Filiztekin 2007) or the BG/NBD model (Fader, Hardie, Lee 2005):
while alive a customer buys at a rate of their own, Gamma(r, alpha) distributed, and after each purchase leaves for good
with a probability of their own, Beta(a, b) distributed; in BG/NBD nobody leaves after the first purchase. The value of
a purchase follows the Gamma-Gamma model (Fader, Hardie 2013). On top, and only in what accompanies a purchase, there
are signs of leaving that no purchase model sees: who is about to leave returns more and buys less.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv

from fiel.simulate.calendar import REFERENCE_DAYS
from fiel.simulate.draws import Draws, Floats, Ints
from fiel.simulate.retail_calendar import Trade

PLACE: Final = 1 << 20  # a customer has fewer purchases than this
_MOST = 4_000  # purchases of one customer that are made at most


@dataclass(frozen=True)
class Rates:
    """The process that made the files; what a model fitted on them should find."""

    r: float = 0.80  # shape of the purchase rate over customers
    alpha: float = 52.0  # its scale, in days of operational time (an average day counts 1)
    a: float = 0.52  # drop-out after a purchase
    b: float = 4.60
    p: float = 3.2  # shape of the value of one purchase
    q: float = 1.9  # shape of the mean value over customers
    v: float = 160.0  # scale of the mean value, GBP
    leaves_after_first: bool = True  # MBG/NBD; False is BG/NBD
    season: float = 1.0  # 0 makes all open days alike
    signs: float = 1.0  # 0 gives those who leave the same returns and baskets as the others


@dataclass(frozen=True)
class Purchases:
    """All purchases until the calendar's end, by customer and place; one entry for each."""

    customer: Ints
    place: Ints  # 0 is the first purchase
    day: Ints  # day number
    is_last: npt.NDArray[np.bool_]  # the customer leaves after it
    value: Floats  # GBP that the basket is meant to have

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def key(self) -> Ints:
        """One number for each purchase, the same whenever the simulation ends."""
        return self.customer * PLACE + self.place


def acquired(draws: Draws, trading: Trade, customers: int) -> tuple[Ints, Floats]:
    """Day number of each customer's first purchase, and the moment within the day (0 to 1).

    `customers` are acquired in the first 669 days: many at first (the shop's file begins with a stock of customers who
    show up one by one), then a steady stream that follows the season.
    """
    age = np.arange(len(trading.pull), dtype=np.float64)
    stream = trading.pull * (0.45 + 1.6 * np.exp(-age / 75))
    reference = float(np.sum(0.45 + 1.6 * np.exp(-np.arange(REFERENCE_DAYS) / 75)))
    until = np.cumsum(stream) / reference * customers
    number = np.arange(int(until[-1]) + 1)
    turn = number + draws.uniform("customer/acquired", number)
    number, turn = number[turn <= until[-1]], turn[turn <= until[-1]]  # only the last one can be too late
    day = np.searchsorted(until, turn)
    return trading.first + day, draws.uniform("customer/moment", number)


def purchase_rates(draws: Draws, rates: Rates, customer: Ints) -> tuple[Floats, Floats]:
    """Purchase rate a day and drop-out probability of each customer."""
    rate = gammaincinv(rates.r, draws.uniform("customer/rate", customer)) / rates.alpha
    leave = betaincinv(rates.a, rates.b, draws.uniform("customer/leave", customer))
    return rate, leave


def purchases(draws: Draws, trading: Trade, customers: int, rates: Rates) -> Purchases:
    """The purchases of everybody who is acquired before the calendar ends."""
    first, moment = acquired(draws, trading, customers)
    active = np.arange(len(first))
    rate, leave = purchase_rates(draws, rates, active)
    clock = trading.cumulated()
    now = clock[first - trading.first] + moment * trading.pull[first - trading.first]
    found: list[tuple[Ints, Ints, Ints, npt.NDArray[np.bool_]]] = []
    for place in range(_MOST):
        if not len(active):
            break
        day = np.searchsorted(clock, now, side="right") - 1
        goes = draws.uniform("purchase/leaves", active, place) < leave[active]
        if place == 0 and not rates.leaves_after_first:
            goes[:] = False
        found.append((active, np.full(len(active), place), trading.first + day, goes))
        wait = -np.log(draws.uniform("purchase/wait", active, place)) / rate[active]
        now = now + wait
        stays = ~goes & (now < clock[-1])
        active, now = active[stays], now[stays]
    if not found:
        none = np.arange(0)
        return Purchases(none, none, none, none.astype(bool), none.astype(np.float64))
    who, place_of, days, last = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((place_of, who))
    who, place_of, days, last = who[order], place_of[order], days[order], last[order]
    return Purchases(who, place_of, days, last, _values(draws, rates, who, place_of, last))


def _values(draws: Draws, rates: Rates, who: Ints, place: Ints, last: npt.NDArray[np.bool_]) -> Floats:
    """GBP of each purchase; the last one is often smaller, where there are signs."""
    scale = gammaincinv(rates.q, draws.uniform("customer/value", who)) / rates.v
    value = gammaincinv(rates.p, draws.uniform("purchase/value", who, place)) / scale
    shrinks = last & (draws.uniform("purchase/shrinks", who, place) < 0.75 * rates.signs)
    result: Floats = np.where(shrinks, 0.35 * value, value)
    return result
