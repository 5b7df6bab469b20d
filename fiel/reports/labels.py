"""Features as people read them: `active_days_d28` is `active days, 28 days`."""

from __future__ import annotations

import re

from fiel.reports import format as fmt

_LABELS = {
    "active_days_share_{w}": "share of active days{when}",
    "active_days_ratio_{w}": "active days against the stage{when}",
    "stage_mean_active_days_{w}": "stage mean of active days{when}",
    "active_days_{w}": "active days{when}",
    "transactions_per_day_{w}": "events an active day{when}",
    "transactions_{key}_life": "events in the {key}",
    "transactions_{key}_share": "share of events in the {key}",
    "transactions_{w}": "events{when}",
    "value_net_{w}": "net value{when}",
    "value_earned_{w}": "value earned{when}",
    "value_spent_{w}": "value spent{when}",
    "hours_{w}": "hours around{when}",
    "age_days": "days since the first active day",
    "recency_days": "days since the last active day",
    "gap_days": "gap before the last active day",
    "mean_gap_days_{w}": "mean gap in days{when}",
    "product_share_{key}": "share of product {key}",
    "category_share_{key}": "share of category {key}",
    "stage": "stage now",
    "stage_share_{key}": "share of days as {key}",
    "stage_{w}": "earlier stage{when}",
    "value_cluster": "value cluster",
    "course_share_{key}": "share done of course {key}",
    "learning_recency_days": "days since learning",
    "as_of_weekday": "weekday of the score",
    "live_days_d28": "days with live events, 28 days",
    "planned_break_days": "days of planned breaks ahead",
    "days_since_last": "days since the last purchase",
    "r_score": "recency score",
    "f_score": "frequency score",
    "m_score": "monetary score",
    "rfm_segment": "named segment",
    "purchase_days_{w}": "purchase days{when}",
    "revenue_net_{w}": "net revenue{when}",
    "purchase_frequency": "repeat purchase days",
    "purchase_recency_days": "days from first to last purchase",
    "purchase_age_days": "days since the first purchase",
    "purchase_mean_value": "mean value of a repeat purchase",
    "purchase_alive_prob": "p(alive)",
    "purchase_value_expected": "expected value of a purchase",
    "purchases_expected_{w}": "expected purchases{ahead}",
    "purchase_prob_{w}": "chance of a purchase{ahead}",
    "value_expected_{w}": "expected value{ahead}",
    "value_if_alive_{w}": "expected value if alive{ahead}",
    "lifetime_value_{w}": "lifetime value{ahead}",
    "zero_count": "figures that are 0",
    "x_{raw}": "{raw}",
    "c_{raw}": "{raw}",
    "sum_{raw}": "sum of {raw}",
    "nonzero_{raw}": "non-zeros of {raw}",
    "difference_{raw}": "{raw}",
    "ratio_{raw}": "{raw}",
}
"""Families of columns (fiel/tables/) in a few words, the first match counts; `{key}` is what the column is made for,
`{raw}` a name of the source's own, which people look up as it is."""


def feature_label(column: str) -> str:
    """A column of a snapshot in a few words; its name as words where no family is declared.

    >>> feature_label("active_days_d28"), feature_label("transactions_life"), feature_label("purchase_prob_d90")
    ('active days, 28 days', 'events, so far', 'chance of a purchase in 90 days')
    >>> feature_label("stage_share_fiel"), feature_label("something_new")
    ('share of days as fiel', 'something new')
    """
    for family, label in _LABELS.items():
        shape = family.replace("{w}", r"(?P<w>life|d\d+)").replace("{key}", "(?P<key>[a-z0-9_]+)")
        shape = shape.replace("{raw}", "(?P<raw>[a-z0-9_]+)")
        match = re.fullmatch(shape, column)
        if match is None:
            continue
        found = match.groupdict()
        window = found.get("w") or ""
        days = f"{window[1:]} days" if window.startswith("d") else ""
        words = {"when": f", {days}" if days else ", so far", "ahead": f" in {days}", "key": found.get("key") or ""}
        words["raw"] = found.get("raw") or ""
        return label.format(**{name: fmt.words(word) if name == "key" else word for name, word in words.items()})
    return fmt.words(column)
