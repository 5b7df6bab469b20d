"""The part of a program that says what is predicted, how it is learned, and when a model is promoted."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fiel.program.base import Days, Share, StageName, Strict

_QUARTER = 3
"""Months of a quarter."""


class Target(Strict):
    """The outcome: what is predicted, and for whom."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)] = Field(
        "fiel",
        description="Name of the target. The registered model is fiel-PROGRAM, that of a further target "
        "fiel-PROGRAM-TARGET.",
    )
    kind: Literal["stage", "active", "purchase", "label", "closed"] = Field(
        "stage",
        description="stage: in `stage` at as_of + horizon. active: at "
        "least one active day in [as_of, as_of + horizon). purchase: at least one purchase day in it that was not "
        "taken back before its end. label: the source's own 0/1 column (programs of kind table; no horizon). closed: "
        "an account that is open at as_of and was closed in the quarters of the horizon (horizon_months).",
    )
    stage: Literal["fiel"] = Field("fiel", description="The stage that counts as success when kind is stage.")
    horizon_days: Days = Field(28, description="Days from as_of to the outcome; not read with horizon_months.")
    horizon_months: Annotated[int, Field(ge=1, le=120)] | None = Field(
        None,
        description="Calendar months from as_of to the outcome, instead of days (kind closed): 3 a quarter, 12 a year.",
    )
    live_origins: tuple[str, ...] = Field(
        (), description="Population: at least one event of one of these origins before as_of. Empty: any event."
    )
    exclude_stages: tuple[StageName, ...] = Field(
        ("zumbi",), description="Population: not in one of these stages at as_of."
    )

    @model_validator(mode="after")
    def _horizon_fits(self) -> Target:
        if (self.kind == "closed") != (self.horizon_months is not None):
            raise ValueError(
                f"target {self.name}: kind closed and horizon_months go together; the other kinds have horizon_days"
            )
        if self.horizon_months is not None and self.horizon_months % _QUARTER:
            raise ValueError(f"target {self.name}: horizon_months has to be whole quarters (3, 6, 9, 12 …)")
        return self

    def ends(self, as_of: date) -> date:
        """The first day after the horizon that begins at `as_of`; calendar months where the target has them.

        >>> Target(kind="closed", horizon_months=3).ends(date(2022, 10, 1)), Target().ends(date(2022, 10, 1))
        (datetime.date(2023, 1, 1), datetime.date(2022, 10, 29))
        """
        if self.horizon_months is None:
            return as_of + timedelta(days=self.horizon_days)
        months = as_of.year * 12 + as_of.month - 1 + self.horizon_months
        return date(months // 12, months % 12 + 1, 1) + timedelta(days=as_of.day - 1)

    @property
    def horizon_words(self) -> str:
        """How long the horizon is, in words: `28 days`, `3 months`."""
        return f"{self.horizon_days} days" if self.horizon_months is None else f"{self.horizon_months} months"

    @property
    def horizon_offset(self) -> str:
        """The horizon as Polars writes an offset: `28d`, `3mo`."""
        return f"{self.horizon_days}d" if self.horizon_months is None else f"{self.horizon_months}mo"


class Shares(Strict):
    """Shares of the customers that train, calibrate and judge a model of an undated program, by a seeded hash."""

    train: Share = Field(0.6, description="Share of the customers that the search and the first fit see.")
    valid: Share = Field(0.15, description="Share for calibration and for the threshold by validation.")
    test: Share = Field(0.25, description="Share that is read once, for report and promotion.")

    @model_validator(mode="after")
    def _whole(self) -> Shares:
        if abs(self.train + self.valid + self.test - 1) > 1e-9 or min(self.train, self.valid, self.test) <= 0:
            raise ValueError("training.shares: train, valid and test have to be above 0 and to sum to 1")
        return self


class EnsembleRules(Strict):
    """Several models on subsets of the features, with fitted weights (docs/ensemble.md)."""

    members: int = Field(5, ge=2, le=30, description="Models: one on all features, the others on a random share.")
    share: Share = Field(0.6, description="Share of the features that each of the others may use.")


class EmbeddingRules(Strict):
    """Many numeric features squeezed into a few more (docs/ensemble.md)."""

    size: int = Field(8, ge=1, le=64, description="Columns that it makes.")
    hidden: int = Field(32, ge=2, le=512, description="Width of the autoencoder's hidden layers.")
    epochs: int = Field(20, ge=1, le=1_000, description="Times that the autoencoder sees its rows.")
    rows: int = Field(50_000, ge=100, description="Rows that it is fitted on at the most.")


SearchedParam = Literal["depth", "learning_rate", "l2_leaf_reg", "rsm", "random_strength"]


class Training(Strict):
    """How the retraining learns and compares (DESIGN.md sections 4 and 5)."""

    cadence: Literal["month", "quarter"] = Field("month", description="A cohort begins with each month or quarter.")
    cohorts: int = Field(24, ge=3, le=240, description="Cohorts at the most.")
    valid_cohorts: int = Field(2, ge=1, description="Cohorts for calibration.")
    oot_cohorts: int = Field(3, ge=1, description="Out-of-time cohorts, read once, for report and promotion.")
    shares: Shares = Field(
        default_factory=Shares, description="Undated programs (kind table): the parts by customer, instead of cohorts."
    )
    folds: int = Field(
        3,
        ge=2,
        le=10,
        description="Rolling-origin folds inside train; by customer, stratified, where there are no dates.",
    )
    search_trials: int = Field(8, ge=0, le=500, description="Trials of the search; 0 switches it off.")
    params: dict[SearchedParam, float] = Field(
        default_factory=dict,
        description="CatBoost parameters before any search, where they are to be others than Fiel's own (small trees, "
        "strong regularisation: for cohorts of a few hundred rows).",
    )
    ensemble: EnsembleRules | None = Field(
        None, description="Try an ensemble; it is kept where it beats the single model on the folds."
    )
    embedding: EmbeddingRules | None = Field(
        None,
        description="Try an autoencoder's embedding and principal components of the same size; kept where the folds "
        "are better with it.",
    )
    negatives_kept: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="Share of the rows without the outcome that a fit draws; the log odds are corrected for it. For "
        "rare outcomes among many rows; calibration and judging keep every row.",
    )
    random_split: bool = Field(
        False, description="Measure the recipe on a random split of the rows too, which is shown as optimistic."
    )
    iterations: int = Field(400, ge=10, le=20_000, description="Trees at the most; early stopping on the folds.")
    seed: int = Field(20_260_101, description="Seed of everything that is drawn.")
    threads: int = Field(2, ge=1, le=64, description="CatBoost threads: results depend on it, so it is pinned.")
    device: Literal["cpu", "gpu"] = Field("cpu", description="Where CatBoost fits; a GPU gives other trees.")
    calibrate_sigmoid_below: int = Field(1_000, description="Positives below which calibration is sigmoid.")


