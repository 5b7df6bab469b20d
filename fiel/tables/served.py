"""What the service answered: one row for each customer of each answer."""

from __future__ import annotations

import dataframely as dy

from fiel.tables.columns import date, instant, number, text, whole


class Served(dy.Schema):
    """Answers of the service, so that what it said can be compared with what was scored and trained on."""

    served_date = date("Day (UTC) of the answer.", "derived", primary_key=True)
    request_id = text("Id of the request; a caller may use its own id again.", "derived", primary_key=True)
    served_at = instant("When it was answered (UTC).", "derived", primary_key=True)
    position = whole("Place of the customer in the request, from 0.", "derived", primary_key=True, min=0)
    customer_id = text("Customer; empty where a caller gave features without an id.", "derived", nullable=True)
    as_of = date("Exclusive date of the features; empty where the caller gave them.", "derived", nullable=True)
    target = text("Name of the target; alive for an answer of a purchase model.", "derived")
    basis = text(
        "recomputed from the published features, published (the stored score), cross_fitted (the stored score of "
        "models that had not seen the customer), or given (the caller's features).",
        "derived",
        regex="^(recomputed|published|cross_fitted|given)$",
    )
    door = text("Which route answered: score, customer, what_if, purchases, or a compatible door.", "derived")
    model_version = text("Version of the registered model; of a purchase model its name and date.", "derived")
    model_digest = text("Digest of the model's artifact; of a purchase model of its parameters.", "derived")
    prob = number("Probability that was answered; empty outside the population.", nullable=True, min=0, max=1)
    features = text(
        "JSON: each feature that the model read and its value; empty where the model was not asked.",
        "derived",
        nullable=True,
    )
