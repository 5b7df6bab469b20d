"""Feature tables: spans, groups and the snapshot."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from fiel.program import STAGES
from fiel.tables.columns import Pattern, date, flag, number, text, whole

CLUSTERS = ("hyper", "eficiente", "indeciso", "esforcado", "lurker", "preguicoso", "potencial", "none")
"""Value clusters over frequency and value (DOMAIN.md section 1)."""


class LifeCycleSpans(dy.Schema):
    """Life cycle as spans: a customer is in `stage` at every as_of from first_as_of to last_as_of, inclusive."""

    customer_id = text("Customer.", "derived", primary_key=True)
    first_as_of = date("First as_of of the span.", "derived", primary_key=True)
    last_as_of = date("Last as_of of the span; empty: open (nothing but a visit ends it).", "derived", nullable=True)
    stage = text("Stage.", "derived", regex=f"^({'|'.join(STAGES)})$")


class _Feature(dy.Schema):
    customer_id = text("Customer.", "derived", primary_key=True)
    as_of = date("Exclusive: everything strictly before this day is known.", "derived", primary_key=True)


class Activity(_Feature):
    """Activity features (DOMAIN.md section 1): what a customer did, over life and windows."""

    age_days = whole("as_of - first active day.", "derived", "days", min=1)
    transactions_morning_life = whole("Events in the local morning.", "derived", min=0)
    transactions_afternoon_life = whole("Events in the local afternoon.", "derived", min=0)
    transactions_night_life = whole("Events at other hours.", "derived", min=0)
    transactions_morning_share = number("Share of events in the local morning.", min=0, max=1)
    transactions_afternoon_share = number("Share of events in the local afternoon.", min=0, max=1)
    transactions_night_share = number("Share of events at other hours.", min=0, max=1)
    mean_gap_days_life = number("Mean gap between active days.", unit="days", nullable=True, min=1)


class LifeCycle(_Feature):
    """Life-cycle features (DOMAIN.md section 1): stage now and before, and what comes next without a visit."""

    recency_days = whole("as_of - last active day.", "derived", "days", min=1)
    gap_days = whole(
        "Last active day - the one before; empty with one active day.", "derived", "days", nullable=True, min=1
    )
    stage = text("Stage at as_of.", "derived", regex=f"^({'|'.join(STAGES)})$")
    next_stage = text("Stage after the next drop without a visit; empty for zumbi.", "derived", nullable=True)
    next_stage_date = date("First as_of in next_stage without a visit; empty for zumbi.", "derived", nullable=True)
    stage_after_visit = text("Stage on the day after a visit on as_of.", "derived")


class Courses(_Feature):
    """Course features (DOMAIN.md section 1). Customers without a known link count zero, with empty recency."""

    courses_finished = whole("Courses of which every known episode is finished.", "derived", min=0)
    courses_begun = whole("Courses begun and not finished.", "derived", min=0)
    courses_finished_rewarded = whole("Finished courses whose reward was claimed.", "derived", min=0)
    courses_finished_unrewarded = whole("Finished courses whose reward was not claimed.", "derived", min=0)
    learning_recency_days = whole(
        "as_of - day of the last reward, skill or finished episode.", "derived", "days", nullable=True, min=1
    )


class Calendar(dy.Schema):
    """Calendar features, the same for every customer of an as_of."""

    as_of = date("Exclusive date.", "derived", primary_key=True)
    as_of_weekday = whole("1 Monday to 7 Sunday.", "derived", min=1, max=7)
    live_days_d28 = whole(
        "Days of the last 28 on which the customers with a live event are at least a tenth of their median over all "
        "days before as_of that had any.",
        "derived",
        "days",
        min=0,
        max=28,
    )
    planned_break_days = whole(
        "Days of planned breaks (program file) from as_of to as_of + horizon.", "derived", "days", min=0
    )


class Rfm(_Feature):
    """Recency, frequency, monetary value (DOMAIN.md section 5). Purchases that were taken back before as_of are none.

    Scores are 1 + the number of the 20/40/60/80 % cuts over the customers with a purchase in the window, strictly below
    the value, so that equal customers have equal scores; days since the last purchase count reversed; the others: 1.
    """

    days_since_last = whole("as_of - last purchase day; empty without one.", "derived", "days", nullable=True, min=1)
    r_score = whole("Recency score, 5 the most recent.", "derived", min=1, max=5)
    f_score = whole("Frequency score, 5 the most frequent.", "derived", min=1, max=5)
    m_score = whole("Monetary score, 5 the most valuable.", "derived", min=1, max=5)
    rfm_segment = text("Named segment over recency and frequency.", "derived")


class Purchase(_Feature):
    """Purchase-model features (DOMAIN.md section 5), each as_of with parameters fitted on what was known before it.

    All are empty for customers without a purchase that stands, and the modelled ones where no model could be fitted.
    """

    purchase_frequency = whole("Distinct purchase days - 1.", "derived", "days", nullable=True, min=0)
    purchase_recency_days = whole("Last - first purchase day.", "derived", "days", nullable=True, min=0)
    purchase_age_days = whole("as_of - first purchase day (T of the models).", "derived", "days", nullable=True, min=1)
    purchase_mean_value = number(
        "Mean net value of a repeat purchase day, the first day excluded; empty without one.",
        unit="value",
        nullable=True,
    )
    purchase_alive_prob = number("p(alive): probability of not having dropped out.", nullable=True, min=0, max=1)
    purchase_value_expected = number(
        "Expected value of a purchase day (Gamma-Gamma).", unit="value", nullable=True, min=0
    )


class PurchaseFits(dy.Schema):
    """Parameters of the purchase models, one row for each as_of, model and parameter, fitted on days before as_of.

    alpha is in `time_unit`, v (gamma_gamma) in the program's unit of value; the others have no unit.
    """

    as_of = date("Exclusive date.", "derived", primary_key=True)
    model = text("bg_nbd, mbg_nbd, pooled or gamma_gamma.", "derived", primary_key=True)
    parameter = text("Name of the parameter.", "derived", primary_key=True)
    estimate = number("Maximum-likelihood estimate.", nullable=True)
    standard_error = number("Standard error from the Hessian; empty where it does not exist.", nullable=True)
    time_unit = text("Unit of the model's time: days or weeks.", "derived")
    customers = whole("Customers that the model was fitted on.", "derived", min=0)
    repeaters = whole("Those with a repeat purchase.", "derived", min=0)
    log_likelihood = number("Log likelihood.", nullable=True)
    aic = number("Akaike's information criterion.", nullable=True)
    is_identified = flag(
        "Whether the data identify the drop-out part (of gamma_gamma: the parameters); false where not fitted.",
        "derived",
    )
    is_used = flag("Whether this model's numbers are the features.", "derived")
    note = text("Why not identified, not fitted or not used; else empty.", "derived")


class AttributeFeatures(_Feature):
    """Attribute features of an undated program (DOMAIN.md section 2): the source's columns, sentinels as missing."""

    zero_count = whole("Numbers of the customer that are exactly 0 (never the id or the label).", "derived",
                       nullable=True, min=0)  # fmt: skip


