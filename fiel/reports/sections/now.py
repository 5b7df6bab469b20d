"""What comes first: what changed, who is leaving, what we propose to pay and why it should work."""

from __future__ import annotations

import polars as pl

from fiel.actions.reasons import REASONS
from fiel.actions.summary import Detectable
from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.charts import About
from fiel.reports.data import LISTED, Expectation, PlanView, ReportData
from fiel.reports.sections.base import Block, Empty, Section, Shown, Tile, Tiles, Words, figure
from fiel.reports.sections.wording import Wording, wording
from fiel.reports.tables import Column, column, number, table


def words_of(data: ReportData) -> Wording:
    """How this report speaks of its program's outcome."""
    return wording(data.program, data.horizon_date)


def about(data: ReportData) -> About:
    """What every subtitle of this report says."""
    return About(data.as_of, data.customers, data.program.simulated)


def _figure_number(kind: str, value: float | None) -> str:
    return {"count": fmt.whole, "mean": fmt.ratio, "share": fmt.percent}[kind](value)


def _change(row: dict[str, float | str | None]) -> str:
    now, before = row["now"], row["before"]
    if not isinstance(now, float) or not isinstance(before, float):
        return fmt.MISSING
    if row["kind"] == "share":
        return f"{fmt.signed_ratio(100 * (now - before))} percentage points"
    moved = fmt.signed_whole(now - before) if row["kind"] == "count" else fmt.signed_ratio(now - before)
    return moved if before == 0 else f"{moved} ({fmt.signed_percent(now / before - 1)})"


def changes(data: ReportData) -> Section:
    """What changed since the date that this report compares with."""
    tiles = _headline(data)
    if data.previous_as_of is None:
        nothing = Empty("There is nothing to compare with yet: this is the first date with enough history.")
        return Section("changes", "What changed", (tiles, nothing))
    before = fmt.day(data.previous_as_of)
    rows = data.key_figures.to_dicts()
    frame = data.key_figures.with_columns(
        now_text=pl.Series([_figure_number(row["kind"], row["now"]) for row in rows], dtype=pl.String),
        before_text=pl.Series([_figure_number(row["kind"], row["before"]) for row in rows], dtype=pl.String),
        change=pl.Series([_change(row) for row in rows], dtype=pl.String),
    )
    shown = table(
        frame,
        [
            column("figure", kind="prose"),
            column("now_text", fmt.day(data.as_of), kind="number"),
            column("before_text", before, kind="number"),
            column("change", kind="number"),
        ],
        "Stickiness is the mean of those active a day over those active in the window. Everyone is counted, nobody "
        "sampled, so these differences have no interval.",
    )
    stage_rows = table(
        data.stage_change,
        [column("stage", kind="stage"), number("before", before), number("now", fmt.day(data.as_of)),
         number("change", show=fmt.signed_whole)],
    )  # fmt: skip
    blocks: tuple[Block, ...] = (
        tiles,
        Words(_moves_in_words(data)),
        Shown("Key figures then and now", f"as of {fmt.day(data.as_of)} and {before}", shown),
        figure("stage-change", charts.stage_change(data.stage_change, about(data), before), stage_rows),
    )
    return Section("changes", f"What changed since {before}", blocks)


def _headline(data: ReportData) -> Tiles:
    rows = data.key_figures.to_dicts()
    window = data.program.features.frequency_window
    by_name = {row["figure"]: row for row in rows}
    chosen = [
        (f"active in {window} days", f"active in {window} days", "customers"),
        (f"active a day, mean of {window} days", f"active a day, mean of {window} days", "customers"),
        ("fiel", "loyal (fiel)", "customers"),
    ]
    tiles = []
    for name, label, unit in chosen:
        row = by_name[name]
        since = "" if data.previous_as_of is None else f"{_change(row)} since {fmt.day(data.previous_as_of)}"
        tiles.append(Tile(label, f"{_figure_number(row['kind'], row['now'])} {unit}", since))
    if data.expected_losses is not None:
        tiles.append(
            Tile(
                "expected to be lost",
                f"{fmt.whole(data.expected_losses.expected)} customers",
                f"of {fmt.whole(data.expected_losses.customers)} {words_of(data).members}, by "
                f"{fmt.day(data.horizon_date)}",
            )
        )
    if data.plan is not None:
        unit = data.program.value.unit
        note = f"to {fmt.counted(data.plan.paid_customers, 'customer')}, {fmt.whole(data.plan.held_out)} held out"
        tiles.append(Tile("proposed to pay", fmt.units(data.plan.paid_points, unit), note))
    return Tiles(tuple(tiles))


