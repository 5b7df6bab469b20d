"""Tables of a pension fund: accounts by quarter, their closings and operations, outside facts, and their features."""

from __future__ import annotations

import dataframely as dy

from fiel.tables.columns import KnownAt, date, flag, number, text, whole

_DERIVED: KnownAt = "derived"


class Accounts(dy.Schema):
    """Account-quarters: the state of each account at the end of each quarter that has a row. customer_id = account.

    What the source repeats over the whole calendar year, or may have stamped on the day of the export, is `never`.
    """

    customer_id = text("Account (npo_account_id).", primary_key=True, min_length=1)
    day = date("Last day of the quarter.", primary_key=True)
    known_from = date("Day on which the state was published: the quarter's end + lags.accounts.", "published")
    client_id = text("Client who holds the account.", nullable=True)
    payment_type = text("Code of the payment type, 1 to 3.", nullable=True)
    gender = whole("1 man, -1 woman.", nullable=True, min=-1, max=1)
    age = whole("Age.", unit="years", nullable=True, min=0, max=130)
    cooperation_days = whole("Days that the client has been with the fund.", unit="days", nullable=True)
    balance = whole("Balance at the end of the quarter, in the smallest unit.", unit="value", nullable=True)
    contributions = whole("Contributions in the quarter (pmnts_nmbr_per_qrtr).", nullable=True, min=0)
    contributed = whole("Their sum (pmnts_sum_per_qrtr), in the smallest unit.", unit="value", nullable=True)
    operated = whole("Sum of operations in the quarter (oprtn_sum_per_qrtr).", unit="value", nullable=True)
    income = whole("Income credited in the quarter (incm_per_qrtr).", unit="value", nullable=True)
    first_contribution_on = date("Day of the first contribution, once it is past.", nullable=True)
    accumulation_period = text("Code of the accumulation period (mgd_accum_period).", nullable=True)
    payment_period = text("Code of the payment period (mgd_payment_period).", nullable=True)
    has_phone = flag("A phone number is on file.", nullable=True)
    has_email = flag("An e-mail address is on file.", nullable=True)
    has_online_account = flag("The client uses the online account (lk).", nullable=True)
    has_npo_assignee = flag("Assignee of the non-state pension (assignee_npo).", nullable=True)
    has_ops_assignee = flag("Assignee of the state pension (assignee_ops).", nullable=True)
    has_address = flag("An actual address is on file (fact_addrss).", nullable=True)
    has_application = flag("An application is marked (appl_mrkr).", nullable=True)
    postal_code = text("Postcode.", nullable=True)
    region = text("Region, as the fund spells it.", nullable=True)
    citizen = text("Citizenship, as the fund spells it.", nullable=True)
    scheme = text("Pension scheme of the account, fixed when it was opened.", nullable=True)
    contributions_of_year = whole("Of the whole calendar year, whatever the quarter: knows Q4.", "never", nullable=True)
    contributed_of_year = whole("Of the whole calendar year: knows Q4.", "never", unit="value", nullable=True)
    operated_of_year = whole("Of the whole calendar year: knows Q4.", "never", unit="value", nullable=True)
    income_of_year = whole("Of the whole calendar year: knows Q4.", "never", unit="value", nullable=True)
    last_contribution_recency_days = whole(
        "lst_pmnt_rcnc_d: may know the last contribution ever.", "never", unit="days", nullable=True
    )
    selection_number = text("slctn_nmbr: how the row came into the export.", "never", nullable=True)


class Closings(dy.Schema):
    """Closed accounts, each counted once: the first quarter in which the source shows the account as closed."""

    customer_id = text("Account.", primary_key=True, min_length=1)
    day = date("Last day of the quarter in which the account was closed.")
    known_from = date("Day on which the closing was published: the quarter's end + lags.accounts.", "published")
    client_id = text("Client who held it before.", nullable=True)


