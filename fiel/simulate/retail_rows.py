"""The rows of invoices as the file has them: lines of purchases, what is taken back, postage, fees, repeated rows."""

import numpy as np
import numpy.typing as npt
import polars as pl

from fiel.simulate import retail_catalogue as catalogue
from fiel.simulate.draws import Draws, Floats, Ints
from fiel.simulate.retail_catalogue import Catalogue, special
from fiel.simulate.retail_invoices import CANCELLATION, FEE, NOBODY, PURCHASE, STOCK, WEB, Heads, customer_number
from fiel.simulate.retail_lines import Lines, purchase_lines, web_lines

_MINUTE_US = 60_000_000
_LAST_LINE = 100_000  # rows that are no lines of a purchase come after its lines

# single rows that are no product: name, share, sign of the quantity (-1 is on a C invoice), lowest and highest GBP
_FEES = (
    ("manual", 0.42, 1, 1.0, 300.0), ("manual", 0.27, -1, 1.0, 500.0), ("discount", 0.12, -1, 5.0, 90.0),
    ("samples", 0.07, -1, 3.0, 90.0), ("bank", 0.03, -1, 5.0, 1000.0), ("amazon", 0.02, -1, 500.0, 9000.0),
    ("cruk", 0.02, -1, 100.0, 900.0), ("voucher_10", 0.015, 1, 8.33, 8.34), ("voucher_30", 0.010, 1, 25.0, 25.01),
    ("pads", 0.005, 1, 0.001, 0.0011), ("test", 0.005, 1, 4.5, 4.51), ("bad_debt", 0.003, 0, 500.0, 11_100.0),
    ("manual_small", 0.004, 1, 1.0, 9.0), ("bag", 0.008, 1, 3.29, 3.30),
)  # fmt: skip


def rows(draws: Draws, goods: Catalogue, heads: Heads) -> pl.DataFrame:
    """The file's rows of these invoices, in the columns of Online Retail, by invoice and line."""
    parts = [
        _purchases(draws, goods, heads),
        _taken_back(draws, goods, heads),
        _web(draws, goods, heads),
        _stock(draws, heads),
        _fees(draws, heads),
        _postage(draws, heads),
    ]
    row, line, item, quantity = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "line", "item", "quantity")
    )
    price = np.concatenate([part.price for part in parts])
    order = np.argsort(row * (2 * _LAST_LINE) + line)
    order = _repeated(draws, heads.key[row[order]], line[order], order)
    row, item, price = row[order], item[order], price[order]
    typed = (draws.uniform("line/typed", heads.key[row], line[order]) < 0.12) & (heads.kind[row] == PURCHASE)
    return pl.DataFrame(
        {
            "InvoiceNo": _numbers(draws, heads).gather(row),
            "StockCode": goods.code.gather(_listed(draws, heads, row, item, line[order])),
            "Description": _descriptions(goods, item, typed),
            "Quantity": quantity[order],
            "InvoiceDate": (pl.Series(heads.day * 1440 + heads.minute) * _MINUTE_US)
            .cast(pl.Datetime("us"))
            .gather(row),
            "UnitPrice": price,
            "CustomerID": _customers(draws, heads).gather(row),
            "Country": _countries(draws, heads).gather(row),
        }
    )


def _of(heads: Heads, kind: int) -> tuple[Ints, Heads]:
    """Invoices of a kind and their places among all."""
    places = np.flatnonzero(heads.kind == kind)
    return places, heads.take(places)


def _purchases(draws: Draws, goods: Catalogue, heads: Heads) -> Lines:
    places, some = _of(heads, PURCHASE)
    lines = purchase_lines(draws, goods, some.key, some.value)
    free = draws.uniform("line/free", some.key[lines.row], lines.line) < 0.0001  # a gift: price 0
    return Lines(places[lines.row], lines.line, lines.item, lines.quantity, np.where(free, 0.0, lines.price))


