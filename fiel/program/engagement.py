"""The part of a program that says how engagement, value, segments and risk groups come about (DOMAIN.md section 4)."""

from __future__ import annotations

from pydantic import Field, model_validator

from fiel.program.base import Share, Strict


class RiskLimits(Strict):
    """Highest probability of leaving (inclusive) of each risk group but the last, which is critical."""

    low: Share = Field(0.05, description="Up to here the risk is low.")
    medium: Share = Field(0.1, description="Up to here it is medium.")
    high: Share = Field(0.3, description="Up to here it is high; above it is critical.")

    @model_validator(mode="after")
    def _rises(self) -> RiskLimits:
        if not 0 < self.low < self.medium < self.high < 1:
            raise ValueError("the limits low, medium and high have to rise, between 0 and 1")
        return self


class EngagementRules(Strict):
    """An operator's churn table and interaction log (source format telecom), and what is made of them."""

    numbers: int = Field(160, ge=4, le=2_000, description="Numbers of the churn file: its columns PC1 to PC`numbers`.")
    factors: int = Field(18, ge=0, le=2_000, description="Text levels of the churn file: FACTOR1 to FACTOR`factors`.")
    components: int = Field(50, ge=1, description="Principal components of the numbers that are kept, at the most.")
    weights: tuple[float, ...] = Field(
        (0.5, 0.3, 0.15, 0.05), min_length=1, description="Weights of the first components in engagement."
    )
    risk: RiskLimits = Field(default_factory=RiskLimits, description="Cuts of the risk groups.")
    folds: int = Field(
        5,
        ge=2,
        le=20,
        description="Folds of the cross-fitting: a customer's probability of leaving, and uplift, come from models "
        "that were fitted without the customer's fold.",
    )
    popular: int = Field(20, ge=1, le=1_000, description="Most popular articles that are kept, of all and by segment.")
    confidence: Share = Field(0.95, description="Level of the intervals of uplift and Qini curve.")
    bootstrap: int = Field(500, ge=50, le=100_000, description="Bootstrap draws of the Qini curve, by customer.")

    @model_validator(mode="after")
    def _weights_fit(self) -> EngagementRules:
        if len(self.weights) > min(self.components, self.numbers):
            raise ValueError("weights: there are more of them than components")
        return self
