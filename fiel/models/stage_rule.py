"""The stage rule, the first champion: what share of each stage reached the target in train (DESIGN.md section 5).

No machine learning. A customer's probability is the smoothed share of customers in the same stage, at the training
dates, who reached the target a horizon later. It is kept as JSON, so loading it runs nobody's code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fiel.errors import CohortError, RegistryError
from fiel.models.metrics import Array
from fiel.program import STAGES

SMOOTHING_ROWS = 20.0
"""Rows of average customers that each stage's share is mixed with, so that a rare stage does not claim 0 or 1."""


@dataclass(frozen=True)
class StageRule:
    """Probability of the target by stage.

    `probs` holds one probability for each stage seen in train, `rows` how many training rows it stands on,
    `base_prob` the probability for a stage that train did not hold. All lie strictly between 0 and 1.
    """

    probs: dict[str, float]
    rows: dict[str, int]
    base_prob: float

    @classmethod
    def fit(cls, stages: pl.Series | Sequence[str], labels: Any, smoothing_rows: float = SMOOTHING_ROWS) -> StageRule:
        """The rule learned from stages and 0/1 labels of the training rows, in the same order.

        With k of n rows of a stage positive, its probability is (k + s b) / (n + s), where s is `smoothing_rows` and b
        the base rate (K + 1) / (N + 2) over all rows. CohortError without any row.

        >>> rule = StageRule.fit(["fiel", "fiel", "zumbi", "zumbi"], [1, 1, 0, 0], smoothing_rows=2)
        >>> [round(float(prob), 3) for prob in rule.predict(["fiel", "zumbi", "reborn"])]
        [0.75, 0.25, 0.5]
        """
        frame = pl.DataFrame({"stage": pl.Series(stages, dtype=pl.String), "label": pl.Series(labels, dtype=pl.Int64)})
        if frame.is_empty():
            raise CohortError("the stage rule has no training rows: ingest more history or widen the population")
        base = (int(frame["label"].sum()) + 1) / (frame.height + 2)
        shares = (
            frame.group_by("stage")
            .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("label").sum().alias("positives"))
            .with_columns(
                ((pl.col("positives") + smoothing_rows * base) / (pl.col("rows") + smoothing_rows)).alias("prob")
            )
        )
        by_stage = {row["stage"]: row for row in shares.iter_rows(named=True)}
        order = [stage for stage in STAGES if stage in by_stage] + sorted(set(by_stage) - set(STAGES))
        return cls(
            probs={stage: by_stage[stage]["prob"] for stage in order},
            rows={stage: by_stage[stage]["rows"] for stage in order},
            base_prob=base,
        )

    def predict(self, stages: pl.Series | Sequence[str]) -> Array:
        """One probability for each given stage, in the given order."""
        column = pl.Series(stages, dtype=pl.String)
        probs = column.replace_strict(self.probs, default=self.base_prob, return_dtype=pl.Float64)
        return probs.fill_null(self.base_prob).to_numpy()

    def to_json(self) -> str:
        """The rule as JSON; equal rules give equal text."""
        return json.dumps({"kind": "stage_rule", **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> StageRule:
        """The rule in `text`; RegistryError when it is not one."""
        try:
            content = json.loads(text)
            if content.pop("kind") != "stage_rule":
                raise ValueError("it is of another kind")
            rule = cls(**content)
            if not all(0 < prob < 1 for prob in (*rule.probs.values(), rule.base_prob)):
                raise ValueError("a probability does not lie between 0 and 1")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RegistryError(
                f"the stored stage rule cannot be read (stage_rule.json: {error}): restore the artifacts, or roll "
                "back to an earlier version"
            ) from error
        return rule

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


class _PyfuncStageRule:
    """What `mlflow.pyfunc.load_model` returns for a registered stage rule: frames with a column `stage` in."""

    def __init__(self, rule: StageRule) -> None:
        self.rule = rule

    def predict(self, frame: Any, params: dict[str, Any] | None = None) -> Array:
        return self.rule.predict([str(stage) for stage in frame["stage"]])


def _load_pyfunc(path: str) -> _PyfuncStageRule:
    """MLflow's hook: the rule in the JSON file `path` (no pickle)."""
    return _PyfuncStageRule(StageRule.from_json(Path(path).read_bytes()))
