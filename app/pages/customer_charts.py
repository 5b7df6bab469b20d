"""Charts of one customer as plain Vega-Lite specifications: the timeline, the stages over time, the quarters.

No chart library: a worker builds them for each request. They are drawn with the light tokens of `fiel.reports.tokens`
(the browser adds the config and turns them dark), in the language of the page. Dates are on a
scale in UTC, or a browser west of Greenwich would show the day before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.pages.voice import Voice
from fiel.program import STAGES
from fiel.reports.tokens import DIVERGING, STAGE_COLOURS, light

FIT = {"type": "fit-x", "contains": "padding"}
"""A chart is as wide as its frame."""

FEW_QUARTERS = 4
"""Up to here bars keep their width instead of filling the frame, which a phone still holds."""

DAYS_LISTED = 200
"""Active days that a document lists at most (fiel.serving.customers)."""

LANE_PX = 26
"""Height of one stage's lane."""

TICKS = 6
"""Dates below a chart, about."""


@dataclass(frozen=True)
class ChartTable:
    """What a chart shows, as rows of text that are ready to be read; `numeric` columns stand to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True)
class CustomerChart:
    """One chart of a page: its heading as text, its description for a screen reader, its specification, its table."""

    name: str
    title: str
    subtitle: str
    description: str
    spec: dict[str, Any]
    table: ChartTable


def timeline(days: Sequence[Sequence[Any]], as_of: date, voice: Voice) -> CustomerChart | None:
    """Every active day of the last year with its net value; None where there was none.

    `days`: [ISO day, transactions, net value in the smallest unit], oldest first (a customer's document).
    """
    shown = [(str(day), int(events), int(value)) for day, events, value in days if str(day) < as_of.isoformat()]
    if not shown:
        return None
    _ = voice.say
    rows = [{"day": day, "events": events, "value": value / voice.program.value.scale} for day, events, value in shown]
    total, events = sum(value for _, _, value in shown), sum(count for _, count, _ in shown)
    first = min(date.fromisoformat(shown[0][0]), as_of - timedelta(days=56))
    has_value = any(value for _, _, value in shown)
    height = "value" if has_value else "events"
    x = {
        "field": "day",
        "type": "temporal",
        "scale": {"type": "utc", "domain": [first.isoformat(), as_of.isoformat()]},
        "axis": {"format": "%Y-%m-%d", "tickCount": 6, "title": None},
    }
    tips = [
        {"field": "day", "type": "nominal", "title": _("day")},
        {"field": "events", "type": "quantitative", "title": _("events"), "format": ","},
        {"field": "value", "type": "quantitative", "title": voice.unit, "format": ",.2~f"},
    ]
    unit = voice.unit if has_value else _("events")
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": 160,
        "autosize": FIT,
        "encoding": {"x": x, "tooltip": tips},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3},
                "encoding": {
                    "y": {"field": height, "type": "quantitative", "axis": {"title": unit, "tickCount": 4}},
                    "y2": {"datum": 0},
                    "color": {
                        "condition": {"test": f"datum.{height} < 0", "value": DIVERGING[0]},
                        "value": DIVERGING[1],
                    },
                },
            },
            {
                "mark": {"type": "point", "shape": "circle", "filled": True, "size": 14, "color": light("ink")},
                "encoding": {"y": {"datum": 0, "type": "quantitative"}},
            },
        ],
    }
    told = {
        "days": voice.counted(len(shown), "%(count)s active day", "%(count)s active days"),
        "events": voice.counted(events, "%(count)s event", "%(count)s events"),
        "value": voice.amount(total),
    }
    if len(days) < DAYS_LISTED:
        description = _(
            "%(days)s with %(events)s and a net %(value)s in the year before %(as_of)s.",
            **told,
            as_of=as_of.isoformat(),
        )
    else:  # there may have been more before
        description = _(
            "The last %(days)s, since %(first)s: %(events)s and a net %(value)s.",
            **told,
            first=shown[0][0],
        )
    return CustomerChart(
        name="timeline",
        title=_("Active days and what they brought") if has_value else _("Active days"),
        subtitle=_("%(unit)s a day, net; a dot is an active day; before %(as_of)s", unit=unit, as_of=as_of.isoformat()),
        description=description,
        spec=spec,
        table=ChartTable(
            columns=(_("day"), _("events"), voice.unit),
            rows=tuple((day, voice.whole(count), voice.amount(value)) for day, count, value in reversed(shown)),
            numeric=(False, True, True),
        ),
    )


def _ticks(spans: Sequence[tuple[str, date, date]]) -> int | dict[str, Any]:
    """Ticks of an axis over the spans: at most one a day, because a label is a day."""
    days = (spans[-1][2] - spans[0][1]).days + 1
    return {"interval": "day", "step": 1} if days <= TICKS else TICKS


def stage_bar(spans: Sequence[Sequence[str]], as_of: date, voice: Voice) -> CustomerChart | None:
    """The stages over time, one lane for each stage that the customer was in, in the order of stages; None without any.

    `spans`: [stage, first as_of, last as_of], both inclusive, as ISO text (a customer's document).
    """
    known = [(stage, date.fromisoformat(first), date.fromisoformat(last)) for stage, first, last in spans]
    known = [(stage, first, min(last, as_of)) for stage, first, last in known if first <= as_of]
    if not known:
        return None
    _ = voice.say
    lanes = [stage for stage in STAGES if any(stage == name for name, _, _ in known)]
    rows = [
        {
            "stage": stage,
            "from": first.isoformat(),
            "to": (last + timedelta(days=1)).isoformat(),
            "last": last.isoformat(),
            "days": (last - first).days + 1,
        }
        for stage, first, last in known
    ]
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": LANE_PX * len(lanes),
        "autosize": FIT,
        "mark": {"type": "bar", "height": {"band": 0.7}},
        "encoding": {
            "x": {
                "field": "from",
                "type": "temporal",
                "scale": {"type": "utc"},
                "axis": {"format": "%Y-%m-%d", "tickCount": _ticks(known), "title": None, "grid": True},
            },
            "x2": {"field": "to"},
            "y": {
                "field": "stage",
                "type": "nominal",
                "sort": lanes,
                "axis": {"title": None, "labelColor": light("ink")},
            },
            "color": {
                "field": "stage",
                "type": "nominal",
                "scale": {"domain": lanes, "range": [STAGE_COLOURS[stage].light for stage in lanes]},
                "legend": None,
            },
            "tooltip": [
                {"field": "stage", "type": "nominal", "title": _("stage")},
                {"field": "from", "type": "nominal", "title": _("first day")},
                {"field": "last", "type": "nominal", "title": _("last day")},
                {"field": "days", "type": "quantitative", "title": _("days"), "format": ","},
            ],
        },
    }
    stage, first = known[-1][:2]
    told = {"start": known[0][1].isoformat(), "stage": stage, "first": first.isoformat()}
    if len(known) == 1:
        description = _("%(stage)s since %(first)s, without a change.", stage=stage, first=told["first"])
    elif len(known) == 2:
        description = _("One change of stage since %(start)s; %(stage)s since %(first)s.", **told)
    else:
        changes = voice.whole(len(known) - 1)
        description = _(
            "%(changes)s changes of stage since %(start)s; %(stage)s since %(first)s.", changes=changes, **told
        )
    return CustomerChart(
        name="stages",
        title=_("Stages over time"),
        subtitle=_(
            "one lane for each stage, from %(start)s to %(as_of)s",
            start=known[0][1].isoformat(),
            as_of=as_of.isoformat(),
        ),
        description=description,
        spec=spec,
        table=ChartTable(
            columns=(_("stage"), _("first day"), _("last day"), _("days")),
            rows=tuple(
                (name, begun.isoformat(), ended.isoformat(), voice.whole((ended - begun).days + 1))
                for name, begun, ended in reversed(known)
            ),
            numeric=(False, False, False, True),
        ),
    )


def quarters_chart(quarters: Sequence[Sequence[Any]], as_of: date, voice: Voice) -> CustomerChart | None:
    """Contributions to an account by calendar quarter; None where none is known.

    `quarters`: [last day, contributions, contributed, incomes, income] of the quarters with an operation, oldest first
    (a customer's document), amounts in the smallest unit. A quarter between them has none, and is shown as zero.
    """
    found = {str(day): (int(count or 0), int(amount or 0)) for day, count, amount, *_ in quarters}
    days = [day for day in _quarter_ends(min(found, default=""), as_of) if day < as_of.isoformat()]
    if not days:
        return None
    _ = voice.say
    known = [(quarter_name(day), *found.get(day, (0, 0))) for day in days]
    rows = [
        {"quarter": name, "contributed": amount / voice.program.value.scale, "contributions": count}
        for name, count, amount in known
    ]
    names = [row["quarter"] for row in rows]
    is_short = len(rows) <= FEW_QUARTERS
    spec = {
        "data": {"values": rows},
        "height": 200,
        **({"width": {"step": 64}} if is_short else {"width": "container", "autosize": FIT}),
        "mark": {"type": "bar", "color": light("accent")},
        "encoding": {
            "x": {
                "field": "quarter",
                "type": "ordinal",
                "sort": names,
                "axis": {"title": None, "labelAngle": 0, "labelOverlap": "greedy"},
            },
            "y": {
                "field": "contributed",
                "type": "quantitative",
                "scale": {"zero": True},
                "axis": {"title": voice.unit, "tickCount": 4},
            },
            "tooltip": [
                {"field": "quarter", "type": "nominal", "title": _("quarter")},
                {"field": "contributions", "type": "quantitative", "title": _("contributions"), "format": ","},
                {"field": "contributed", "type": "quantitative", "title": voice.unit, "format": ",.2~f"},
            ],
        },
    }
    description = _(
        "Contributions in %(paid)s of %(quarters)s quarters, %(total)s in all.",
        paid=voice.whole(sum(count > 0 for _name, count, _amount in known)),
        quarters=voice.whole(len(known)),
        total=voice.amount(sum(amount for _name, _count, amount in known)),
    )
    return CustomerChart(
        name="quarters",
        title=_("Contributions for each quarter"),
        subtitle=_("%(unit)s a quarter, %(first)s to %(last)s", unit=voice.unit, first=names[0], last=names[-1]),
        description=description,
        spec=spec,
        table=ChartTable(
            columns=(_("quarter"), _("contributions"), _("contributed")),
            rows=tuple((name, voice.whole(count), voice.amount(amount)) for name, count, amount in reversed(known)),
            numeric=(False, True, True),
        ),
    )


def _quarter_ends(first: str, as_of: date) -> list[str]:
    """Last days of the quarters from that of `first` to the last before `as_of`."""
    if not first:
        return []
    begun, ends = date.fromisoformat(first), []
    quarter = begun.year * 4 + (begun.month - 1) // 3
    while (end := _quarter_end(quarter)) < as_of:
        ends.append(end.isoformat())
        quarter += 1
    return ends


def _quarter_end(quarter: int) -> date:
    following = quarter + 1
    return date(following // 4, 3 * (following % 4) + 1, 1) - timedelta(days=1)


def quarter_name(day: str) -> str:
    """The quarter of an ISO day.

    >>> quarter_name("2017-12-31")
    '2017Q4'
    """
    found = date.fromisoformat(day)
    return f"{found.year}Q{(found.month - 1) // 3 + 1}"
