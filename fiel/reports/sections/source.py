"""What the figures rest on: the source version, who is counted, what was set aside, the versions of the tables."""

from __future__ import annotations

import polars as pl

from fiel.reports import format as fmt
from fiel.reports.data import ReportData
from fiel.reports.sections.base import Block, Section, Shown, Words
from fiel.reports.tables import column, number, table


def source(data: ReportData) -> Section:
    """The source version, who is counted, what was set aside, and the versions of the tables."""
    card = data.source
    blocks: list[Block] = [
        Words(_undated(data) if data.program.is_table else _dated(data)),
        *(Words(warning, "warning") for warning in card.warnings),
        Shown(
            "Who is counted",
            f"customers, as of {fmt.day(data.as_of)}",
            table(data.coverage, [column("group"), number("customers"), column("about", kind="prose")]),
        ),
    ]
    if card.counts:
        counts = pl.DataFrame({"what": list(card.counts), "rows": list(card.counts.values())})
        shown = table(counts, [column("what", show=fmt.words), number("rows")])
        blocks.append(
            Shown("What the ingest counted", f"rows, source version {card.source_version}", shown, is_folded=True)
        )
    dropped = {name: rows for name, rows in card.counts.items() if name.startswith("dropped_") and rows}
    if dropped:
        said = [f"{fmt.whole(rows)} ({fmt.words(name.removeprefix('dropped_'))})" for name, rows in dropped.items()]
        read = card.counts.get("rows_read", 0)
        share = f", {fmt.percent(sum(dropped.values()) / read)} of the {fmt.whole(read)} read" if read else ""
        blocks.append(
            Words(
                f"Left out as the program file asks: {fmt.listed(said)} rows{share}. "
                "No figure on this page holds them.",
                "warning",
            )
        )
    if card.rejects.height:
        shown = table(card.rejects, [column("table_name", "table"), column("rule", show=fmt.words), number("rows")])
        blocks.append(Shown("Rows rejected", "rows by the rule that they broke; kept in core_rejected", shown))
    else:
        blocks.append(Words("No row of this source version was rejected: every one could be read.", "muted"))
    if card.table_versions:
        versions = pl.DataFrame({"table": list(card.table_versions), "version": list(card.table_versions.values())})
        code = f"; code version {card.code_version}" if card.code_version else ""
        shown = table(versions, [column("table", kind="id"), number("version")])
        blocks.append(
            Shown(
                "Versions of the tables", f"Delta versions that this report was made from{code}", shown, is_folded=True
            )
        )
    return Section("data", "The data", tuple(blocks))


def _dated(data: ReportData) -> str:
    card = data.source
    return (
        f"Source version {card.source_version}, complete through {fmt.day(card.known_through)}; the first event is on "
        f"{fmt.day(card.first_day)}. Days are cut in {data.program.day_time_zone}. Everything here knows what happened "
        f"strictly before {fmt.day(data.as_of)}, and nothing after."
    )


def _undated(data: ReportData) -> str:
    return (
        f"Source version {data.source.source_version}, of {fmt.day(data.as_of)}: one row for each customer, and no "
        "dates. Train, validation and test are told apart by customer, so nothing here shows a change in time."
    )
