"""Phrases of the accounts of a pension fund: operations by quarter, the account's state, outside facts."""

from __future__ import annotations

from fiel.models.phrase import Phrase

_SEX = {"1": "a man", "-1": "a woman"}
_KEPT = {"true": "having", "false": "not having"}


def _quarterly(column: str, many: str, one: str) -> Phrase:
    """A count of contributions in quarters."""
    return Phrase(column, "contributions", f"{{v}} {many} {{when}}", f"{{v}} {one} {{when}}", form="count")


def _amount(column: str, before: str, topic: str = "contributed", after: str = "{when}") -> Phrase:
    """An amount of money."""
    text = f"{before} {{v}} {{unit}} {after}".strip()
    return Phrase(column, topic, text, empty=f"no known amount {after}".strip(), form="value")


def _on_file(column: str, what: str) -> Phrase:
    """A mark in the fund's own file: true or false."""
    text = f"{{v}} {what} on file"
    return Phrase(column, "contact data", text, empty=f"nothing known of {what}", form="text", levels=_KEPT)


ACCOUNT_PHRASES = (
    _quarterly("operations_{w}", "contributions", "contribution"),
    _quarterly("contributions_{w}", "contributions on the account", "contribution on the account"),
    Phrase("contributions_ytd", "contributions", "{v} contributions in the year so far",
           "{v} contribution in the year so far", form="count"),
    Phrase("operations_mean_{w}", "contributions", "a mean of {v} contributions a quarter {when}"),
    _amount("operation_sum_{w}", "having contributed"),
    _amount("operation_sum_mean_{w}", "a mean of", after="contributed a quarter {when}"),
    _amount("operation_min_{w}", "a smallest contribution of", "size of contributions"),
    _amount("operation_max_{w}", "a largest contribution of", "size of contributions"),
    _amount("operation_mean_{w}", "a mean contribution of", "size of contributions"),
    _amount("contributed_ytd", "having contributed", after="in the year so far"),
    _amount("contributed_{w}", "having contributed"),
    _amount("operated_ytd", "a turnover of", "operations", after="in the year so far"),
    _amount("operated_{w}", "a turnover of", "operations"),
    Phrase("quarters_since_operation", "last contribution", "{v} quarters since the one of the last contribution",
           "{v} quarter since the one of the last contribution", empty="having no contribution yet", form="count"),
    Phrase("days_since_operation", "last contribution", "{v} days since the last contribution",
           "{v} day since the last contribution", empty="no known day of a contribution", form="count"),
    Phrase("quarters_since_opening", "age of the account", "{v} quarters since the opening",
           "{v} quarter since the opening", form="count"),
    Phrase("quarters_since_row", "silence of the account", "{v} quarters without news of the account",
           "{v} quarter without news of the account", form="count"),
    Phrase("season_(sin|cos)", "season", "the quarter of the year"),
    Phrase("open_accounts", "accounts", "{v} open accounts of the client", "{v} open account of the client",
           form="count"),
    Phrase("payment_type", "payment type", "the payment type {v}", empty="no payment type", form="text"),
    Phrase("gender", "client", "being {v}", empty="no gender on file", form="text", levels=_SEX),
    Phrase("age", "client", "being {v} years old", empty="no age on file"),
    Phrase("cooperation_days", "age of the account", "{v} days with the fund", "{v} day with the fund",
           empty="no first day with the fund", form="count"),
    _amount("balance", "a balance of", "balance on the account", after=""),
    Phrase("days_since_first_contribution", "age of the account", "{v} days since the first contribution",
           "{v} day since the first contribution", empty="no known first contribution", form="count"),
    Phrase("accumulation_period", "terms", "the accumulation period {v}", empty="no accumulation period", form="text"),
    Phrase("payment_period", "terms", "the payment period {v}", empty="no payment period", form="text"),
    Phrase("scheme", "terms", "the pension scheme {v}", empty="no known pension scheme", form="text"),
    Phrase("region", "place", "living in {v}", empty="no known region", form="text"),
    Phrase("citizen", "citizenship", "the citizenship {v}", empty="no known citizenship", form="text"),
    _on_file("has_phone", "a phone number"),
    _on_file("has_email", "an e-mail address"),
    _on_file("has_online_account", "an online account"),
    _on_file("has_npo_assignee", "an assignee of the non-state pension"),
    _on_file("has_ops_assignee", "an assignee of the state pension"),
    _on_file("has_address", "an actual address"),
    _on_file("has_application", "an application"),
    Phrase("usd_change_q1", "USD rate", "a change of {v} of the USD rate in a quarter",
           empty="no known change of the USD rate", form="share"),
    Phrase("usd_change_q4", "USD rate", "a change of {v} of the USD rate in a year",
           empty="no known change of the USD rate", form="share"),
    Phrase("key_rate_change_q1", "key rate", "a change of {v} percentage points of the key rate in a quarter",
           empty="no known change of the key rate"),
    Phrase("key_rate_change_q4", "key rate", "a change of {v} percentage points of the key rate in a year",
           empty="no known change of the key rate"),
    Phrase("life_expectancy", "life expectancy", "a life expectancy of {v} years", empty="no known life expectancy"),
    Phrase("life_expectancy_change", "life expectancy", "a life expectancy that changed by {v} years in a year",
           empty="no known change of the life expectancy"),
    Phrase("years_left", "life expectancy", "having {v} years left to the life expectancy",
           empty="no known life expectancy"),
    Phrase("(latitude|longitude)", "place", "the place of the postcode", empty="no known place of the postcode"),
    Phrase("district", "place", "living in the district {v}", empty="no known district", form="text"),
    Phrase("place_region", "place", "a postcode in {v}", empty="no known region of the postcode", form="text"),
)  # fmt: skip
