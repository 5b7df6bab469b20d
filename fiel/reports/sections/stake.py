"""What is at stake, and with whom: who holds it, what the plan covers, on whom the three voices disagree."""

from __future__ import annotations

import polars as pl

from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.charts.rfm import SEGMENT_TITLES, title_of
from fiel.reports.charts.stake import VOICE_WORDS, voice
from fiel.reports.data import ReportData
from fiel.reports.sections.base import Block, Section, Shown, Words, figure
from fiel.reports.sections.now import about, words_of
from fiel.reports.sections.wording import show_value
from fiel.reports.stake import Disagreement, Stake
from fiel.reports.tables import Column, Table, column, number, table


def stake(data: ReportData) -> Section | None:
    """Value at stake and disagreement; None where the scores carry no value at stake."""
    view = data.purchases
    if view is None or view.stake is None:
        return None
    blocks: list[Block] = [Words(_answer(data, view.stake)), *_holders(data, view.stake)]
    if view.disagreement is not None:
        blocks += _disagreement(data, view.disagreement)
    return Section("stake", "What is at stake, and with whom", tuple(blocks))


def _answer(data: ReportData, found: Stake) -> str:
    value, days = show_value(data.program), data.program.target.horizon_days
    text = (
        f"As of {fmt.day_in_words(data.as_of)}, {value(found.total)} are at stake with "
        f"{fmt.counted(found.customers, 'customer')}: what they would spend in the next {days} days if they are still "
        "customers, times the chance that they stay away. "
        f"A tenth of them holds {fmt.percent(found.held_by(0.1))} of it."
    )
    groups = found.by_segment if found.by_segment.height else found.by_stage
    first = groups.sort("value_at_stake", descending=True).head(2).to_dicts()
    if first:
        held = [f"{_group(row['group'])} ({fmt.percent(row['share'])})" for row in first]
        text += f" Most lies with {fmt.listed(held)}."
    covered = found.covered.filter(pl.col("decision") == "grant")
    if found.covered.height:
        paid = covered.row(0, named=True) if covered.height else {"value_at_stake": 0.0, "share": 0.0, "customers": 0}
        done = "reached" if data.money.applied else "would reach"
        text += (
            f" The plan {done} {fmt.counted(paid['customers'], 'customer')} who hold {value(paid['value_at_stake'])}, "
            f"{fmt.percent(paid['share'])} of it."
        )
    return text


def _group(name: str) -> str:
    return title_of(name) if name in SEGMENT_TITLES else name


def _holders(data: ReportData, found: Stake) -> list[Block]:
    unit, value, here = data.program.value, show_value(data.program), about(data)

    def groups(frame: pl.DataFrame, heading: str, kind: str) -> Table:
        named = frame.with_columns(group=pl.Series([_group(name) for name in frame["group"]], dtype=pl.String))
        return table(
            named,
            [
                column("group", heading, kind="stage" if kind == "stage" else "text"),
                number("customers"),
                number("value_at_stake", "value at stake", value),
                number("share", "share of it", fmt.percent),
                number("mean_prob", f"mean {words_of(data).chance}", fmt.percent),
            ],
        )

    blocks: list[Block] = []
    if found.by_segment.height:
        chart = charts.stake_by_segment(found, here, unit, SEGMENT_TITLES)
        blocks.append(figure("stake-segments", chart, groups(found.by_segment, "segment", "text"), half=True))
    by_stage = groups(found.by_stage, "stage", "stage")
    blocks.append(figure("stake-stages", charts.stake_by_stage(found, here, unit), by_stage, half=True))
    marks = found.curve.filter((pl.col("customer_share") * 10).round(6) % 1 == 0)
    curve = table(
        marks if marks.height > 2 else found.curve,
        [
            number("customer_share", "customers, the most value first", fmt.percent),
            number("customers", "customers"),
            number("value_share", "share of the value at stake", fmt.percent),
        ],
    )
    half = bool(found.covered.height)
    blocks.append(figure("stake-curve", charts.stake_concentration(found, here), curve, half=half))
    if found.covered.height:
        named = found.covered.with_columns(pl.col("decision").replace(charts.DECISION_WORDS))
        covered = table(
            named,
            [
                column("decision"),
                number("customers"),
                number("value_at_stake", "value at stake", value),
                number("share", "share of it", fmt.percent),
            ],
            "Held out are those who would be granted, kept aside so that the effect can be measured.",
        )
        chart = charts.stake_covered(found, here, unit, charts.DECISION_WORDS)
        blocks.append(figure("stake-covered", chart, covered, half=True))
    blocks.append(_top(data, found))
    return blocks


