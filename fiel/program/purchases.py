"""The part of a program that says how purchases are counted, modelled and grouped (DOMAIN.md section 5)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from fiel.program.base import Days, Strict


class PurchaseRules(Strict):
    """What becomes of odd rows of a purchase log (source format `online_retail`): each rule by its name, each a switch.

    A rule that is on sets its rows aside; their number and their money are counted on the run and in the report. A rule
    that is off keeps its rows as lines of their invoice where that is possible; each field says what that means. The
    rules apply in the order of the fields, and a row counts under the first that takes it out.
    """

    repeated_invoices: bool = Field(
        True,
        description="An invoice that an earlier file or sheet (in the order of names) holds already is counted once, "
        "as it stands there. Off: its rows are added to the invoice.",
    )
    exact_duplicates: bool = Field(
        True,
        description="Rows that repeat another row of their invoice in every column. Off: they are lines of their own.",
    )
    missing_customer: bool = Field(True, description="Rows without a customer. Off: they are rejects, and counted so.")
    non_product_codes: bool = Field(
        True,
        description="Rows whose stock code is one of `codes`, or begins like one, on purchases and cancellations. Off: "
        "they are products.",
    )
    codes: tuple[str, ...] = Field(
        ("POST", "DOT", "C2", "M", "D", "S", "B", "CRUK", "PADS", "BANK CHARGES", "AMAZONFEE", "ADJUST*", "TEST*",
         "DCGS*", "gift_*", "SP*"),
        description="Stock codes that are no product (postage, manual, discount, samples, bad debt, fees, test); "
        "a `*` at the end stands for anything; case does not matter.",
    )  # fmt: skip
    zero_price: bool = Field(
        True,
        description="Rows with unit price 0: gifts, stock corrections, lost goods. Off: they are lines, and an invoice "
        "of nothing else is a purchase worth 0.",
    )
    negative_price: bool = Field(
        True, description="Rows with a unit price below 0: bad debt corrections. Off: they lower their invoice's value."
    )
    zero_quantity: bool = Field(True, description="Rows with quantity 0. Off: they are lines worth 0.")
    negative_without_cancellation: bool = Field(
        True,
        description="Rows with a negative quantity on an invoice that is no cancellation: stock corrections. Off: they "
        "lower their invoice's value; an invoice that comes out below 0 is an operator event.",
    )
    cancellations: Literal["match", "count", "drop"] = Field(
        "match",
        description="match: a cancellation takes its purchase back, from the day of the cancellation on; where no "
        "purchase matches, it counts against the customer's net value. count: never matched, every cancelled line "
        "counts against the net value. drop: all set aside.",
    )


class Rfm(Strict):
    """Recency, frequency and monetary value as scores 1 to 5 by quantile."""

    window_days: Days = Field(365, description="Window of frequency (purchase days) and monetary value (net).")


class Purchases(Strict):
    """The purchase models (BG/NBD, MBG/NBD, Gamma-Gamma) and what is computed with them."""

    model: Literal["auto", "bg_nbd", "mbg_nbd", "pooled"] = Field(
        "auto",
        description="Which model's numbers are the features. auto: of the identified ones the one with the lowest AIC, "
        "else pooled (one drop-out probability for all).",
    )
    time_unit: Literal["days", "weeks"] = Field("days", description="The unit of the models' time.")
    horizons_days: tuple[Days, ...] = Field((30, 90), description="Horizons of expected purchases and value.")
    lifetime_days: Days = Field(365, description="Horizon of the customer lifetime value.")
    discount_rate_year: float = Field(0.1, ge=0, le=1, description="Discount rate of the lifetime value, a year.")
    min_repeaters: int = Field(
        50, ge=2, description="Fewer customers with a repeat purchase: no model, empty features."
    )
    validation_days: Days = Field(90, description="Hold-out period of the purchase models' validation before as_of.")


class Clusters(Strict):
    """Clusters of customers on log-scaled, standardised recency, frequency and monetary value."""

    k_min: int = Field(3, ge=2, le=20, description="Fewest clusters that are tried.")
    k_max: int = Field(8, ge=2, le=20, description="Most clusters that are tried.")
    bootstraps: int = Field(20, ge=2, le=500, description="Bootstrap samples of the stability.")

    @model_validator(mode="after")
    def _ordered(self) -> Clusters:
        if self.k_min > self.k_max:
            raise ValueError("clusters needs k_min <= k_max")
        return self
