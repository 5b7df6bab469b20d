"""Everything that is fitted beside the model of leaving: components, engagement, value segments, uplift.

Fitted once, with the model, on the rows that the model may learn from (the training and validation parts), and kept
with it as files: parameters as JSON, trees as CatBoost writes them. Applied, all of it is a function of the customer's
own row. Segments are fitted on probabilities out of fold, as they are applied.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import polars as pl

from fiel.errors import EstimatorError, ProgramError, RegistryError
from fiel.estimators.oriented_pca import OrientedPCA
from fiel.estimators.t_learner import TLearner, cross_fitted_treatment
from fiel.models.bootstrap import Interval
from fiel.models.classifier import model_bytes
from fiel.models.cross_fitted import Folds, model_of
from fiel.models.metrics import Array
from fiel.models.parts import TRAIN, VALID, CustomerParts
from fiel.program import Program
from fiel.program.engagement import EngagementRules
from fiel.segments.engagement import Engagement, ValueSegments, customer_value
from fiel.segments.risk import RiskCuts, risk_group
from fiel.segments.uplift import arms_alike, uplift_decile
from fiel.tables import TABLES

PARAMETERS = "engagement/parameters.json"
_LEARNERS = "uplift/{number}-{arm}.cb"
_SHOWN_COMPONENTS = 4


@dataclass(frozen=True)
class UpliftModels:
    """A T-learner for each fold, fitted without it, and one of all training rows, for the test part (the last)."""

    folds: Folds
    learners: tuple[TLearner, ...]

    def predict(self, frame: pl.DataFrame) -> Array:
        """Probability of leaving without and with the treatment (rows x 2), by models that have not seen the row."""
        whole = self.learners[-1]
        pairs = [
            self.folds.asked_of(
                frame,
                [partial(_arm, learner, arm) for learner in self.learners[:-1]],
                partial(_arm, whole, arm),
            )
            for arm in (0, 1)
        ]
        return np.column_stack(pairs)


@dataclass(frozen=True)
class CustomerModel:
    """What turns a customer's row and probability of leaving into engagement, value, segment, risk group, uplift.

    `base_segments` are those where nobody's probability is known from another's (the champion is the base rate).
    `uplift` is None where the treatment tells nothing, and `uplift_note` says why. `alike`: AUC of guessing the
    treatment from the features, among the training rows.
    """

    folds: Folds
    pca: OrientedPCA
    engagement: Engagement
    segments: ValueSegments
    base_segments: ValueSegments
    silhouette: float | None
    uplift: UpliftModels | None
    uplift_note: str
    alike: Interval | None

    @classmethod
    def fit(cls, rows: pl.DataFrame, prob: Array, treatment: pl.DataFrame, program: Program, folds: Folds) -> Self:
        """From `rows` (the snapshot with label) of the training parts and `prob`, their probabilities out of fold.

        `treatment`: customer_id, is_treated. Rows of the test part are refused (SegmentError by the caller's split):
        none may be handed over. EstimatorError, SegmentError: too few rows, or all alike.
        """
        rules = _rules(program)
        if folds.parts.rows(rows, TRAIN, VALID).height != rows.height:
            raise ProgramError(f"program {program.name}: rows of the test part were handed to a fit")
        numbers, label = _numbers(rows, rules), rows["label"].to_numpy().astype(np.float64)
        pca = OrientedPCA(rules.components).fit(numbers, label)
        components = pca.transform(numbers)
        engagement = Engagement.fit(components, rules.weights)
        engaged = engagement(components)
        segments = ValueSegments.fit(engaged, prob, program.training.seed)
        base = ValueSegments.fit(engaged, np.full(len(prob), label.mean()), program.training.seed)
        uplift, note, alike = _fit_uplift(rows, treatment, program, folds)
        return cls(folds, pca, engagement, segments, base, segments.silhouette, uplift, note, alike)

    def describe(self, snapshot: pl.DataFrame, prob: pl.DataFrame, program: Program, *, is_base: bool) -> pl.DataFrame:
        """`out_engagement`: one row for each customer of `snapshot` that has a probability, sorted by customer.

        `prob`: customer_id, prob (out of sample); `is_base`: everyone has the same, because the champion is the base
        rate.
        """
        rules = _rules(program)
        rows = snapshot.join(
            prob.filter(pl.col("prob").is_not_null()).select("customer_id", _prob="prob"), on="customer_id"
        ).sort("customer_id")
        leaving = rows["_prob"].to_numpy()
        components = self.pca.transform(_numbers(rows, rules))
        engaged = self.engagement(components)
        segments = (self.base_segments if is_base else self.segments)(engaged, leaving)
        both = self.uplift.predict(rows) if self.uplift else np.full((rows.height, 2), np.nan)
        cuts = RiskCuts(rules.risk.low, rules.risk.medium, rules.risk.high)
        shown = {
            f"component_{place + 1}": components[:, place] if place < components.shape[1] else np.full(len(rows), None)
            for place in range(_SHOWN_COMPONENTS)
        }
        found = rows.select("customer_id", "as_of").with_columns(
            part=self.folds.parts.of(rows["customer_id"]),
            fold=self.folds.of(rows["customer_id"]),
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in shown.items()},
            engagement=pl.Series(engaged),
            prob=pl.Series(leaving, dtype=pl.Float64),
            value=pl.Series(customer_value(leaving, engaged)),
            segment=pl.Series(segments.tolist(), dtype=pl.String),
            prob_control=pl.Series(both[:, 0], dtype=pl.Float64).fill_nan(None),
            prob_treated=pl.Series(both[:, 1], dtype=pl.Float64).fill_nan(None),
        )
        found = found.with_columns(
            risk_group=risk_group(pl.col("prob"), cuts), uplift=pl.col("prob_control") - pl.col("prob_treated")
        ).with_columns(uplift_decile=pl.when(pl.col("uplift").is_not_null()).then(uplift_decile(pl.col("uplift"))))
        return found.select(list(TABLES["out_engagement"].declared))

    def files(self) -> dict[str, bytes]:
        """As files, by their path beside the model."""
        learners = self.uplift.learners if self.uplift else ()
        content = {
            "parts": str(self.folds.parts),
            "folds": self.folds.count,
            "pca": self.pca.to_parameters(),
            "engagement": self.engagement.to_parameters(),
            "segments": self.segments.to_parameters(),
            "base_segments": self.base_segments.to_parameters(),
            "silhouette": self.silhouette,
            "uplift_features": list(learners[0].features) if learners else None,
            "uplift_note": self.uplift_note,
            "alike": [self.alike.estimate, self.alike.low, self.alike.high] if self.alike else None,
        }
        trees = {
            _LEARNERS.format(number=number, arm=arm): model_bytes(model)
            for number, learner in enumerate(learners)
            for arm, model in (("control", learner.control), ("treated", learner.treated))
        }
        return {PARAMETERS: json.dumps(content, sort_keys=True).encode(), **trees}

    @classmethod
    def of_files(cls, read: Callable[[str], bytes]) -> Self:
        """From what `files` wrote; `read` gives the content of a path. RegistryError where it is none."""
        found: dict[str, Any] = json.loads(read(PARAMETERS))
        parts = CustomerParts.parse(found["parts"])
        if parts is None:
            raise RegistryError(f"{PARAMETERS} does not say which customers were learned from: train again")
        folds = Folds(parts, found["folds"])
        names = found["uplift_features"]
        uplift = None
        if names is not None:
            learners = [_read_learner(read, number, tuple(names)) for number in range(folds.count + 1)]
            uplift = UpliftModels(folds, tuple(learners))
        return cls(
            folds,
            OrientedPCA.from_parameters(found["pca"]),
            Engagement.from_parameters(found["engagement"]),
            ValueSegments.from_parameters(found["segments"]),
            ValueSegments.from_parameters(found["base_segments"]),
            found["silhouette"],
            uplift,
            found["uplift_note"],
            Interval(*found["alike"]) if found["alike"] else None,
        )


def _fit_uplift(
    rows: pl.DataFrame, treatment: pl.DataFrame, program: Program, folds: Folds
) -> tuple[UpliftModels | None, str, Interval | None]:
    """The uplift models, or why there are none; and how alike the two arms are."""
    known = rows.join(treatment.filter(pl.col("is_treated").is_not_null()), on="customer_id").sort("customer_id")
    names = [name for name in rows.columns if name.startswith(("x_", "c_"))]
    seed, threads = program.training.seed, program.training.threads
    fold = folds.of(known["customer_id"])
    try:
        learners = [
            TLearner.fit(known if number is None else known.filter(fold != number), names, seed=seed, threads=threads)
            for number in (*range(folds.count), None)
        ]
        guessed = cross_fitted_treatment(
            known.select("customer_id", *names),
            known.select("customer_id", "label", "is_treated"),
            seed=seed,
            folds=folds.count,
            threads=threads,
        )
    except EstimatorError as error:
        return None, str(error), None
    alike = arms_alike(guessed, draws=_rules(program).bootstrap, confidence=_rules(program).confidence, seed=seed)
    return UpliftModels(folds, tuple(learners)), "", alike


def _arm(learner: TLearner, arm: int, rows: pl.DataFrame) -> Array:
    return learner.predict(rows)[:, arm]


def _read_learner(read: Callable[[str], bytes], number: int, names: tuple[str, ...]) -> TLearner:
    control, treated = (model_of(read(_LEARNERS.format(number=number, arm=arm))) for arm in ("control", "treated"))
    return TLearner(names, control, treated)


def _rules(program: Program) -> EngagementRules:
    if program.engagement is None:
        raise ProgramError(f"program {program.name} has no section `engagement`")
    return program.engagement


def _numbers(rows: pl.DataFrame, rules: EngagementRules) -> Array:
    """x_pc1, x_pc2 … as a table; what is missing is NaN."""
    names = [f"x_pc{number}" for number in range(1, rules.numbers + 1)]
    return rows.select(pl.col(names).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