def _taken_back(draws: Draws, goods: Catalogue, heads: Heads) -> Lines:
    """Lines of cancellations: whole lines, parts of them, and some that match no purchase (price or product differ)."""
    places, some = _of(heads, CANCELLATION)
    lines = purchase_lines(draws, goods, some.key, some.value)
    counts = np.bincount(lines.row, minlength=len(some))
    many = np.minimum(np.floor(draws.uniform("return/lines", some.key) ** (-1 / 1.6)).astype(np.int64), 40)
    whole = draws.uniform("return/whole", some.key) < 0.04
    many = np.where(whole, counts, np.minimum(many, counts))
    from_line = (draws.uniform("return/from", some.key) * counts).astype(np.int64)
    chosen = (lines.line - from_line[lines.row]) % counts[lines.row] < many[lines.row]
    row, line, item, bought = (part[chosen] for part in (lines.row, lines.line, lines.item, lines.quantity))
    price = lines.price[chosen]
    key = some.key[row]
    how = np.where(whole[row], 0.0, draws.uniform("return/how", key, line))
    part_of = np.maximum((bought * draws.uniform("return/part", key, line) * 0.6).astype(np.int64), 1)
    other = goods.pick(draws.uniform("return/other", key, line))
    item = np.where(how > 0.87, other, item)
    price = np.select([how > 0.87, how > 0.80], [goods.price[other], np.round(price * 1.15 + 0.01, 2)], price)
    return Lines(places[row], line, item, -np.where(how < 0.10, bought, part_of), price)


def _web(draws: Draws, goods: Catalogue, heads: Heads) -> Lines:
    """Sales to nobody known: large invoices of the web shop with its postage, and small ones."""
    places, some = _of(heads, WEB)
    large = draws.uniform("web/large", some.key) < 0.58
    size = draws.normal("web/size", some.key)
    counts = np.where(large, np.exp(4.75 + 0.75 * size), np.exp(1.1 + 0.9 * size))
    counts = np.clip(counts, 1, 1_100).astype(np.int64)
    lines = web_lines(draws, goods, some.key, counts)
    sent = np.flatnonzero(large & (draws.uniform("web/postage", some.key) < 0.85))
    postage = np.round(1.7 * counts[sent] * (0.6 + draws.uniform("web/postage price", some.key[sent])), 2)
    return Lines(
        np.concatenate([places[lines.row], places[sent]]),
        np.concatenate([lines.line, np.full(len(sent), _LAST_LINE)]),
        np.concatenate([lines.item, np.full(len(sent), special("dotcom"))]),
        np.concatenate([lines.quantity, np.ones(len(sent), dtype=np.int64)]),
        np.concatenate([lines.price, postage]),
    )


def _stock(draws: Draws, heads: Heads) -> Lines:
    """Corrections of the stock: one row, no customer, price 0, pieces lost (negative) or found."""
    places, some = _of(heads, STOCK)
    is_lost = draws.uniform("stock/lost", some.key) < 0.56
    share, size = draws.uniform("stock/text", some.key), draws.normal("stock/size", some.key)
    item = np.where(is_lost, catalogue.lost(share), catalogue.found(share))
    pieces = np.where(is_lost, -np.exp(np.minimum(3.3 + 1.7 * size, 9.2)), np.exp(np.minimum(1.4 + 1.7 * size, 8.6)))
    quantity = np.where(is_lost, np.minimum(pieces, -1), np.maximum(pieces, 1)).astype(np.int64)
    return Lines(places, np.zeros(len(some), dtype=np.int64), item, quantity, np.zeros(len(some)))


def _fees(draws: Draws, heads: Heads) -> Lines:
    places, some = _of(heads, FEE)
    kind = _fee_kinds(draws, some.key)
    names, _, signs, lowest, highest = zip(*_FEES, strict=True)
    low, high = np.log(lowest)[kind], np.log(highest)[kind]
    price = np.round(np.exp(low + (high - low) * draws.uniform("fee/price", some.key)), 2)
    price = np.where(np.array(names)[kind] == "pads", 0.001, price)
    sign = np.array(signs)[kind]
    item = np.array([special(name) for name in names])[kind]
    return Lines(places, np.zeros(len(some), dtype=np.int64), item, np.where(sign == 0, 1, sign),
                 np.where(sign == 0, -price, price))  # fmt: skip


