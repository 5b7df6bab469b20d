"""Core tables: validated, one meaning for each column."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from fiel.tables.columns import Pattern, date, flag, instant, text, whole

ATTRIBUTES_PATTERNS = (
    Pattern(
        "x_{key}",
        pl.Float64(),
        "A number of the source's table; empty where the source has none.",
        known_at="first_version",
    ),
    Pattern(
        "c_{key}",
        pl.String(),
        "A text level of the source's table; empty where the source has none.",
        known_at="first_version",
    ),
)


class Customers(dy.Schema):
    """Customers as the newest source version shows them, and what became of those that it no longer shows."""

    customer_id = text("Customer.", "first_version", primary_key=True, min_length=1)
    source_created_at = instant("Creation stamp of the source (back-filled for old customers).", "never", nullable=True)
    balance_points = whole("Balance as of the source version.", "never", unit="points", nullable=True)
    first_version = text("First source version that held the customer.", "never")
    last_version = text("Last source version that held the customer.", "never")
    status = text(
        "present, merged (its events moved to merged_into) or vanished.", "never", regex="^(present|merged|vanished)$"
    )
    merged_into = text("Surviving customer of a merge.", "never", nullable=True)


class Events(dy.Schema):
    """Dated things that customers did. One row for each event; instants are UTC, days are cut in the program's zone."""

    event_id = text("Event (a transaction).", primary_key=True, min_length=1)
    customer_id = text("Customer (the surviving id after a merge).", min_length=1)
    occurred_at = instant("Instant, naive UTC.")
    day = date("Day in the program's day_time_zone.")
    value = whole("Signed value in the program's smallest unit.", unit="value")
    origin = text("Channel.")
    is_operator = flag("Caused by the operator or by Fiel: counts in balances only.")
    is_live = flag("Of one of the target's live origins (any origin where none is named).")


class EventLines(dy.Schema):
    """Products of an event. An event without lines has none here (features count it as one line)."""

    event_id = text("Event.", primary_key=True)
    line_id = text("Line within the source.", primary_key=True)
    customer_id = text("Customer.")
    day = date("Day of the event.")
    product_id = text("Product, text since 2026.", nullable=True)
    product_name = text("Name of the product, as first seen.", "published", nullable=True)
    category = text("Category after the program's mapping, as first seen.", "published", nullable=True)
    quantity = whole("Quantity.", nullable=True)
    value = whole("Value of one unit in the program's smallest unit.", unit="value", nullable=True)
    is_operator = flag("The line's event is an operator event.")


class Products(dy.Schema):
    """The product catalogue. It is undated: a product is known from the first event that sold it."""

    product_id = text("Product.", "first_version", primary_key=True)
    product_name = text("Name.", "published", nullable=True)
    category = text("Category after the program's mapping.", "published", nullable=True)
    source_category = text("Category as the source spells it.", "published", nullable=True)
    known_from = date("Day of the first event with this product; empty if never sold.", "published", nullable=True)


class CustomerDays(dy.Schema):
    """Customer-days with at least one event that is not an operator event: the active days. Built from core_events."""

    customer_id = text("Customer.", primary_key=True)
    day = date("Active day.", primary_key=True)
    transactions = whole("Events.", min=1)
    live_transactions = whole("Events of a live origin.", min=0)
    value_net = whole("Sum of values.", unit="value")
    value_earned = whole("Sum of values above zero.", unit="value", min=0)
    value_spent = whole("Sum of values below zero, as a positive number.", unit="value", min=0)
    active_seconds = whole("Last minus first event of the day.", unit="seconds", min=0, max=90_000)
    transactions_morning = whole("Events in the local morning.", min=0)
    transactions_afternoon = whole("Events in the local afternoon.", min=0)
    transactions_night = whole("Events in the rest of the day.", min=0)


class Links(dy.Schema):
    """Links from a course platform's user to a customer; one that a later version changed or dropped stays, ended."""

    user_id = text("User of the course platform.", "published", primary_key=True)
    customer_id = text("Customer.", "published", primary_key=True)
    known_from = date(
        "First day on which the link is known: that of the first version that held it; of the first version ever, the "
        "customer's first event of origin `cursos` if that is earlier.",
        "published",
        primary_key=True,
    )
    known_until = date(
        "Day of the version that named another customer or none; empty: still known.", "published", nullable=True
    )
    first_version = text("First source version that held the link.", "never")


