"""What the simulated wholesaler sells: made-up gifts with stock codes, prices, and descriptions not always alike.

Also its rows that are no product: postage, fees, corrections. Codes are those of the real file, since rules name them.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from fiel.simulate.draws import Draws, Floats, Ints

PRODUCTS = 3_700
_COLOURS = ("RED", "IVORY", "BLUE", "PINK", "GREEN", "MINT", "CREAM", "SILVER", "GOLD", "BLACK", "TURQUOISE", "CORAL")
_STYLES = (
    "RETRO", "POLKADOT", "GINGHAM", "FOLK", "BOTANICAL", "NAUTICAL", "TARTAN", "RUSTIC", "PAISLEY", "WOODLAND",
    "CIRCUS", "GARDEN", "COTTAGE", "SCANDI", "ALPINE", "DAISY", "SWALLOW", "CLOVER", "TOADSTOOL", "BADGER",
)  # fmt: skip
_THINGS = (
    "LANTERN", "MUG", "TEA TOWEL", "CAKE TIN", "CANDLE HOLDER", "LUNCH BAG", "NAPKINS", "DOORMAT", "PHOTO FRAME",
    "COASTERS", "BUNTING", "JAM JAR", "WALL CLOCK", "NOTEBOOK", "PENCIL CASE", "EGG CUP", "OVEN GLOVE", "HOOK RACK",
    "GIFT WRAP", "RIBBON", "STORAGE BOX", "CUSHION COVER", "WATERING CAN", "BIRD FEEDER", "TRINKET DISH", "APRON",
)  # fmt: skip
_PRICES = (0.19, 0.29, 0.39, 0.42, 0.55, 0.65, 0.79, 0.85, 1.25, 1.45, 1.65, 1.95, 2.1, 2.55, 2.95, 3.75, 4.25, 4.95,
           5.95, 6.75, 7.95, 8.5, 9.95, 12.75, 14.95, 19.95, 39.95)  # fmt: skip
_PRICE_WEIGHTS = (1, 2, 2, 6, 3, 3, 3, 9, 14, 8, 13, 10, 10, 9, 12, 9, 6, 9, 5, 4, 4, 3, 2.5, 2, 1, 0.5, 0.2)
_RETAIL = 1.97  # a private buyer of the web shop pays so many times the trade price
PACK_DISCOUNT = 0.85

# country -> share of the customers; the first sells without postage
COUNTRIES = {
    "United Kingdom": 0.904, "Germany": 0.0217, "France": 0.020, "Spain": 0.0065, "Belgium": 0.0055,
    "Switzerland": 0.0046, "Portugal": 0.0044, "Italy": 0.0032, "Finland": 0.0028, "Norway": 0.0023,
    "Channel Islands": 0.0021, "Austria": 0.0021, "Netherlands": 0.0021, "Australia": 0.0021, "Japan": 0.0018,
    "Sweden": 0.0018, "Denmark": 0.0018, "Cyprus": 0.0016, "EIRE": 0.0015, "Poland": 0.0014, "Unspecified": 0.0012,
    "USA": 0.0010, "Canada": 0.0010, "Greece": 0.0010, "Israel": 0.0008, "RSA": 0.0002,
}  # fmt: skip
EIRE = list(COUNTRIES).index("EIRE")

# rows that are no product: name here -> (stock code, description)
SPECIAL = {
    "post": ("POST", "POSTAGE"), "dotcom": ("DOT", "DOTCOM POSTAGE"), "carriage": ("C2", "CARRIAGE"),
    "manual": ("M", "Manual"), "manual_small": ("m", "Manual"), "discount": ("D", "Discount"),
    "samples": ("S", "SAMPLES"), "bank": ("BANK CHARGES", "Bank Charges"), "amazon": ("AMAZONFEE", "AMAZON FEE"),
    "cruk": ("CRUK", "CRUK Commission"), "bad_debt": ("B", "Adjust bad debt"),
    "pads": ("PADS", "PADS TO MATCH ALL CUSHIONS"), "test": ("TEST001", "This is a test product."),
    "voucher_10": ("gift_0001_10", "Web shop gift voucher 10.00"),
    "voucher_30": ("gift_0001_30", "Web shop gift voucher 30.00"),
    "bag": ("DCGSSGIRL", "GIRLS PARTY BAG"),
}  # fmt: skip
LOST = ("Unknown", "check", "damages", "damaged", "?", "thrown away", "wet damaged", "missing", "Damaged",
        "sold as set", "stock check", "mixed up", "rusty", "faulty", "??")  # fmt: skip
FOUND = ("Unknown", "check", "found", "adjustment", "Found", "counted")
_WEIGHTS_LOST = np.array([0.64, 0.09, 0.04, 0.04, 0.03, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01])
_WEIGHTS_FOUND = np.array([0.74, 0.06, 0.06, 0.05, 0.05, 0.04])


@dataclass(frozen=True)
class Catalogue:
    """Products by number, then the special rows; texts are looked up only when rows are written."""

    code: pl.Series
    description: pl.Series
    variant: pl.Series  # the description as somebody else typed it; the same for most products
    price: Floats  # GBP for one, trade
    retail_price: Floats
    weight: Floats  # cumulated share of the sales

    def pick(self, share: Floats) -> Ints:
        """The products at these shares of the sales, from 0 to 1."""
        place: Ints = np.searchsorted(self.weight, share).astype(np.int64)
        return np.minimum(place, PRODUCTS - 1)


def special(name: str) -> int:
    """The number of a special row."""
    return PRODUCTS + list(SPECIAL).index(name)


def lost(share: Floats) -> Ints:
    """Numbers of texts for lost stock, counted behind the special rows."""
    place = np.searchsorted(np.cumsum(_WEIGHTS_LOST), share)
    return PRODUCTS + len(SPECIAL) + np.minimum(place, len(LOST) - 1).astype(np.int64)


def found(share: Floats) -> Ints:
    """Numbers of texts for found stock."""
    place = np.searchsorted(np.cumsum(_WEIGHTS_FOUND), share)
    return PRODUCTS + len(SPECIAL) + len(LOST) + np.minimum(place, len(FOUND) - 1).astype(np.int64)


def catalogue(draws: Draws) -> Catalogue:
    """The catalogue of a seed."""
    number = np.arange(PRODUCTS)
    stem = 10_000 + number * 21 + (draws.uniform("product/code", number) * 20).astype(np.int64)
    lettered = draws.uniform("product/letter", number) < 0.24
    letter = (draws.uniform("product/which letter", number) * 6).astype(np.int64)
    codes = [
        f"{stock}{'ABCDEP'[place]}" if with_letter else str(stock)
        for stock, place, with_letter in zip(stem.tolist(), letter.tolist(), lettered.tolist(), strict=True)
    ]
    names = [_name(place) for place in number.tolist()]
    odd = draws.uniform("product/odd", number)
    typed = [_typed(name, share) for name, share in zip(names, odd.tolist(), strict=True)]
    price_share = np.cumsum(_PRICE_WEIGHTS) / np.sum(_PRICE_WEIGHTS)
    price = np.array(_PRICES)[np.searchsorted(price_share, draws.uniform("product/price", number))]
    weight = np.exp(1.25 * draws.normal("product/popular", number)) * price**-0.1
    rows = list(SPECIAL.values())
    texts = [*(text for _, text in rows), *LOST, *FOUND]
    return Catalogue(
        code=pl.Series("code", codes + [code for code, _ in rows]),
        description=pl.Series("description", names + texts),
        variant=pl.Series("description", typed + texts),
        price=price,
        retail_price=np.round(price * _RETAIL, 2),
        weight=np.cumsum(weight) / weight.sum(),
    )


def _name(number: int) -> str:
    """A made-up product: no two numbers have the same."""
    colour = _COLOURS[number % len(_COLOURS)]
    style = _STYLES[number // len(_COLOURS) % len(_STYLES)]
    thing = _THINGS[(number // (len(_COLOURS) * len(_STYLES)) + 7 * number) % len(_THINGS)]
    several = (number // (len(_COLOURS) * len(_STYLES))) % 4
    return f"{('', 'SET OF 3 ', 'PACK OF 6 ', 'LARGE ')[several]}{colour} {style} {thing}"


def _typed(name: str, share: float) -> str:
    """The name as somebody else typed it, for one product in four."""
    if share < 0.08:
        return name + " "
    if share < 0.15:
        return name + "."
    if share < 0.20:
        return name.replace(" ", "  ", 1)
    return name.title() if share < 0.25 else name