def _moves_in_words(data: ReportData) -> str:
    moves = data.moves
    left = moves.filter((pl.col("from_stage") == "fiel") & (pl.col("to_stage") != "fiel"))
    came = moves.filter((pl.col("from_stage") != "fiel") & (pl.col("to_stage") == "fiel"))
    back = moves.filter((pl.col("from_stage") == "zumbi") & (pl.col("to_stage") != "zumbi"))["customers"].sum()
    gone = moves.filter((pl.col("from_stage") != "zumbi") & (pl.col("to_stage") == "zumbi"))["customers"].sum()
    where = [
        f"{fmt.whole(row['customers'])} to {row['to_stage']}"
        for row in left.sort("customers", descending=True).filter(pl.col("customers") > 0).to_dicts()
    ]
    return (
        f"Since {fmt.day_in_words(data.previous_as_of or data.as_of)}, "
        f"{fmt.counted(int(left['customers'].sum()), 'customer')} stopped being fiel"
        f"{f' ({fmt.listed(where)})' if where else ''} and {fmt.whole(int(came['customers'].sum()))} became fiel. "
        f"{fmt.whole(int(gone))} became zumbi, and {fmt.whole(int(back))} came back from there."
    )


def leaving(data: ReportData) -> Section:
    """Who is about to drop a stage and when, and who is the most likely to be lost."""
    total = data.dropping.height
    last = fmt.day(data.dropping_by_day["day"].max())  # type: ignore[arg-type]
    loyal = data.dropping.filter(pl.col("stage") == "fiel").height
    blocks: list[Block] = []
    if data.expected_losses is not None:
        blocks.append(Words(_expectation_in_words(data, data.expected_losses)))
    if total == 0:
        blocks.append(Words(f"Nobody drops a stage by {last}."))
        return Section("leaving", "Who is leaving", tuple(blocks))
    blocks.append(
        Words(
            f"Without a visit, {fmt.counted(total, 'customer')} drop a stage by {last}, {fmt.whole(loyal)} of them "
            "from fiel."
        )
    )
    by_day = (
        data.dropping_by_day.pivot("next_stage", index="day", values="customers")
        .with_columns(all=pl.sum_horizontal(pl.exclude("day")))
        .sort("day")
    )
    blocks.append(figure("dropping", charts.dropping_timeline(data.dropping_by_day, about(data)), table(by_day)))
    scored = data.dropping["prob"].is_not_null().any()
    columns: list[Column] = [
        column("customer_id", "customer", kind="id"),
        column("stage", "stage now", kind="stage"),
        column("next_stage", "falls into", kind="stage"),
        column("next_stage_date", "on", fmt.day),
        column("stage_after_visit", "after a visit", kind="stage"),
    ]
    if scored:
        columns.insert(1, number("prob", words_of(data).chance, fmt.percent))
    blocks.append(
        Shown(
            f"The next to drop, until {last}",
            _subtitle(data, "the soonest first; within a day the most likely to be lost first", total),
            table(data.dropping, columns, "All of them are in the table out_scores.", at_most=LISTED),
        )
    )
    if data.leaving.height:
        blocks.append(_most_at_risk(data))
    return Section("leaving", "Who is leaving", tuple(blocks))


def _most_at_risk(data: ReportData) -> Shown:
    columns: list[Column] = [
        column("customer_id", "customer", kind="id"),
        number("loss_prob", "chance to be lost", fmt.percent),
        column("next_stage", "falls into", kind="stage"),
        column("next_stage_date", "on", fmt.day),
        column("value_cluster", "value cluster"),
    ]
    columns += [
        column(name, f"reason {place}", kind="prose")
        for place in (1, 2, 3)
        if data.leaving[name := f"reason_{place}"].is_not_null().any()
    ]
    size = 0 if data.expected_losses is None else data.expected_losses.customers
    words = words_of(data)
    return Shown(
        f"{fmt.counted(size, 'customer')} {words.members}: the most likely to be lost",
        _subtitle(data, f"chance {words.lost}", size),
        table(data.leaving, columns, f"The first {min(LISTED, size)} of {fmt.counted(size, 'customer')}."),
    )


def _subtitle(data: ReportData, unit: str, customers: int) -> str:
    return about(data).subtitle(unit, customers)


def _expectation_in_words(data: ReportData, losses: Expectation) -> str:
    words, gains = words_of(data), data.expected_gains
    text = (
        f"Of {fmt.counted(losses.customers, 'customer')} {words.members}, the model expects "
        f"{fmt.with_interval(losses.expected, losses.low, losses.high, 'whole')} {words.lost}"
    )
    if gains is not None:
        text += (
            f", and {fmt.with_interval(gains.expected, gains.low, gains.high, 'whole')} of the "
            f"{fmt.whole(gains.customers)} others {words.gained}"
        )
    return text + ". The intervals (95 %) hold if the scores are calibrated and customers decide independently."


