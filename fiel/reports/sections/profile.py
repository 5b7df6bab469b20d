"""The data, as they came: what the source held before any rule, and where its rows and its money went."""

from __future__ import annotations

import polars as pl

from fiel.program import Program
from fiel.reports import format as fmt
from fiel.reports import profile as profiles
from fiel.reports.charts.profile import bin_word, money_by_rule, rows_by_rule, rows_over_time
from fiel.reports.sections.base import Block, Empty, Section, Shown, Tile, Tiles, Words, figure
from fiel.reports.tables import column, number, table

_TITLE = "The data, as they came"
_DATED_TABLES, _OPEN_TABLES = 2, 2


def profile_section(profile: pl.DataFrame, intake: pl.DataFrame, program: Program) -> Section:
    """Where rows and money went, rows over time, and each table's columns; `profile`, `intake`: core tables.

    Values of columns that name people are never in core_profile, so this page shows none.
    """
    if profile.is_empty():
        command = f"fiel run ingest --program {program.name}"
        blocks: list[Block] = [Empty("This source version was ingested before profiles were made.", command)]
        return Section("profile", _TITLE, (*blocks, *_intake(intake, program)))
    dates = profiles.coverage(profile)
    blocks = [Words(_answer(profile, intake)), _tiles(profile, intake, dates), *_intake(intake, program)]
    blocks += _dates(dates, program)
    blocks += _tables(profile)
    return Section("profile", _TITLE, tuple(blocks))


def _answer(profile: pl.DataFrame, intake: pl.DataFrame) -> str:
    names = profiles.table_names(profile)
    looked = "they looked" if len(names) != 1 else "it looked"
    counted = [] if intake.is_empty() else [name for name in intake["table_name"].unique().sort() if name not in names]
    also = f" {fmt.listed(counted)} {'is' if len(counted) == 1 else 'are'} counted and not profiled." if counted else ""
    return (
        f"The source holds {fmt.counted(len(names) + len(counted), 'table')}.{also} This is what {looked} like before "
        "any rule was applied: the whole source version, whatever the date of this report. Where a column names people "
        "its values are counted and not shown."
    )


def _tiles(profile: pl.DataFrame, intake: pl.DataFrame, dates: pl.DataFrame) -> Tiles:
    sizes = profile.group_by("table_name").agg(pl.col("rows").first(), pl.col("duplicate_rows").first())
    rows, repeated = int(sizes["rows"].sum()), int(sizes["duplicate_rows"].sum())
    worst = profile.filter(pl.col("rows") > 0).with_columns(share=pl.col("missing") / pl.col("rows"))
    worst = worst.sort("share", "table_name", "position", descending=[True, False, False]).head(1)
    tiles = [
        Tile("rows profiled", fmt.whole(rows), fmt.counted(sizes.height, "table")),
        Tile(
            "rows that stand twice", fmt.whole(repeated), f"{fmt.percent(repeated / rows if rows else 0)} of the rows"
        ),
    ]
    if worst.height and worst["share"].item() > 0:
        where = f"{worst['column'].item()} of {worst['table_name'].item()}"
        tiles.append(Tile("emptiest column", fmt.percent(worst["share"].item()), f"missing in {where}"))
    if dates.height:
        first = profile.filter(pl.col("kind") == "date")["lowest"].min()
        last = profile.filter(pl.col("kind") == "date")["highest"].max()
        tiles.append(Tile("dates", f"{str(first)[:10]} to {str(last)[:10]}", "earliest and latest of any column"))
    if intake.height:
        found = profiles.reconciliation(intake)
        share = fmt.percent(found.kept / found.read if found.read else 0)
        tiles.append(Tile("rows kept", fmt.whole(found.kept), f"{share} of {fmt.whole(found.read)} read"))
    return Tiles(tuple(tiles))


