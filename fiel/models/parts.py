"""Which customers of an undated program train, calibrate and judge a model: a seeded hash of the customer.

The part follows from the customer's id, the seed and the shares alone (DOMAIN.md section 0, Undated programs). So it is
the same in every source version: a customer who judges today was never learned from yesterday, and a champion that was
trained under the same parts can be compared on the test part as it stands.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import polars as pl

from fiel.program import Program

TRAIN, VALID, OOT = "train", "valid", "oot"
"""The names of the parts, those of cohorts: `oot`, out of time, is the test part where there is no time."""

_DIGITS = 13
"""Hexadecimal digits of the hash that make a number: 52 bits, which a float holds exactly."""


@dataclass(frozen=True)
class CustomerParts:
    """A split by customer: `train` and `valid` are shares, the rest is the test part."""

    seed: int
    train: float
    valid: float

    @classmethod
    def of_program(cls, program: Program) -> CustomerParts | None:
        """The split that the program file asks for; None for a program of dated events."""
        if not program.is_table:
            return None
        shares = program.training.shares
        return cls(program.training.seed, shares.train, shares.valid)

    @classmethod
    def parse(cls, text: str) -> CustomerParts | None:
        """The split that `str` wrote; None for an empty text."""
        if not text:
            return None
        _, seed, train, valid = text.split(":")
        return cls(int(seed), float(train), float(valid))

    def __str__(self) -> str:
        return f"customer:{self.seed}:{self.train!r}:{self.valid!r}"

    def of(self, customer_ids: pl.Series) -> pl.Series:
        """`train`, `valid` or `oot` for each customer, in the order given."""
        number = uniform(customer_ids, f"part {self.seed}")
        return pl.select(
            pl.when(number < self.train)
            .then(pl.lit(TRAIN))
            .when(number < self.train + self.valid)
            .then(pl.lit(VALID))
            .otherwise(pl.lit(OOT))
            .alias("part")
        ).to_series()

    def rows(self, frame: pl.DataFrame, *parts: str) -> pl.DataFrame:
        """The rows of `frame` whose customer is in one of `parts`, in their order."""
        return frame.filter(self.of(frame["customer_id"]).is_in(list(parts)))


def uniform(customer_ids: pl.Series, salt: str) -> pl.Series:
    """A number in [0, 1) for each customer, from SHA-256 of `salt` and the id: the same on every machine.

    >>> uniform(pl.Series(["a", "b"]), "part 1").round(3).to_list()
    [0.833, 0.765]
    """
    numbers = [int(hashlib.sha256(f"{salt}/{one}".encode()).hexdigest()[:_DIGITS], 16) for one in customer_ids]
    return pl.Series("number", numbers, dtype=pl.Int64).cast(pl.Float64) / 16.0**_DIGITS
