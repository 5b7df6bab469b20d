"""Output tables: scores, their realised quality, plans."""

from __future__ import annotations

import dataframely as dy

from fiel.tables.columns import date, flag, number, text, whole


class Scores(dy.Schema):
    """Scores of one as_of. Customers outside the population have a stage and no probability."""

    customer_id = text("Customer.", "derived", primary_key=True)
    as_of = date("Exclusive date.", "derived", primary_key=True)
    stage = text("Stage at as_of.", "derived")
    next_stage = text("Stage after the next drop without a visit.", "derived", nullable=True)
    next_stage_date = date("First as_of in next_stage without a visit.", "derived", nullable=True)
    stage_after_visit = text("Stage on the day after a visit on as_of.", "derived")
    value_cluster = text("Value cluster.", "derived")
    in_population = flag("Belongs to the model's population.", "derived")
    prob = number("Probability of the target at as_of + horizon.", nullable=True, min=0, max=1)
    gain_prob = number("Probability of the target for a customer who is not in it now.", nullable=True, min=0, max=1)
    loss_prob = number("Probability of losing the target for a customer who is in it now.", nullable=True, min=0, max=1)
    reason_1 = text("First reason of the score, in words.", "derived", nullable=True)
    reason_2 = text("Second reason.", "derived", nullable=True)
    reason_3 = text("Third reason.", "derived", nullable=True)
    model_version = text("Version of the registered model.", "derived")
    model_digest = text("Digest of the model's artifact.", "derived")
    table_versions = text("JSON: table to version that the score was made from.", "derived")


class Quality(dy.Schema):
    """Realised quality of stored scores, once their cohort has matured."""

    as_of = date("Cohort that was scored.", "derived", primary_key=True)
    model_version = text("Model that scored it.", "derived", primary_key=True)
    customers = whole("Scored customers in the population.", "derived", min=0)
    target_rate = number("Share that reached the target.", min=0, max=1, nullable=True)
    mean_prob = number("Mean of the scores.", min=0, max=1, nullable=True)
    auc = number("Area under the ROC curve; empty with one class only.", nullable=True, min=0, max=1)
    log_loss = number("Log loss.", nullable=True, min=0)
    brier = number("Brier score.", nullable=True, min=0, max=1)


class Plan(dy.Schema):
    """The plan of one cycle: one row for each customer, winners first in the order of payment."""

    as_of = date("Cycle.", "derived", primary_key=True)
    customer_id = text("Customer.", "derived", primary_key=True)
    rank = whole(
        "Order of payment among the eligible, 1 first; empty if excluded before ordering.", "derived", nullable=True
    )
    prob = number("Score.", nullable=True, min=0, max=1)
    stage = text("Stage.", "derived")
    product = text("Product id of the grant.", "derived", nullable=True)
    points = whole("Points planned by the bucket (paid only where decision is grant).", "derived", "points")
    decision = text("grant, held_out or excluded.", "derived", regex="^(grant|held_out|excluded)$")
    reason_code = text("Why: granted, held_out, no_score, not_in_population, no_bucket, penalty_off, …", "derived")
    grant_id = text("Id of the grant; empty unless decision is grant.", "derived", nullable=True)
    policy_version = text("Policy version.", "derived")
    model_version = text("Model that scored.", "derived", nullable=True)