def rewards(data: ReportData) -> Section:
    """What the plan would pay, to whom, within which limits, and what is known of its effect."""
    title = "What we propose to pay, and why it should work"
    if data.plan is None:
        missing = Empty("No plan was made for this date.", _command(data, "reward"))
        return Section("rewards", title, (missing,))
    plan, unit, money = data.plan, data.program.value.unit, data.money
    blocks: list[Block] = [Words(_plan_in_words(data, plan))]
    if data.program.incentive.invented:
        blocks.append(
            Words(
                "The amounts of this policy are placeholders of ours, not the operator's. Set "
                "incentive.buckets in the program file before anything is paid.",
                "warning",
            )
        )
    if money.summary is not None and money.summary.not_payable_because and not money.applied:
        blocks.append(Words(f"This plan cannot be paid: {money.summary.not_payable_because}.", "warning"))
    if plan.buckets.height:
        by_bucket = table(
            plan.buckets.with_columns(decision=pl.col("decision").replace(charts.DECISION_WORDS)),
            [column("bucket"), column("decision"), number("customers"), number("points", f"{unit} paid")],
        )
        blocks.append(figure("plan-buckets", charts.plan_by_bucket(plan.buckets, about(data), unit), by_bucket))
    amounts = table(plan.amounts, [column("name", "amount"), number("points", unit)])
    blocks.append(figure("budget", charts.budget(plan.amounts, about(data), unit), amounts, half=True))
    if plan.reasons.filter(pl.col("decision") != "grant").height:
        reasons = table(
            plan.reasons.with_columns(
                meaning=pl.col("reason_code").replace_strict(REASONS, default=pl.col("reason_code")),
                decision=pl.col("decision").replace(charts.DECISION_WORDS),
            ),
            [
                column("decision"),
                column("reason_code", "reason", fmt.words),
                number("customers"),
                column("meaning", kind="prose"),
            ],
        )
        blocks.append(figure("plan-reasons", charts.plan_reasons(plan.reasons, about(data)), reasons, half=True))
    blocks += _why_it_should_work(data)
    if plan.winners.height:
        columns = [
            number("rank", "place"),
            column("customer_id", "customer", kind="id"),
            column("stage", kind="stage"),
            number("prob", words_of(data).chance, fmt.percent),
            number("points", unit, fmt.signed_whole),
            column("product"),
        ]
        first = f"The first {LISTED} of {fmt.whole(plan.paid_customers)}. " if plan.paid_customers > LISTED else ""
        note = f"{first}Places in between are held out or excluded."
        blocks.append(
            Shown(
                "Who would be paid first",
                _subtitle(data, f"{unit}, in the order of payment", plan.paid_customers),
                table(plan.winners, columns, f"{note} All the paid are in the export of the cycle."),
            )
        )
    return Section("rewards", title, tuple(blocks))


def _plan_in_words(data: ReportData, plan: PlanView) -> str:
    unit = data.program.value.unit
    paid = "were paid" if data.money.applied else "would be paid"
    text = (
        f"{fmt.counted(plan.paid_customers, 'customer')} {paid} {fmt.units(plan.paid_points, unit)} in all, under "
        f"policy {plan.policy_version}; {fmt.counted(plan.held_out, 'eligible customer')} "
        f"({fmt.percent(data.program.incentive.hold_out_share)} by design) are held out."
    )
    summary = data.money.summary
    if summary is not None:
        text += f" Of the budget {fmt.units(summary.budget_left_points, unit)} would be left."
        if summary.previous is not None:
            text += (
                f" Against the cycle of {fmt.day(summary.previous.as_of)} "
                f"({fmt.counted(summary.previous.granted, 'customer')}, "
                f"{fmt.units(summary.previous.rewards_points, unit)}) {fmt.whole(summary.previous.entered)} enter and "
                f"{fmt.whole(summary.previous.left)} leave."
            )
    return text


def _why_it_should_work(data: ReportData) -> list[Block]:
    known = data.money.lift.filter(pl.col("lift").is_not_null())
    blocks: list[Block] = []
    if known.height:
        shown = table(
            known.sort("as_of", "kind"),
            [
                column("as_of", "cycle", fmt.day),
                column("kind"),
                number("granted"),
                number("granted_rate", "reached the target", fmt.percent),
                number("held_out", "held out"),
                number("held_out_rate", "reached the target", fmt.percent),
                number("lift", "difference (share)", fmt.signed_percent),
                number("lift_lower", "interval from", fmt.signed_percent),
                number("lift_upper", "to", fmt.signed_percent),
            ],
        )
        blocks.append(figure("lift", charts.realised_lift(known, about(data), words_of(data).word), shown))
    else:
        blocks.append(
            Words(
                "Nothing shows yet that paying works: no applied cycle has matured. A cycle is judged "
                f"{data.program.target.horizon_days} days after it was paid, by comparing the paid with those held "
                "out.",
            )
        )
    summary = data.money.summary
    blocks += [Words(_detectable_in_words(found)) for found in (summary.detectable if summary is not None else ())]
    return blocks


def _detectable_in_words(found: Detectable) -> str:
    groups = f"{fmt.whole(found.granted)} paid and {fmt.whole(found.held_out)} held out ({found.kind}s)"
    if found.effect is None:
        return f"With {groups}, this cycle could show no effect at all: the groups are too small."
    return (
        f"With {groups}, the smallest effect that this cycle could show is "
        f"{fmt.signed_ratio(100 * found.effect)} percentage points on a share of {fmt.percent(found.base_rate)} "
        "(80 % power, 5 % level). A smaller one would go unseen."
    )


def _command(data: ReportData, stage: str) -> str:
    return f"fiel run {stage} --program {data.program.name} --as-of {fmt.day(data.as_of)}"
