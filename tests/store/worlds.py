"""Made-up sets: customers with ties, nulls, two segments and none, and a document for most of them."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import polars as pl

from fiel.store import Publication
from fiel.store.publishing import SCORE_COLUMNS

AS_OF = date(2025, 9, 1)
LATER = date(2025, 9, 8)
FEATURES = ("recency_days", "gap")

SCHEMA = {"as_of": pl.Date()} | SCORE_COLUMNS


def customer(customer_id: str, **fields: Any) -> dict[str, Any]:
    """A scored customer; `fields` change or add some."""
    return {
        "customer_id": customer_id,
        "stage": "fiel",
        "stage_after_visit": "fiel",
        "value_cluster": "high",
        "in_population": True,
        "prob": 0.5,
        "model_version": "3",
        "model_digest": "d",
        "is_cross_fitted": False,
    } | fields


def published(
    *customers: dict[str, Any], as_of: date = AS_OF, program: str = "club", model_version: str = "3", **parts: Any
) -> Publication:
    """The customers as a publication, each with a document that names them and the as_of."""
    scores = pl.DataFrame([row | {"as_of": as_of} for row in customers], schema=SCHEMA)
    ids = pl.col("customer_id").str.replace_all('"', '\\"', literal=True)
    documents = scores.select(
        "customer_id",
        features=pl.lit("[3,0.1]"),
        document=pl.concat_str(pl.lit('{"who":"'), ids, pl.lit(f'","as_of":"{as_of}"}}')),
    )
    return Publication(program, as_of, model_version, as_of, scores, documents, FEATURES, parts)


def crowd(count: int, seed: int = 7, as_of: date = AS_OF) -> Publication:
    """Many customers with few different values, so that ties are long; a fifth have no probability, some no value."""
    dice = random.Random(seed)
    return published(
        *(
            customer(
                f"{dice.choice('abç')}{number:05d}",
                stage=dice.choice(["fiel", "zombie", "newcomer"]),
                segment=dice.choice(["gold", "tin", None]),
                in_population=(inside := dice.random() > 0.1),
                prob=dice.randrange(5) / 4 if inside and dice.random() > 0.1 else None,
                loss_prob=dice.random() if inside else None,
                value_at_stake=dice.randrange(20) / 3 if dice.random() > 0.3 else None,
            )
            for number in range(count)
        ),
        as_of=as_of,
    )