class CourseEpisodes(dy.Schema):
    """Episodes of courses, each known from the earliest completion by anyone of an episode at or past it."""

    course_slug = text("Course.", "published", primary_key=True)
    episode = whole("Number of the episode.", "published", primary_key=True, min=0)
    known_from = date(
        "Day from which the episode is known; empty if nobody finished it or a later one.", "published", nullable=True
    )


class Completions(dy.Schema):
    """Finished episodes, the first time for each user."""

    user_id = text("User of the course platform.", primary_key=True)
    course_slug = text("Course.", primary_key=True)
    episode = whole("Number of the episode.", primary_key=True, min=0)
    occurred_at = instant("Instant, naive UTC.")
    day = date("Day in the program's day_time_zone.")


class Skills(dy.Schema):
    """Skills that a user claimed."""

    skill_event_id = text("Row id of the source.", primary_key=True)
    user_id = text("User of the course platform.")
    skill = text("Skill.")
    level = text("Level.", nullable=True)
    occurred_at = instant("Instant, naive UTC.")
    day = date("Day in the program's day_time_zone.")


class Rewards(dy.Schema):
    """Rewards that a user claimed for a course."""

    user_id = text("User of the course platform.", primary_key=True)
    course_slug = text("Course.", primary_key=True)
    occurred_at = instant("Instant, naive UTC.")
    day = date("Day in the program's day_time_zone.")


class Returns(dy.Schema):
    """What cancellations took back, one row for each cancelled line and each purchase that it took something of.

    A purchase is whole until `day`, on which its cancellation was known: an earlier as_of sees it untouched.
    """

    event_id = text("The cancellation, an operator event of core_events.", primary_key=True)
    line_id = text(
        "Line of the cancellation; LINE/2, LINE/3 … where it took from several purchases, or not all was found.",
        primary_key=True,
    )
    customer_id = text("Customer.")
    day = date("Day of the cancellation: known from here.")
    purchase_event_id = text("The purchase that was taken back; empty where none matches.", nullable=True)
    purchase_day = date("Day of that purchase; empty where none matches.", nullable=True)
    product_id = text("Product.", nullable=True)
    quantity = whole("Units taken back, positive.", min=0)
    value = whole("Value taken back in the program's smallest unit, positive.", unit="value", min=0)


class Intake(dy.Schema):
    """Where the rows and the money of a source version went: per table, read = set aside by each rule + kept.

    Rows in the order of `position`. Steps: `read` (everything that was there), `set_aside` (a rule took it out, as the
    program wants it), `rejected` (it broke a rule of the schema), `changed` (kept, but it counts otherwise: a matched
    cancellation), `kept`.
    """

    table_name = text("Source table, file or sheet.", "never", primary_key=True)
    position = whole("Order of the steps.", "never", primary_key=True, min=1)
    step = text(
        "read, set_aside, rejected, changed or kept.", "never", regex="^(read|set_aside|rejected|changed|kept)$"
    )
    rule = text("Name of the rule; empty for read and kept.", "never", nullable=True)
    about = text("The rule in words.", "never")
    is_on = flag("Whether the program file has the rule switched on.", "never")
    rows = whole("Rows.", "never", min=0)
    value = whole(
        "Signed value in the program's smallest unit; empty where the source has none.",
        "never",
        unit="value",
        nullable=True,
    )


