"""Simulates the `santander` bank in the competition's files: train.csv with ID, 369 anonymous columns and TARGET.

The shape follows what is published about the real table (DOMAIN.md section 2): most values are 0, 34 columns never
vary, 29 repeat another, -999999 and 9999999999 stand for what is not known, ids have gaps, about 4 % are unsatisfied.
No row of it is used. Whether a customer is unsatisfied is drawn from a probability that is known here
(`Population.prob`): it rises with age up to the fifties, falls with the number of products and with a living main
account, and is higher where var38 is low.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from fiel.errors import SettingsError
from fiel.simulate.draws import Draws, Floats, Ints

DEMO_CUSTOMERS = 20_000
"""Customers of a demo: enough of them are unsatisfied for a model to be compared."""
TEST_SHARE = 0.2
"""Share of the customers in test.csv, whose outcome is not known yet."""

CONSTANT, REPEATED = 34, 29
COLUMNS = 369
UNKNOWN_REGION, UNKNOWN_CHANGE = -999_999, 9_999_999_999

_FAMILIES = (1, 5, 6, 8, 12, 13, 14, 17, 18, 20, 24, 25, 26, 30, 31, 33, 37, 39, 40, 41, 43, 44)
"""Numbers of the products, as the columns name them; 30 is the main account."""
_MAIN = 30
_SPIKE = 117_311.0
"""var38 of everyone for whom the bank knows no value: one number, as in the real table."""
_INTERCEPT = -2.4


@dataclass(frozen=True)
class Population:
    """The simulated customers: `table` has ID, 369 columns and TARGET; `prob` is the known probability of TARGET."""

    table: pl.DataFrame
    prob: Floats


@dataclass(frozen=True)
class Simulation:
    """A written simulation: where it is and what it holds."""

    folder: Path
    files: tuple[Path, ...]
    customers: int
    labelled: int
    positives: int
    seed: int

    def __str__(self) -> str:
        return (
            f"{self.customers:,} customers, {self.labelled:,} of them with a known outcome ({self.positives:,} "
            f"unsatisfied), {COLUMNS} columns (seed {self.seed}) in {self.folder}"
        )


def simulate(
    folder: Path,
    *,
    customers: int = DEMO_CUSTOMERS,
    start: date | None = None,
    end: date | None = None,
    seed: int = 7,
    layout: str = "csv",
) -> Simulation:
    """Writes train.csv and test.csv of `customers` customers into `folder`. The table has no dates.

    `start`, `end` and `layout` are what every simulator takes; there is nothing here that they could change.
    """
    if customers < 1:
        raise SettingsError(f"customers is {customers}: simulate at least 1")
    drawn = Draws(seed)
    people = population(drawn, customers)
    in_test = drawn.uniform("test", np.arange(customers, dtype=np.int64)) < TEST_SHARE
    if in_test.all():
        in_test[0] = False
    folder.mkdir(parents=True, exist_ok=True)
    train = people.table.filter(pl.Series(~in_test))
    files = (folder / "train.csv", folder / "test.csv")
    train.write_csv(files[0])
    people.table.filter(pl.Series(in_test)).drop("TARGET").write_csv(files[1])
    return Simulation(folder, files, customers, train.height, int(train["TARGET"].sum()), seed)


def population(draws: Draws, customers: int) -> Population:
    """The customers, each drawn from its own number: more of them leave the first ones as they are."""
    who = np.arange(customers, dtype=np.int64)
    columns: dict[str, Ints | Floats] = {"ID": 2 * who + 1 + (draws.uniform("gap", who) < 0.5)}
    age = np.clip(23 + np.where(draws.uniform("young", who) < 0.35, 0, -14 * np.log(draws.uniform("age", who))), 5, 105)
    liveliness = draws.normal("liveliness", who)
    region = np.where(draws.uniform("region", who) < 0.97, 2, 3 + (draws.bits("which", who) % 200).astype(np.int64))
    region = np.where(draws.uniform("no region", who) < 0.002, UNKNOWN_REGION, region)
    wealth = np.exp(11.6 + 0.7 * draws.normal("wealth", who))
    wealth = np.where(draws.uniform("no wealth", who) < 0.2, _SPIKE, np.round(wealth, 2))
    columns |= {"var3": region.astype(np.int64), "var15": age.astype(np.int64)}
    held = {}
    for family in _FAMILIES:
        held[family], product = _product(draws, who, family, liveliness)
        columns |= product
    columns["var36"] = np.array([99, 1, 2, 3])[(draws.bits("var36", who) % 4).astype(np.int64)]
    columns["var21"] = np.where(draws.uniform("var21", who) < 0.01, 900 * (1 + draws.bits("v21", who) % 9), 0).astype(
        np.int64
    )
    columns["num_var4"] = np.sum(list(held.values()), axis=0).astype(np.int64)
    columns |= _idle(columns, who)
    columns["var38"] = wealth
    raw = (
        _INTERCEPT
        + 1.6 * np.exp(-(((age - 55) / 16) ** 2))
        - 1.1 * held[_MAIN]
        - 0.18 * columns["num_var4"]
        - 0.5 * np.clip(np.log(wealth / _SPIKE), -2, 2)
        - 0.9 * (age < 24)
    )
    prob = 1 / (1 + np.exp(-raw))
    columns["TARGET"] = (draws.uniform("target", who) < prob).astype(np.int64)
    return Population(pl.DataFrame(columns), prob)


def _product(draws: Draws, who: Ints, family: int, liveliness: Floats) -> tuple[Ints, dict[str, Ints | Floats]]:
    """Whether each customer holds the product, and its columns: flags, numbers, balances, amounts, changes."""
    level = 0.6 if family == _MAIN else -1.8 + 1.2 * np.sin(family)
    has = (draws.normal(f"has {family}", who) + 0.8 * liveliness + level > 0).astype(np.int64)
    opened = np.maximum(has, (draws.uniform(f"closed {family}", who) < 0.02).astype(np.int64))
    number = has * 3 * (1 + (draws.bits(f"number {family}", who) % 3 == 0).astype(np.int64))
    balance = has * np.round(np.exp(5 + 1.8 * draws.normal(f"balance {family}", who)), 2)
    earlier = np.round(balance * np.exp(0.4 * draws.normal(f"earlier {family}", who)), 2)
    oldest = np.round(earlier * np.exp(0.4 * draws.normal(f"oldest {family}", who)), 2)
    paid = (
        has
        * (draws.uniform(f"pays {family}", who) < 0.15)
        * np.round(np.exp(4 + draws.normal(f"paid {family}", who)), 2)
    )
    moves = draws.uniform(f"moves {family}", who)
    change = np.where(moves < 0.001, UNKNOWN_CHANGE, np.where(moves < 0.02, -1, 0)) * has
    return has, {
        f"ind_var{family}_0": opened,
        f"ind_var{family}": has,
        f"num_var{family}_0": 3 * opened,
        f"num_var{family}": number,
        f"saldo_var{family}": balance,
        f"saldo_medio_var{family}_ult1": np.round((balance + earlier) / 2, 2),
        f"saldo_medio_var{family}_hace2": earlier,
        f"saldo_medio_var{family}_hace3": oldest,
        f"saldo_medio_var{family}_ult3": np.round((balance + earlier + oldest) / 3, 2),
        f"imp_aport_var{family}_ult1": paid,
        f"delta_imp_aport_var{family}_1y3": change.astype(np.float64),
        f"num_meses_var{family}_ult3": has * (1 + (draws.bits(f"months {family}", who) % 3).astype(np.int64)),
        f"num_op_var{family}_ult1": has * (draws.bits(f"ops {family}", who) % 7).astype(np.int64),
    }


def _idle(columns: dict[str, Ints | Floats], who: Ints) -> dict[str, Ints | Floats]:
    """Columns that say nothing: 34 that never vary, 29 that repeat another, and rare ones up to 369 in all."""
    made: dict[str, Ints | Floats] = {
        f"{'saldo' if number % 2 else 'ind'}_var2_{number}": np.zeros(len(who)) if number % 2 else np.zeros_like(who)
        for number in range(CONSTANT)
    }
    sources = [name for name in columns if name.startswith(("num_var", "saldo_var"))][:REPEATED]
    made |= {f"{name}_rep": columns[name] for name in sources}
    rare = COLUMNS - (len(columns) - 1) - len(made) - 1  # ID is no attribute; var38 comes last
    rng = Draws(0)
    made |= {
        f"num_reemb_var{number}_ult1": (rng.uniform(f"rare {number}", who) < 0.003).astype(np.int64) * 3
        for number in range(rare)
    }
    return made