class Operations(dy.Schema):
    """Operations of each account in each quarter that has one. Amounts are in the smallest unit, empty if not given."""

    customer_id = text("Account.", primary_key=True, min_length=1)
    day = date("Last day of the quarter.", primary_key=True)
    known_from = date("Day on which they were published: the quarter's end + lags.accounts.", "published")
    contributions = whole("Contributions (group 1).", min=0)
    contributed = whole("Their sum.", unit="value", nullable=True)
    contribution_min = whole("The smallest.", unit="value", nullable=True)
    contribution_max = whole("The largest.", unit="value", nullable=True)
    last_contribution_on = date("Day of the last one; empty if not given.", nullable=True)
    incomes = whole("Incomes that the fund credited (group 0).", min=0)
    income = whole("Their sum.", unit="value", nullable=True)


class Context(dy.Schema):
    """Outside facts, each with the day on which it was published."""

    fact = text("usd_rate, key_rate or life_expectancy.", "published", primary_key=True)
    subject = text("Gender (1, -1) for life_expectancy, else empty text.", "published", primary_key=True)
    period_end = date("Last day of the quarter or year that the fact is about.", "published", primary_key=True)
    known_from = date("Day of publication: the period's end + the fact's lag.", "published")
    value = number("Roubles for a dollar, % a year, years.", "published")


class Places(dy.Schema):
    """Postcodes with coordinates and district."""

    postal_code = text("Postcode, six digits.", "published", primary_key=True)
    known_from = date("pension.postcodes_known_from.", "published")
    latitude = number("Latitude in degrees.", "published", nullable=True, min=-90, max=90)
    longitude = number("Longitude in degrees.", "published", nullable=True, min=-180, max=180)
    district = text("District; empty for most towns.", "published", nullable=True)
    place_region = text("Region of the postcode.", "published", nullable=True)


class _Feature(dy.Schema):
    customer_id = text("Account.", "derived", primary_key=True)
    as_of = date("Exclusive: everything strictly before this day is known.", "derived", primary_key=True)