class Snapshot(_Feature):
    """One row for each customer with an active day before as_of: the groups that the program asks for, joined."""

    in_population = flag("Belongs to the model's population (program file, target).", "derived")
    value_cluster = text("Value cluster over the frequency window.", "derived", regex=f"^({'|'.join(CLUSTERS)})$")


_INT, _FLOAT, _STRING = pl.Int64(), pl.Float64(), pl.String()

ACTIVITY_PATTERNS = (
    Pattern("active_days_{w}", _INT, "Active days.", "days"),
    Pattern("transactions_{w}", _INT, "Events."),
    Pattern("value_net_{w}", _INT, "Net value.", "value"),
    Pattern("value_earned_{w}", _INT, "Value earned.", "value"),
    Pattern("value_spent_{w}", _INT, "Value spent, as a positive number.", "value"),
    Pattern("transactions_per_day_{w}", _FLOAT, "Events for each active day, 0 if none."),
    Pattern("hours_{w}", _FLOAT, "Sum over days of last minus first event.", "hours"),
    Pattern("active_days_share_{w}", _FLOAT, "Active days of the frequency window over its length."),
    Pattern("mean_gap_days_{w}", _FLOAT, "Mean of the gaps whose later day is in the frequency window.", "days"),
    Pattern("product_share_{key}", _FLOAT, "Share of lifetime lines with the tracked product."),
    Pattern("category_share_{key}", _FLOAT, "Share of lifetime lines with the tracked category."),
)
LIFE_CYCLE_PATTERNS = (
    Pattern("stage_{w}", _STRING, "Stage one frequency window earlier; `none` if younger."),
    Pattern("stage_share_{key}", _FLOAT, "Share of the as_of days of life spent in the stage."),
    Pattern(
        "stage_mean_active_days_{w}",
        _FLOAT,
        "Mean active days among customers in the same stage; empty for zumbi.",
        "days",
    ),
    Pattern("active_days_ratio_{w}", _FLOAT, "Own active days over that mean; empty for zumbi."),
)
ATTRIBUTE_PATTERNS = (
    Pattern("x_{key}", _FLOAT, "A number of the source's table; empty where it wrote a sentinel or nothing."),
    Pattern("c_{key}", _STRING, "A text level of the source's table; empty where it has none."),
    Pattern("sum_{key}", _FLOAT, "Sum of the known numbers of a family of the source's columns."),
    Pattern("nonzero_{key}", _INT, "Known numbers of a family of the source's columns that are not 0."),
    Pattern("difference_{key}", _FLOAT, "One column of the source's table minus another (`a_less_b`)."),
    Pattern(
        "ratio_{key}", _FLOAT, "One column of the source's table over another (`a_over_b`); empty where that is 0."
    ),
)
COURSES_PATTERNS = (
    Pattern("course_share_{key}", _FLOAT, "Distinct finished episodes over known episodes of the course."),
)
RFM_PATTERNS = (
    Pattern("purchase_days_{w}", _INT, "Purchase days (frequency of RFM).", "days"),
    Pattern("revenue_net_{w}", _INT, "Net value, cancellations deducted (monetary of RFM).", "value"),
)
PURCHASE_PATTERNS = (
    Pattern("purchases_expected_{w}", _FLOAT, "Expected purchase days within the horizon.", "days"),
    Pattern("purchase_prob_{w}", _FLOAT, "Probability of at least one purchase within the horizon (purchase model)."),
    Pattern("value_expected_{w}", _FLOAT, "Expected value within the horizon.", "value"),
    Pattern(
        "value_if_alive_{w}", _FLOAT, "Expected value within the horizon of a customer who is still alive.", "value"
    ),
    Pattern("lifetime_value_{w}", _FLOAT, "Discounted expected value within the lifetime horizon.", "value"),
)
