"""Population stability index (PSI): how far a distribution has moved from train to another set of rows.

PSI = sum over bins of (q - p) ln(q / p), with p the shares in train and q the shares now (Siddiqi 2006: below .1
stable, above .25 moved). Bins are train's deciles; text has one bin for each value, and empty is a bin of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from fiel.models.metrics import Array

BINS = 10
_LIFE_TO_DATE = re.compile(
    r"age_days|.*_life|stage_share_.+|product_share_.+|category_share_.+|course_share_.+|courses_.+"
    r"|transactions_(morning|afternoon|night)_share|learning_recency_days"
    r"|purchase_(age_days|recency_days|frequency|mean_value)"
    r"|(usd|key_rate)_change_.+|life_expectancy.*"  # one value for everybody at an as_of: another one at every other
)
PSI_SCHEMA = {
    "feature": pl.String(),
    "psi": pl.Float64(),
    "train_rows": pl.Int64(),
    "rows": pl.Int64(),
    "is_life_to_date": pl.Boolean(),
    "warns": pl.Boolean(),
}


def psi(train: Array, now: Array, bins: int = BINS) -> float:
    """PSI of numbers (NaN is a bin of its own), over quantile bins of `train`; 0 where either is empty."""
    train, now = np.asarray(train, dtype=np.float64), np.asarray(now, dtype=np.float64)
    known = train[~np.isnan(train)]
    if len(known) == 0:
        return _psi_of_counts(*_null_counts(train, now))
    inner = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]))
    return _psi_of_counts(_counts(train, inner), _counts(now, inner))


def psi_text(train: pl.Series, now: pl.Series) -> float:
    """PSI of text: one bin for each value of either side, empty included."""
    counted = (
        train.fill_null("none").value_counts(name="train").rename({train.name: "value"}),
        now.fill_null("none").value_counts(name="now").rename({now.name: "value"}),
    )
    both = counted[0].join(counted[1], on="value", how="full", coalesce=True).fill_null(0).sort("value")
    return _psi_of_counts(both["train"].to_numpy(), both["now"].to_numpy())


def psi_inputs(train: pl.DataFrame, now: pl.DataFrame, features: Sequence[str], warn_above: float) -> pl.DataFrame:
    """PSI of each feature from train to now, largest first; life-to-date columns drift by construction and never warn.

    A feature with too few values for its bins moves by chance; `warns` is for people, nothing is decided by it.
    """
    rows = []
    for name in features:
        text = train.schema[name] in (pl.String, pl.Enum)
        moved = (
            psi_text(train[name].cast(pl.String), now[name].cast(pl.String))
            if text
            else psi(_numbers(train[name]), _numbers(now[name]))
        )
        exempt = _LIFE_TO_DATE.fullmatch(name) is not None
        rows.append((name, moved, train.height, now.height, exempt, moved > warn_above and not exempt))
    return pl.DataFrame(rows, schema=PSI_SCHEMA, orient="row").sort("psi", "feature", descending=[True, False])


def _numbers(series: pl.Series) -> Array:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _null_counts(train: Array, now: Array) -> tuple[Array, Array]:
    return (
        np.array([np.isnan(train).sum(), (~np.isnan(train)).sum()]),
        np.array([np.isnan(now).sum(), (~np.isnan(now)).sum()]),
    )


def _counts(values: Array, inner: Array) -> Array:
    known = values[~np.isnan(values)]
    placed = np.bincount(np.searchsorted(inner, known, side="left"), minlength=len(inner) + 1)
    return np.append(placed, len(values) - len(known))


def _psi_of_counts(train: Array, now: Array) -> float:
    """Bins that are empty on both sides fall out; half a row stands in for a bin that is empty on one."""
    if train.sum() == 0 or now.sum() == 0:
        return 0.0
    used = (train + now) > 0
    p = np.maximum(train[used], 0.5) / train.sum()
    q = np.maximum(now[used], 0.5) / now.sum()
    return float(np.sum((q - p) * np.log(q / p)))
