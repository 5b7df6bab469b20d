"""Hashes that anyone can compute again: grant ids, the hold-out draw, the digest of a plan.

All are SHA-256 of canonical JSON. Polars has no SHA-256, so these are the only places that walk over customers one by
one: under a second for 400,000.
"""

from __future__ import annotations

import hashlib
from datetime import date

import polars as pl

from fiel.store.schema import canonical_json

GRANT_ID_LENGTH = 32


def grant_id(program: str, as_of: date, customer_id: str, sequence: int, kind: str = "grant") -> str:
    """Id of a grant (or of its reversal): a hash of program, cycle, customer and sequence.

    >>> grant_id("club", date(2025, 9, 1), "a", 0)
    '9bed0b750a6abbd265d83aa3b608403a'
    """
    return _hash(kind, program, as_of.isoformat(), customer_id, sequence)[:GRANT_ID_LENGTH]


def grant_ids(program: str, as_of: date, customer_ids: pl.Series, sequence: int = 0) -> pl.Series:
    """Ids of the customers' grants in the cycle, in the order given."""
    return pl.Series([grant_id(program, as_of, customer, sequence) for customer in customer_ids], dtype=pl.String)


def is_held_out(program: str, season: str, share: float, customer_ids: pl.Series) -> pl.Series:
    """Whether each customer is held out: a uniform number made of program, season and customer lies below `share`.

    The same for every cycle of a season, so that the held-out stay comparable.
    """
    numbers = [int(_hash("hold-out", program, season, customer)[:13], 16) / 16**13 for customer in customer_ids]
    return pl.Series(numbers, dtype=pl.Float64) < share


def plan_digest(frame: pl.DataFrame) -> str:
    """Digest of what a plan (rows of out_plan) decides about every customer, whatever the order of its rows."""
    decided = frame.select(
        "as_of",
        "customer_id",
        "rank",
        "product",
        "points",
        "decision",
        "reason_code",
        "grant_id",
        "policy_version",
        "model_version",
    ).sort("customer_id")
    return hashlib.sha256(decided.write_ndjson().encode()).hexdigest()


def _hash(*parts: str | int) -> str:
    return hashlib.sha256(canonical_json(list(parts)).encode()).hexdigest()
