"""The lines of invoices: products, pack sizes and prices that together cost what the purchase is meant to cost.

Lines depend on the invoice's key alone, so a cancellation can make its purchase's lines again, in any chunk.
"""

from dataclasses import dataclass

import numpy as np

from fiel.simulate.draws import Draws, Floats, Ints
from fiel.simulate.retail_catalogue import PACK_DISCOUNT, PRODUCTS, Catalogue
from fiel.simulate.retail_people import PLACE

_PACKS = np.array([1, 2, 3, 4, 6, 8, 10, 12, 16, 18, 20, 24, 36, 48, 60, 72, 96, 100, 120, 144, 192, 240, 288, 360, 480,
                   600, 720, 1000, 1440, 2000, 2880, 4300, 5760, 8000, 12000, 20000, 40000, 80000])  # fmt: skip
_BETWEEN_PACKS = np.sqrt(_PACKS[:-1] * _PACKS[1:])
_FAVOURITES = 60
_MOST_LINES = 540
_PACK_FROM = 24  # pieces from which the lower price holds


@dataclass(frozen=True)
class Lines:
    """Lines of invoices; `row` is the invoice's place among those that were asked for."""

    row: Ints
    line: Ints  # 0, 1, ... within the invoice
    item: Ints  # number in the catalogue
    quantity: Ints
    price: Floats  # GBP for one

    @property
    def value(self) -> Floats:
        """GBP of each line."""
        result: Floats = self.quantity * self.price
        return result


def line_counts(draws: Draws, key: Ints, value: Floats) -> Ints:
    """How many lines each purchase has: more for larger ones, more for customers who buy a little of much."""
    taste = draws.normal("customer/lines", key // PLACE)
    usual = 2.80 + 0.42 * np.log(np.maximum(value, 1) / 300) + 0.62 * taste + 0.62 * draws.normal("invoice/lines", key)
    counts: Ints = np.clip(np.exp(usual), 1, np.clip(value / 1.5, 1, _MOST_LINES)).astype(np.int64)
    return counts


def purchase_lines(draws: Draws, goods: Catalogue, key: Ints, value: Floats) -> Lines:
    """The lines of purchases with these keys, worth about `value` GBP each."""
    row, line = numbered(line_counts(draws, key, value))
    row, line, item = _once(row, line, goods.pick(_share(draws, key, row, line)))
    price = goods.price[item]
    portion = np.exp(0.75 * draws.normal("line/portion", key[row], line))
    wanted = value[row] * portion / np.bincount(row, portion, len(key))[row] / price
    quantity = _packs(wanted)
    for _ in range(2):  # packs round: the sum is brought near to what it is meant to be
        cost = np.where(quantity >= _PACK_FROM, PACK_DISCOUNT, 1.0) * price * quantity
        wanted *= (value / np.maximum(np.bincount(row, cost, len(key)), 0.01))[row]
        quantity = _packs(wanted)
    return Lines(row, line, item, quantity, _pack_price(price, quantity))


def _share(draws: Draws, key: Ints, row: Ints, line: Ints) -> Floats:
    """The product of each line as a share of the sales: half of them from the customer's own favourites."""
    favourite = draws.uniform("line/favourite", key[row], line)
    slot = (np.minimum(2 * favourite, 1 - 1e-9) * _FAVOURITES).astype(np.int64)
    own = draws.uniform("customer/favourite", key[row] // PLACE, slot)
    return np.where(favourite < 0.5, own, draws.uniform("line/product", key[row], line))


def web_lines(draws: Draws, goods: Catalogue, key: Ints, counts: Ints) -> Lines:
    """The lines of sales to nobody known: single pieces at retail prices."""
    row, line = numbered(counts)
    row, line, item = _once(row, line, goods.pick(draws.uniform("web/product", key[row], line)))
    quantity = np.floor(draws.uniform("web/quantity", key[row], line) ** -0.62).astype(np.int64)
    return Lines(row, line, item, np.minimum(quantity, 300), goods.retail_price[item])


def numbered(counts: Ints) -> tuple[Ints, Ints]:
    """Invoice and place of each line, for so many lines an invoice."""
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)


def _once(row: Ints, line: Ints, item: Ints) -> tuple[Ints, Ints, Ints]:
    """The lines without those that name a product of their invoice again."""
    first = np.sort(np.unique(row * PRODUCTS + item, return_index=True)[1])
    return row[first], line[first], item[first]


def _packs(wanted: Floats) -> Ints:
    """The pack size nearest to a wanted number of pieces."""
    packs: Ints = _PACKS[np.searchsorted(_BETWEEN_PACKS, wanted)]
    return packs


def _pack_price(price: Floats, quantity: Ints) -> Floats:
    """Price of one piece: lower in packs of two dozen and more."""
    lower = np.maximum(np.round(price * PACK_DISCOUNT, 2), 0.01)
    return np.where(quantity >= _PACK_FROM, lower, price)
