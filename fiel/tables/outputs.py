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
    value_at_stake = number(
        "(1 - prob) x expected value within the target's horizon of a customer who is still alive; empty without the "
        "purchase group.",
        unit="value",
        nullable=True,
        min=0,
    )
    expected_profit = number(
        "Expected profit of treating the customer, in the currency of the program's economics; empty without them.",
        unit="currency",
        nullable=True,
    )
    grade = whole(
        "1: expected profit above 0; 2 to 5: quartiles of the others, 5 the lowest. Empty without economics.",
        "derived",
        nullable=True,
        min=1,
        max=5,
    )
    reason_1 = text("First reason of the score, in words.", "derived", nullable=True)
    reason_2 = text("Second reason.", "derived", nullable=True)
    reason_3 = text("Third reason.", "derived", nullable=True)
    model_version = text("Version of the registered model.", "derived")
    model_digest = text("Digest of the model's artifact.", "derived")
    table_versions = text("JSON: table to version that the score was made from.", "derived")


class Quality(dy.Schema):
    """Realised quality of stored scores, once their cohort has matured."""

    as_of = date("Cohort that was scored.", "derived", primary_key=True)
    target = text("Name of the target (program file) that was predicted.", "derived", primary_key=True)
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
    value_at_stake = number("Value at stake, as in the scores.", unit="value", nullable=True, min=0)
    product = text("Product id of the grant.", "derived", nullable=True)
    points = whole("Points planned by the bucket (paid only where decision is grant).", "derived", "points")
    decision = text("grant, held_out or excluded.", "derived", regex="^(grant|held_out|excluded)$")
    reason_code = text("Why: granted, held_out, no_score, not_in_population, no_bucket, penalty_off, …", "derived")
    grant_id = text("Id of the grant; empty unless decision is grant.", "derived", nullable=True)
    policy_version = text("Policy version.", "derived")
    model_version = text("Model that scored.", "derived", nullable=True)


class Probs(dy.Schema):
    """Probabilities of the program's further targets (more_targets), one row for each customer of their population."""

    customer_id = text("Customer.", "derived", primary_key=True)
    as_of = date("Exclusive date.", "derived", primary_key=True)
    target = text("Name of the target.", "derived", primary_key=True)
    prob = number("Probability of that target.", min=0, max=1)
    model_version = text("Version of that target's registered model.", "derived")
    model_digest = text("Digest of the model's artifact.", "derived")


class Segments(dy.Schema):
    """Segment and cluster of every customer at one as_of."""

    customer_id = text("Customer.", "derived", primary_key=True)
    as_of = date("Exclusive date.", "derived", primary_key=True)
    rfm_segment = text("Named segment over recency and frequency.", "derived")
    cluster = whole("Cluster, 1 the most valuable.", "derived", min=1)
    cluster_name = text("The cluster in a few words.", "derived")


class ClusterProfiles(dy.Schema):
    """The clusters of one as_of: size, middle customer, words; choice of k and stability stand on every row.

    Customers without a purchase that stands are the last cluster, `without a standing purchase`; k, silhouette and
    stability are those of the others.
    """

    as_of = date("Exclusive date.", "derived", primary_key=True)
    cluster = whole("Cluster, 1 the most valuable.", "derived", primary_key=True, min=1)
    cluster_name = text("The cluster in a few words.", "derived")
    customers = whole("Customers.", "derived", min=0)
    share = number("Share of the customers.", min=0, max=1)
    median_days_since_last = number("Median days since the last purchase.", unit="days", nullable=True)
    median_purchase_days = number("Median purchase days in the window.", unit="days")
    median_revenue_net = number("Median net value in the window.", unit="value")
    revenue_share = number("Share of the net value.", nullable=True)
    k = whole("Number of clusters, those without a standing purchase left out.", "derived", min=0)
    silhouette = number("Silhouette of this k.", nullable=True, min=-1, max=1)
    ari_mean = number("Mean adjusted Rand index between bootstrap samples and the whole.", nullable=True)
    ari_low = number("Its 5 % quantile.", nullable=True)
    segments_ari = number("Adjusted Rand index with the named segments.", nullable=True)


class SegmentMoves(dy.Schema):
    """Migration between named segments: customers that were in one at previous_as_of and are in another at as_of."""

    as_of = date("Exclusive date.", "derived", primary_key=True)
    previous_as_of = date("Earlier exclusive date.", "derived", primary_key=True)
    from_segment = text("Segment then; `not_yet` for customers who had none.", "derived", primary_key=True)
    to_segment = text("Segment now.", "derived", primary_key=True)
    customers = whole("Customers.", "derived", min=0)
    revenue_net = whole("Their net value in the window, now.", "derived", "value")


class Disagreements(dy.Schema):
    """Customers on whom stage, p(alive) and classifier do not agree whether they stay."""

    customer_id = text("Customer.", "derived", primary_key=True)
    as_of = date("Exclusive date.", "derived", primary_key=True)
    stage = text("Stage.", "derived")
    alive_prob = number("p(alive) of the purchase model.", nullable=True, min=0, max=1)
    prob = number("Probability of the classifier.", min=0, max=1)
    is_staying_by_stage = flag("The stage is an active one.", "derived")
    is_staying_by_alive = flag(
        "p(alive) is at least one half; empty without a model, or where p(alive) is the same for all customers.",
        "derived",
        nullable=True,
    )
    is_staying_by_model = flag("The classifier's probability is at least one half.", "derived")
    value_at_stake = number("Value at stake.", unit="value", nullable=True, min=0)


class HoldOut(dy.Schema):
    """Purchase models against a hold-out: fitted before `calibrated_until`, actual and expected repeat purchases after.

    `kind`: `frequency` (`bucket` = calibration frequency, the last one open: `7+`), `period` (`bucket` = first day of a
    week, from the first purchases to `as_of`: purchases of the week and so far) and `total` (`bucket` = measure, or
    `parameter_NAME` of the fit; the value in `expected`).
    """

    as_of = date("Exclusive date, the end of the hold-out.", "derived", primary_key=True)
    calibrated_until = date("Exclusive end of the calibration period.", "derived")
    model = text("bg_nbd, mbg_nbd or pooled.", "derived", primary_key=True)
    kind = text("frequency, period or total.", "derived", primary_key=True, regex="^(frequency|period|total)$")
    bucket = text("Calibration frequency, first day of the week, or measure.", "derived", primary_key=True)
    position = whole("Order of the bucket.", "derived", min=0)
    customers = whole("Customers of the bucket.", "derived", min=0)
    actual = number("Actual: mean repeat purchases (frequency), repeat purchases of the week (period).", nullable=True)
    expected = number("Expected by the model, the same unit; the value of a measure.", nullable=True)
    actual_so_far = number("Period: cumulative actual repeat purchases.", nullable=True)
    expected_so_far = number("Period: cumulative expected repeat purchases.", nullable=True)