class Promotion(Strict):
    """When a challenger replaces the champion (DESIGN.md section 5)."""

    non_inferiority_margin: float = Field(
        0.01,
        ge=0,
        le=0.5,
        description="AUC that the same recipe on newer data may lose at the lower bound of the interval.",
    )
    baseline_margin: float = Field(
        0.01,
        ge=0,
        le=0.5,
        description="AUC that a challenger may lose against the purchase model, where the program has one for the "
        "target's horizon.",
    )
    confidence: Share = Field(0.95, description="Level of the intervals.")
    bootstrap: int = Field(500, ge=50, le=100_000, description="Bootstrap draws, by customer.")
    max_psi: float = Field(0.25, gt=0, description="PSI of scores, train to out-of-time, above which promotion fails.")
    warn_psi: float = Field(0.25, gt=0, description="PSI of an input above which the report warns.")
    min_slice: int = Field(50, ge=1, description="Slices with fewer rows are reported, not gated.")
    slice_margin: float = Field(
        0.01, ge=0, le=1, description="Log loss that a slice may lose against the champion at the lower bound."
    )
    calibration_slope_tolerance: Share = Field(
        0.1, description="The interval of the calibration slope has to meet 1, give or take this."
    )
    calibration_intercept_tolerance: Share = Field(
        0.1, description="The interval of the calibration intercept (log odds) has to meet 0, give or take this."
    )