def _intake(intake: pl.DataFrame, program: Program) -> list[Block]:
    """What each rule took out: the sum, a chart in rows and one in money, and the table of all rules."""
    if intake.is_empty():
        return []
    steps = profiles.steps(intake)
    found = profiles.reconciliation(intake)
    has_money = found.value_left is not None
    columns = profiles.intake_columns(program, has_money=has_money)
    shown = table(steps, columns)
    blocks: list[Block] = [Words(profiles.reconciled_words(found, program), "plain" if found.is_whole else "warning")]
    if found.out:
        simulated = program.simulated
        blocks.append(figure("rows-by-rule", rows_by_rule(steps, simulated=simulated), shown, half=has_money))
        if has_money:
            chart = money_by_rule(steps, program.value, simulated=simulated)
            blocks.append(figure("money-by-rule", chart, shown, half=True))
    blocks.append(Shown("Rule by rule", "rows of all tables, in the order in which the rules are applied", shown))
    names = intake["table_name"].unique(maintain_order=True)
    if len(names) > 1:
        each = profiles.steps_by_table(intake)
        title = "The same by table"
        blocks.append(
            Shown(title, "rules that took out a row", table(each, [column("table_name", "table"), *columns]), True)
        )
    return blocks


def _dates(dates: pl.DataFrame, program: Program) -> list[Block]:
    """Rows over time by the first column of dates of the largest tables."""
    blocks: list[Block] = []
    names = dates["table_name"].unique(maintain_order=True)[:_DATED_TABLES]
    for place, name in enumerate(names):
        rows = dates.filter(pl.col("table_name") == name)
        rows = rows.filter(pl.col("column") == rows["column"].first())
        shown = table(rows, [column("from", show=fmt.day), column("to", "before", fmt.day), number("rows")])
        chart = rows_over_time(rows, simulated=program.simulated)
        blocks.append(figure(f"rows-over-time-{place + 1}", chart, shown, half=len(names) > 1))
        empty = rows.filter(pl.col("rows") == 0)
        if empty.height:
            listed = fmt.listed([fmt.day(day) for day in empty["from"].head(5)])
            more = f" and {fmt.whole(empty.height - 5)} more" if empty.height > 5 else ""
            blocks.append(
                Words(
                    f"{name} has no row in the {bin_word(rows)} from {listed}{more} ({rows['column'][0]}).", "warning"
                )
            )
    return blocks


def _tables(profile: pl.DataFrame) -> list[Block]:
    """The columns of each table, the largest first, and the most frequent values."""
    blocks: list[Block] = []
    names = profiles.table_names(profile)
    for name in names[:_OPEN_TABLES]:
        rows = profiles.columns_of_table(profile, name)
        blocks.append(Shown(f"Columns of {name}", profiles.size_words(rows), table(rows, profiles.COLUMNS)))
    others = [profiles.columns_of_table(profile, name) for name in names[_OPEN_TABLES:]]
    if others:
        columns = [column("table_name", "table"), number("rows"), *profiles.COLUMNS]
        title = f"Columns of {fmt.counted(len(others), 'smaller table')}"
        blocks.append(Shown(title, "the largest first", table(pl.concat(others), columns), is_folded=True))
    frequent = profiles.frequent_values(profile)
    if frequent.height:
        columns = [column("table_name", "table"), column("column", kind="id"), column("value"), number("rows"),
                   number("share", "of the table's rows", fmt.percent)]  # fmt: skip
        blocks.append(Shown("Frequent values", "up to ten of each column whose values repeat, and that names nobody",
                            table(frequent, columns), is_folded=True))  # fmt: skip
    blocks.append(
        Words(
            "Distinct values are counted exactly up to 5 million rows and estimated above. A text column counts as "
            "numbers or dates where more than nine in ten of its values are; the others are “of another kind”. "
            "Outliers lie more than three interquartile ranges outside the middle half; in a shape they have a bar of "
            "their own at each end.",
            "muted",
        )
    )
    return blocks
