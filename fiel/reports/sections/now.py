"""What comes first: what changed and who is leaving."""

from __future__ import annotations

import polars as pl

from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.charts import About
from fiel.reports.charts.rfm import title_of
from fiel.reports.data import LISTED, Expectation, ReportData
from fiel.reports.sections.base import Block, Empty, Section, Shown, Tile, Tiles, Words, figure
from fiel.reports.sections.wording import Wording, stage_meanings, wording
from fiel.reports.tables import Column, column, number, table

_CLOSE = 0.02
"""A difference between promised and observed share that is not worth a word."""


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
        return fmt.signed_points(now - before)
    moved = fmt.signed_whole(now - before) if row["kind"] == "count" else fmt.signed_ratio(round(now - before, 1))
    return moved if before == 0 else f"{moved} ({fmt.signed_percent(now / before - 1)})"


def changes(data: ReportData) -> Section:
    """What changed since the date that this report compares with."""
    tiles = _headline(data)
    if data.previous_as_of is None:
        nothing = Empty("There is nothing to compare with yet: this is the first date with enough history.")
        return Section("changes", "What changed", (tiles, nothing, _stages_explained(data)))
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
        _stages_explained(data),
        Shown("Key figures then and now", f"as of {fmt.day(data.as_of)} and {before}", shown),
        figure("stage-change", charts.stage_change(data.stage_change, about(data), before), stage_rows),
    )
    return Section("changes", f"What changed since {before}", blocks)


def _stages_explained(data: ReportData) -> Shown:
    """The key to the names of the stages, which this page uses from its first line on."""
    meanings = stage_meanings(data.program.life_cycle)
    rows = pl.DataFrame({"stage": list(meanings), "meaning": list(meanings.values())})
    return Shown(
        "What the stages mean",
        "days with at least one event are active days; the numbers of days stand in the program file",
        table(rows, [column("stage", kind="stage"), column("meaning", kind="prose")]),
    )


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
                f"expected {words_of(data).loss}",
                f"{fmt.whole(data.expected_losses.expected)} customers",
                f"of {fmt.whole(data.expected_losses.customers)} {words_of(data).members}, {words_of(data).when}",
            )
        )
    if data.plan is not None:
        unit = data.program.value.unit
        note = f"to {fmt.counted(data.plan.paid_customers, 'customer')}, {fmt.whole(data.plan.held_out)} held out"
        label = "granted" if data.money.applied else "proposed to pay"
        tiles.append(Tile(label, fmt.units(data.plan.paid_points, unit), note))
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
            f"If they stay away, {fmt.counted(total, 'customer')} drop a stage by {last}, {fmt.whole(loyal)} of them "
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
        column("stage", "stage now", kind="stage"),
        column("next_stage", "falls into", kind="stage"),
        column("next_stage_date", "on", fmt.day),
        column("customer_id", "customer", kind="id"),
        column("stage_after_visit", "if they come back", kind="stage"),
    ]
    if scored:
        columns.insert(0, number("prob", words_of(data).chance, fmt.percent))
    blocks.append(
        Shown(
            f"The next to drop, until {last}",
            _subtitle(data, f"the soonest first; within a day the most likely {words_of(data).loss} first", total),
            table(data.dropping, columns, "All of them are in the table out_scores.", at_most=LISTED),
        )
    )
    if data.leaving.height:
        blocks.append(_most_at_risk(data))
    return Section("leaving", "Who is leaving", tuple(blocks))


def group_of(listed: pl.DataFrame) -> Column:
    """Which group a customer is in: the named segment where the program has them, else the value cluster."""
    if "segment" in listed.columns:
        return column("segment", "segment", title_of)
    return column("value_cluster", "value cluster")


def _most_at_risk(data: ReportData) -> Shown:
    columns: list[Column] = [
        number("loss_prob", f"chance {words_of(data).loss}", fmt.percent),
        column("next_stage", "falls into", kind="stage"),
        column("next_stage_date", "on", fmt.day),
        column("customer_id", "customer", kind="id"),
        group_of(data.leaving),
    ]
    columns += [
        column(name, f"reason {place}", fmt.typeset, "prose")
        for place in (1, 2, 3)
        if 2 * data.leaving[name := f"reason_{place}"].is_not_null().sum() > data.leaving.height
    ]
    size = 0 if data.expected_losses is None else data.expected_losses.customers
    words = words_of(data)
    # The reasons of a stage rule are whole sentences; a classifier's end in what raises or lowers it.
    speaks_of_it = data.leaving["reason_1"].str.ends_with(" it").any()
    said = f" “It” in the reasons is the {words.chance}." if speaks_of_it else ""
    return Shown(
        f"{fmt.counted(size, 'customer')} {words.members}: the most likely {words.loss}",
        _subtitle(data, f"chance {words.lost}", size),
        table(
            data.leaving,
            columns,
            f"The first {min(LISTED, size)} of {fmt.counted(size, 'customer')}.{said}",
        ),
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
    return (
        text + ". The intervals (95 %) hold if the scores are calibrated and customers decide independently."
        f"{_tried_in_words(data)}"
    )


def _tried_in_words(data: ReportData) -> str:
    """How the scores in force did where their outcome is known: promised against observed, out of time."""
    card = data.model
    if card is None:
        return ""
    bins = card.reliability.filter(pl.col("split") == "oot", pl.col("model") == card.kind)
    rows = int(bins["rows"].sum())
    if not rows:
        return ""
    promised = float((bins["mean_prob"] * bins["rows"]).sum()) / rows
    observed = float((bins["observed_rate"] * bins["rows"]).sum()) / rows
    lean = "low" if observed > promised else "high"
    off = abs(observed - promised)
    verdict = "" if off < _CLOSE else f": they were {fmt.ratio(round(100 * off, 1))} percentage points too {lean}"
    return (
        f" Where the outcome is known (out of time, {fmt.counted(rows, 'row')}) the scores promised "
        f"{fmt.percent(promised)} on average and {fmt.percent(observed)} came true{verdict}."
    )