def _fee_kinds(draws: Draws, key: Ints) -> Ints:
    share = np.cumsum([share for _, share, *_ in _FEES])
    kinds: Ints = np.searchsorted(share / share[-1], draws.uniform("fee/kind", key))
    return kinds


def _postage(draws: Draws, heads: Heads) -> Lines:
    """Postage on invoices to other countries; carriage for Ireland."""
    places, some = _of(heads, PURCHASE)
    country = _country(draws, some.customer)
    sent = (country > 0) & (draws.uniform("post/comes", some.key) < 0.72)
    pieces = 1 + (3 * draws.uniform("post/pieces", some.key[sent]) ** 2).astype(np.int64)
    price = np.array([0.0, 18.0, 18.0, 28.0, 15.0, 40.0, 28.0, 40.0, 40.0, 40.0, 15.0])[country[sent] % 11]
    irish = country[sent] == catalogue.EIRE
    return Lines(
        places[sent],
        np.full(int(sent.sum()), _LAST_LINE),
        np.where(irish, special("carriage"), special("post")),
        np.where(irish, 1, pieces),
        np.where(irish, 50.0, np.where(price > 0, price, 18.0)),
    )


def _repeated(draws: Draws, key: Ints, line: Ints, order: Ints) -> Ints:
    """The order with some rows twice: on a few invoices a few lines were typed again."""
    careless = draws.uniform("invoice/careless", key) < 0.09
    twice = careless & (draws.uniform("line/twice", key, line) < 0.10)
    return np.repeat(order, 1 + twice)


def _numbers(draws: Draws, heads: Heads) -> pl.Series:
    """Invoice numbers as text: C before a cancellation, A before a correction of a bad debt."""
    kind = _fee_kinds(draws, heads.key)
    signs = np.array([sign for _, _, sign, *_ in _FEES])[kind]
    is_fee = heads.kind == FEE
    prefix = np.select(
        [heads.kind == CANCELLATION, is_fee & (signs < 0), is_fee & (signs == 0)], ["C", "C", "A"], default=""
    )
    return pl.DataFrame({"prefix": prefix, "number": heads.number}).select(
        pl.concat_str("prefix", pl.col("number").cast(pl.String))
    ).to_series()  # fmt: skip


def _listed(draws: Draws, heads: Heads, row: Ints, item: Ints, line: Ints) -> Ints:
    """Item whose stock code a row has: corrections of the stock name a product, with a text of their own."""
    product = (draws.uniform("stock/product", heads.key[row], line) * catalogue.PRODUCTS).astype(np.int64)
    return np.where(heads.kind[row] == STOCK, product, item)


def _descriptions(goods: Catalogue, item: Ints, typed: npt.NDArray[np.bool_]) -> pl.Series:
    """Descriptions, some as somebody else typed them."""
    both = pl.concat([goods.description, goods.variant])
    return both.gather(item + typed * len(goods.description))


def _customers(draws: Draws, heads: Heads) -> pl.Series:
    """Customer ids as the file has them: floats, empty where there is none."""
    bad_debt = _numbers(draws, heads).str.starts_with("A").to_numpy()
    known = (heads.customer != NOBODY) & ~bad_debt
    number: Floats = customer_number(draws, np.maximum(heads.customer, 0)).astype(np.float64)
    return pl.Series(np.where(known, number, np.nan)).fill_nan(None)


def _country(draws: Draws, customer: Ints) -> Ints:
    share = np.cumsum(list(catalogue.COUNTRIES.values()))
    place: Ints = np.searchsorted(share / share[-1], draws.uniform("customer/country", customer))
    return np.where(customer == NOBODY, 0, place)


def _countries(draws: Draws, heads: Heads) -> pl.Series:
    return pl.Series(list(catalogue.COUNTRIES)).gather(_country(draws, heads.customer))
