"""What the page of a pension fund's account shows besides: its level, its operations, the client's other accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.pages.customer_charts import quarter_name
from app.pages.customer_links import customer_href
from app.pages.facts import Fact, Rows, amount, rows
from app.pages.voice import Voice
from fiel.reports import format as fmt

LEVEL_TONES = {"low": "bad", "middle": "warning", "high": "good"}
RELATIVE_TONES = {"calm": "good", "usual": "plain", "raised": "warning"}


@dataclass(frozen=True)
class Account:
    """What a pension fund's account has besides: its level for the next quarter, facts, operations, other accounts."""

    level: Fact | None
    relative: Fact | None
    facts: list[Fact]
    operations: Rows | None
    others: Rows | None
    client: str


def account(document: Mapping[str, Any], voice: Voice) -> Account | None:
    """The account's part of the page; None for other programs."""
    if not voice.program.is_quarterly:
        return None
    _ = voice.say
    level, facts, client = document.get("level") or {}, document.get("account") or {}, document.get("client") or {}
    loyalty = relative = None
    if level:
        word, quarter = level["word"], quarter_name(level["quarter"])
        loyalty = Fact(
            _("Loyalty in the next quarter, %(quarter)s", quarter=quarter), voice.level(word),
            _("1 − probability of closing: %(loyalty)s", loyalty=voice.percent(level["loyalty"])),
            repr(level["loyalty"]), LEVEL_TONES[word],
        )  # fmt: skip
        times = level["prob"] / level["base_prob"] if level["base_prob"] else None
        relative = Fact(
            _("Risk against all accounts"), voice.level(level["relative"]),
            _("%(times)s times the mean of %(base)s", times=voice.ratio(times), base=voice.percent(level["base_prob"])),
            "" if times is None else repr(times), RELATIVE_TONES[level["relative"]],
        )  # fmt: skip
    told = [
        Fact(_("Opened"), quarter_name(facts["opened"])) if facts.get("opened") else None,
        amount(_("Balance"), facts.get("balance"), voice),
        Fact(_("Payment type"), str(facts["payment_type"])) if facts.get("payment_type") is not None else None,
        Fact(_("Scheme"), str(facts["scheme"])) if facts.get("scheme") is not None else None,
    ]
    kinds = {"contributions": _("contribution"), "incomes": _("income credited by the fund")}
    operations = [
        (kinds[kind], voice.whole(number), voice.amount(total))
        for kind, (number, total) in (document.get("operations") or {}).items()
        if kind in kinds
    ]
    others = [
        (_link(voice, other), quarter_name(opened) if opened else fmt.MISSING, voice.amount(balance), voice.level(word))
        for other, opened, balance, word in client.get("accounts") or []
    ]
    return Account(
        loyalty,
        relative,
        [fact for fact in told if fact is not None],
        rows(_("Operations"), ((_("operation"), "text"), (_("number"), "number"), (_("sum"), "number")), operations)
        if operations
        else None,
        rows(
            _("The client's other open accounts"),
            ((_("account"), "link"), (_("opened"), "text"), (_("balance"), "number"), (_("loyalty"), "text")),
            others,
        )
        if others
        else None,
        str(client.get("id") or ""),
    )


def _link(voice: Voice, customer_id: str) -> dict[str, str]:
    return {"text": str(customer_id), "href": customer_href(voice.program.name, str(customer_id))}