class Quarters(_Feature):
    """Accounts that are open at as_of: operations by calendar quarter, and the state last known.

    `q1` is the last complete quarter before as_of, `q2` to `q4` the last 2 to 4 calendar quarters; a quarter without
    a row is a quarter without operations. Operations are contributions: what the fund itself credits is none.
    """

    operations_q1 = whole("Contributions in the last quarter.", _DERIVED, min=0)
    operation_sum_q1 = whole(
        "Their sum; 0 without any, empty if amounts are not given.", _DERIVED, "value", nullable=True
    )
    operation_min_q1 = whole("The smallest; empty without one.", _DERIVED, "value", nullable=True)
    operation_max_q1 = whole("The largest; empty without one.", _DERIVED, "value", nullable=True)
    operation_mean_q1 = number("Their mean; empty without one.", unit="value", nullable=True)
    operations_mean_q2 = number("Mean number of contributions a quarter, last 2 quarters.", min=0)
    operations_mean_q3 = number("Mean number of contributions a quarter, last 3 quarters.", min=0)
    operations_mean_q4 = number("Mean number of contributions a quarter, last 4 quarters.", min=0)
    operation_sum_mean_q2 = number("Mean sum a quarter, last 2 quarters.", unit="value", nullable=True)
    operation_sum_mean_q3 = number("Mean sum a quarter, last 3 quarters.", unit="value", nullable=True)
    operation_sum_mean_q4 = number("Mean sum a quarter, last 4 quarters.", unit="value", nullable=True)
    contributions_ytd = whole(
        "Contributions (account rows) in the year of the last quarter, up to it.", _DERIVED, min=0
    )
    contributions_q4 = whole("Contributions (account rows) in the last 4 quarters.", _DERIVED, min=0)
    contributed_ytd = whole("Contributed (account rows) in the year of the last quarter, up to it.", _DERIVED, "value")
    contributed_q4 = whole("Contributed (account rows) in the last 4 quarters.", _DERIVED, "value")
    operated_ytd = whole(
        "Sum of operations (account rows) in the year of the last quarter, up to it.", _DERIVED, "value"
    )
    operated_q4 = whole("Sum of operations (account rows) in the last 4 quarters.", _DERIVED, "value")
    operations_life = whole("Contributions so far.", _DERIVED, min=0)
    operation_sum_life = whole("Their sum; empty if amounts are not given.", _DERIVED, "value", nullable=True)
    quarters_since_operation = whole(
        "Quarters since the last one with a contribution, 0 the last quarter; empty without one.",
        _DERIVED,
        nullable=True,
        min=0,
    )
    days_since_operation = whole(
        "as_of - day of the last contribution; empty where the day is not given.",
        _DERIVED,
        "days",
        nullable=True,
        min=1,
    )
    quarters_since_opening = whole("Quarters since the account's first row, 0 the last quarter.", _DERIVED, min=0)
    quarters_since_row = whole("Quarters since the account's newest row, 0 the last quarter.", _DERIVED, min=0)
    season_sin = number("Sine of the quarter that begins at as_of (a year is a circle).", min=-1, max=1)
    season_cos = number("Cosine of it.", min=-1, max=1)
    open_accounts = whole("Open accounts of the client, this one included.", _DERIVED, min=1)
    payment_type = text("Code of the payment type.", _DERIVED, nullable=True)
    gender = whole("1 man, -1 woman.", _DERIVED, nullable=True)
    age = whole("Age in the newest row.", _DERIVED, "years", nullable=True)
    cooperation_days = whole("Days with the fund in the newest row.", _DERIVED, "days", nullable=True)
    balance = whole("Balance in the newest row.", _DERIVED, "value", nullable=True)
    days_since_first_contribution = whole("as_of - first contribution.", _DERIVED, "days", nullable=True, min=1)
    accumulation_period = text("Code of the accumulation period.", _DERIVED, nullable=True)
    payment_period = text("Code of the payment period.", _DERIVED, nullable=True)
    scheme = text("Pension scheme.", _DERIVED, nullable=True)
    region = text("Region, as the fund spells it.", _DERIVED, nullable=True)
    citizen = text("Citizenship.", _DERIVED, nullable=True)
    has_phone = flag("With a phone number.", _DERIVED, nullable=True)
    has_email = flag("With an e-mail address.", _DERIVED, nullable=True)
    has_online_account = flag("With an online account.", _DERIVED, nullable=True)
    has_npo_assignee = flag("With an assignee of the non-state pension.", _DERIVED, nullable=True)
    has_ops_assignee = flag("With an assignee of the state pension.", _DERIVED, nullable=True)
    has_address = flag("With an actual address.", _DERIVED, nullable=True)
    has_application = flag("With a marked application.", _DERIVED, nullable=True)


class ContextFeatures(_Feature):
    """Outside facts as published before as_of, for accounts that are open at it.

    Rates come as changes: a level names the quarter, and a model could learn the quarter by heart.
    """

    usd_change_q1 = number("Newest USD rate over the one a quarter earlier, - 1.", nullable=True)
    usd_change_q4 = number("Newest USD rate over the one four quarters earlier, - 1.", nullable=True)
    key_rate_change_q1 = number("Newest key rate - the one a quarter earlier.", unit="% points", nullable=True)
    key_rate_change_q4 = number("Newest key rate - the one four quarters earlier.", unit="% points", nullable=True)
    life_expectancy = number("Newest life expectancy of the client's gender.", unit="years", nullable=True)
    life_expectancy_change = number("That - the one of the year before.", unit="years", nullable=True)
    years_left = number("Life expectancy - age; below 0 for who is past it.", unit="years", nullable=True)
    latitude = number("Latitude of the postcode.", nullable=True)
    longitude = number("Longitude of the postcode.", nullable=True)
    district = text("District of the postcode; empty for most towns.", _DERIVED, nullable=True)
    place_region = text("Region of the postcode.", _DERIVED, nullable=True)