def _top(data: ReportData, found: Stake) -> Shown:
    columns: list[Column] = [
        number("place"),
        number("value_at_stake", "value at stake", show_value(data.program)),
        number("prob", words_of(data).chance, fmt.percent),
    ]
    if "rfm_segment" in found.top.columns:
        columns.append(column("rfm_segment", "segment", _group))
    columns.append(column("stage", kind="stage"))
    if "days_since_last" in found.top.columns:
        columns.append(number("days_since_last", "days since last"))
    view = data.purchases
    is_flat = view is not None and view.models is not None and view.models.is_flat
    if "purchase_alive_prob" in found.top.columns and not is_flat:
        columns.append(number("purchase_alive_prob", "p(alive)", fmt.ratio))
    columns.append(column("customer_id", "customer", kind="id"))
    if 2 * found.top["reason_1"].is_not_null().sum() > found.top.height:
        columns.append(column("reason_1", "first reason of the score", fmt.typeset, "prose"))
    return Shown(
        "With whom the most is at stake",
        about(data).subtitle(f"value at stake within {data.program.target.horizon_days} days", found.customers),
        table(found.top, columns, f"The first {found.top.height} of {fmt.counted(found.customers, 'customer')}."),
    )


def _disagreement(data: ReportData, found: Disagreement) -> list[Block]:
    value, here = show_value(data.program), about(data)
    if not found.customers:
        return [Words("Stage, p(alive) and classifier agree on every customer.", "muted")]
    voices = {name: VOICE_WORDS[name] for name in found.voices}
    is_alive_heard = "is_staying_by_alive" in voices
    said = [column(name, f"{who} says", voice) for name, who in voices.items()]
    first = found.patterns.row(0, named=True)
    patterns = table(
        found.patterns,
        [
            *said,
            number("customers"),
            number("value_at_stake", "value at stake", value),
            *([number("mean_alive_prob", "mean p(alive)", fmt.ratio)] if is_alive_heard else []),
            number("mean_prob", f"mean {words_of(data).chance}", fmt.percent),
        ],
        "The stage says stays while it is an active one, "
        f"{fmt.listed([who for who in voices.values() if who != 'stage'])} from one half on.",
    )
    top = table(
        found.top,
        [
            number("value_at_stake", "value at stake", value),
            column("stage", kind="stage"),
            *([number("alive_prob", "p(alive)", fmt.ratio)] if is_alive_heard else []),
            number("prob", words_of(data).chance, fmt.percent),
            *said,
            column("customer_id", "customer", kind="id"),
        ],
        f"The first {found.top.height} of {fmt.counted(found.customers, 'customer')}; all are in out_disagreements.",
    )
    share = found.customers / max(found.asked, 1)
    opinions = fmt.listed([f"{who} “{voice(first[name])}”" for name, who in voices.items()])
    disagreeing = fmt.listed(list(voices.values()))
    return [
        Words(
            f"{disagreeing[:1].upper()}{disagreeing[1:]} disagree on {fmt.counted(found.customers, 'customer')} of "
            f"{fmt.whole(found.asked)} ({fmt.percent(share)}), with whom {value(found.value_at_stake)} are at stake. "
            f"Most of that, {value(first['value_at_stake'])}, lies with {fmt.counted(first['customers'], 'customer')} "
            f"of whom they say: {opinions}. Look at them before money is spent on them."
        ),
        *([Words(found.caution, "warning")] if found.caution else []),
        figure("disagreement", charts.disagreement_patterns(found, here, data.program.value), patterns),
        Shown(
            "On whom they disagree, the most at stake first",
            here.subtitle("value at stake", found.customers),
            top,
        ),
    ]
