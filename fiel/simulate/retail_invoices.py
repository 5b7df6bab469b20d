"""All invoices of the simulated shop as heads: purchases, cancellations, sales to nobody known, stock, fees.

A head says what kind of invoice it is and from which key its lines are made. Heads are few (one for twenty rows), so
they are made at once, sorted by time and numbered; the lines follow in chunks.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import poisson

from fiel.simulate.draws import Draws, Floats, Ints
from fiel.simulate.retail_calendar import Trade, minutes
from fiel.simulate.retail_people import Purchases, Rates

PURCHASE, CANCELLATION, WEB, STOCK, FEE = range(5)
NOBODY: Final = -1
_FIRST_NUMBER = 536_365  # as in the real file
_DAILY: Final = 1 << 14  # invoices of one kind on one day, at most
_RETURN_STAYS, _RETURN_LEAVES = 0.15, 0.52  # share of purchases with a cancellation, by whether the customer leaves
_FEES_SHARE = 0.024  # invoices with a single row that is no product, for one purchase
_BY_SALES = {WEB: 0.077, STOCK: 0.115}  # so many for one purchase of the day


@dataclass(frozen=True)
class Heads:
    """Invoices by time."""

    kind: Ints
    key: Ints  # of purchases and their cancellations: the purchase's key
    customer: Ints  # NOBODY where there is none
    day: Ints
    minute: Ints
    value: Floats  # GBP that the purchase is meant to have (also of a cancellation's purchase), else 0
    number: Ints  # invoice number, without C or A

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.int64] | slice) -> "Heads":
        """Some of the invoices."""
        return Heads(*(getattr(self, field.name)[which] for field in fields(self)))


def invoices(draws: Draws, trading: Trade, bought: Purchases, rates: Rates, last_minute: int) -> Heads:
    """All invoices until `last_minute` of the calendar's last day, numbered by time."""
    sold = _heads(PURCHASE, bought.key, bought.customer, bought.day, minutes(draws, "invoice/minute", bought.day,
                  bought.key), bought.value)  # fmt: skip
    parts = [sold, _cancellations(draws, trading, bought, sold, rates), _fees(draws, sold)]
    sales = np.bincount(bought.day - trading.first, minlength=len(trading.pull)).astype(np.float64)
    parts += [_daily(draws, kind, trading, sales * share) for kind, share in _BY_SALES.items()]
    heads = Heads(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Heads)))
    last = trading.first + len(trading.pull) - 1
    heads = heads.take((heads.day < last) | ((heads.day == last) & (heads.minute <= last_minute)))
    heads = heads.take(np.lexsort((heads.key, heads.kind, heads.minute, heads.day)))
    skipped = np.floor(np.minimum(draws.uniform("invoice/skipped", np.arange(len(heads))) ** -0.6, 40)).astype(np.int64)
    return Heads(heads.kind, heads.key, heads.customer, heads.day, heads.minute, heads.value,
                 _FIRST_NUMBER + np.cumsum(skipped) - 1)  # fmt: skip


def _heads(kind: int, key: Ints, customer: Ints, day: Ints, minute: Ints, value: Floats) -> Heads:
    return Heads(np.full(len(key), kind), key, customer, day, minute, value, np.zeros(len(key), dtype=np.int64))


def _cancellations(draws: Draws, trading: Trade, bought: Purchases, sold: Heads, rates: Rates) -> Heads:
    """What is taken back: days to weeks later, more often by those who are about to leave."""
    leaves = _RETURN_STAYS + rates.signs * (_RETURN_LEAVES - _RETURN_STAYS)
    returns = draws.uniform("return/comes", bought.key) < np.where(bought.is_last, leaves, _RETURN_STAYS)
    part = sold.take(returns)
    delay = np.exp(1.9 + 1.35 * draws.normal("return/delay", part.key)).astype(np.int64)
    day = trading.next_open(part.day + np.minimum(delay, 360))
    minute = minutes(draws, "return/minute", day, part.key)
    minute = np.where(day == part.day, np.maximum(minute, part.minute + 7), minute)
    return _heads(CANCELLATION, part.key, part.customer, day, minute, part.value)


def _fees(draws: Draws, sold: Heads) -> Heads:
    """Manual rows, discounts, charges: now and then, at the time of some purchase."""
    part = sold.take(draws.uniform("fee/comes", sold.key) < _FEES_SHARE)
    known = draws.uniform("fee/known", part.key) < 0.60
    minute = part.minute + 1
    return _heads(FEE, part.key, np.where(known, part.customer, NOBODY), part.day, minute, np.zeros(len(part)))


def _daily(draws: Draws, kind: int, trading: Trade, expected: Floats) -> Heads:
    """Invoices without a customer: so many as the day's sales let expect."""
    days = trading.first + np.arange(len(trading.pull))
    counts = poisson.ppf(draws.uniform(f"kind {kind}/number", days), expected).astype(np.int64)
    counts = np.where(expected > 0, np.minimum(counts, _DAILY - 1), 0)
    day = np.repeat(days, counts)
    place = np.arange(len(day)) - np.repeat(np.cumsum(counts) - counts, counts)
    key = (day * _DAILY + place) * 8 + kind
    minute = minutes(draws, f"kind {kind}/minute", day, place)
    return _heads(kind, key, np.full(len(day), NOBODY), day, minute, np.zeros(len(day)))


def customer_number(draws: Draws, customer: Ints) -> Ints:
    """Customer ids as in the real file, from 12346 on, in no order of acquisition; no two customers share one."""
    block, place = customer // _ID_PRIME, customer % _ID_PRIME
    step = 1 + int(draws.bits("customer/id step")[0] % np.uint64(_ID_PRIME - 1))
    shift = int(draws.bits("customer/id shift")[0] % np.uint64(_ID_PRIME))
    return 12_346 + block * _ID_PRIME + (place * step + shift) % _ID_PRIME


_ID_PRIME: Final = 5_987