class Profile(dy.Schema):
    """What a source version looked like before anything was changed: one row for each column of each source table."""

    table_name = text("Source table, file or sheet.", "never", primary_key=True)
    column = text("Column as the source spells it.", "never", primary_key=True)
    position = whole("Place of the column in the table.", "never", min=1)
    kind = text("text, number, date or flag: what its values are.", "never", regex="^(text|number|date|flag)$")
    rows = whole("Rows of the table.", "never", min=0)
    duplicate_rows = whole("Rows of the table that repeat an earlier one in every column.", "never", min=0)
    missing = whole("Empty values.", "never", min=0)
    not_of_kind = whole("Values that are there but not of the column's kind (a text among numbers).", "never", min=0)
    distinct = whole("Distinct values.", "never", min=0)
    lowest = text("Lowest value (number, date), shortest text otherwise, as text.", "never", nullable=True)
    quartile_1 = text("First quartile (number, date).", "never", nullable=True)
    median = text("Median (number, date).", "never", nullable=True)
    quartile_3 = text("Third quartile (number, date).", "never", nullable=True)
    highest = text("Highest value (number, date), longest text otherwise.", "never", nullable=True)
    outliers = whole(
        "Numbers more than three interquartile ranges outside the middle half.", "never", min=0, nullable=True
    )
    histogram = text("JSON: list of [from, to, rows] (number, date); empty for texts.", "never", nullable=True)
    frequent = text("JSON: list of [value, rows], the ten most frequent.", "never", nullable=True)


class Attributes(dy.Schema):
    """Customers of an undated table: one row each, its numbers as `x_{key}`, its text levels as `c_{key}`."""

    customer_id = text("Customer (the row number where the source has no id).", "first_version", primary_key=True)


class Labels(dy.Schema):
    """What an undated table says about each customer beside the attributes: the outcome, and who was treated."""

    customer_id = text("Customer.", "first_version", primary_key=True)
    label = whole("Outcome: 1 it happened, 0 it did not; empty where not known.", "never", nullable=True, min=0, max=1)
    is_treated = flag("Was in the operator's campaign; empty where not known. Never a feature.", "never", nullable=True)


class Interactions(dy.Schema):
    """The interaction log: one row for each event of a session, exact repeats dropped."""

    session = whole("Session.", primary_key=True, min=0)
    occurred_at = instant("Instant, naive UTC.", primary_key=True)
    aid = whole("Article.", primary_key=True, min=0)
    kind = text("clicks, carts or orders.", primary_key=True, regex="^(clicks|carts|orders)$")
    day = date("Day in the program's day_time_zone.")
    hour = whole("Hour of the day in that zone.", unit="hours", min=0, max=23)
    weekday = whole("Day of the week in that zone, 1 Monday to 7 Sunday.", min=1, max=7)


class LinksSessions(dy.Schema):
    """Which customer a session of the interaction log belongs to, where the operator knows it."""

    session = whole("Session.", "first_version", primary_key=True, min=0)
    customer_id = text("Customer.", "first_version", min_length=1)


class Rejected(dy.Schema):
    """Rows that broke a rule: set aside, never dropped in silence."""

    source_version = text("Source version that held the row.", "never")
    table_name = text("Source table or file.", "never")
    row = whole("Row number in it, the first data row being 1.", "never", min=0)
    rule = text("Rule that the row broke.", "never")
    content = text("The row as JSON.", "never")


class Changes(dy.Schema):
    """What a source version changed of rows that an earlier version held."""

    source_version = text("Source version that brought the change.", "never")
    kind = text(
        "merged, vanished, returned, restated, deleted or renamed.",
        "never",
        regex="^(merged|vanished|returned|restated|deleted|renamed)$",
    )
    table_name = text("Core table.", "never")
    key = text("Key of the row.", "never")
    before = text("Values before, as JSON.", "never", nullable=True)
    after = text("Values after, as JSON.", "never", nullable=True)


class Versions(dy.Schema):
    """Source versions, one row each; the newest row says which versions of the core tables belong together.

    Written last by an ingest: a run that dies before it leaves the earlier row, and so the earlier tables, in force.
    """

    sequence = whole("1, 2, 3 … in the order of ingestion.", "never", primary_key=True, min=1)
    source_version = text("Version, for example loyalty-system=12;education-platform=7.", "never")
    fingerprint = text("Digest of version, program rules and code version that made the core tables.", "never")
    known_through = date("Last complete day.", "never")
    first_day = date("Day of the first event of a customer's own (no operator event).", "never")
    table_versions = text("JSON: core table to Delta version.", "never")
    counts = text("JSON: rows read, kept, rejected, restated, merged, vanished …", "never")
    warnings = text("JSON: list of warnings.", "never")
