"""Excel workbooks as frames of text, one for each sheet (calamine reads them, through fastexcel)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import fastexcel
import polars as pl
import polars.selectors as cs

from fiel.errors import SourceError
from fiel.sources.reading import ROW, RawTable

XLSX_ENDINGS = (".xlsx",)

# It warns of columns without a value that they become text, which is what we want of them.
logging.getLogger("fastexcel.types.dtype").setLevel(logging.ERROR)


def read_xlsx(path: Path, is_time: Callable[[str], bool]) -> list[RawTable]:
    """The sheets of a workbook that hold anything, each named FILE/SHEET; the first row is the header.

    Every value is text as it stands in the cell, whole numbers without `.0`. Only columns for which `is_time` is true
    keep the cells' own type where all of them have one: dates stay dates, so that their text is never parsed again.
    A row is numbered as in a file: the first one below the header is 1. SourceError: no workbook, or an empty one.
    """
    if path.stat().st_size == 0:
        raise SourceError(f"{path.name} is empty: fetch or export it again")
    try:
        workbook = fastexcel.read_excel(path)
        tables = [_sheet(workbook, sheet, path.name, is_time) for sheet in workbook.sheet_names]
    except (fastexcel.FastExcelError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{path.name} is not a readable Excel workbook ({reason}): fetch or save it again") from error
    found = [table for table in tables if table.rows.height]
    if not found:
        raise SourceError(f"{path.name} is empty (no sheet has a row below its header): fetch or export it again")
    return found


def _sheet(workbook: fastexcel.ExcelReader, sheet: str, file: str, is_time: Callable[[str], bool]) -> RawTable:
    names = [column.name for column in workbook.load_sheet(sheet, n_rows=1, dtypes="string").available_columns()]
    as_text: dict[str | int, fastexcel.DType] = {
        place: "string" for place, name in enumerate(names) if not is_time(name)
    }
    rows = workbook.load_sheet(sheet, dtypes=as_text or None, schema_sample_rows=None).to_polars()
    # Excel keeps times as fractions of a day: 08:26 may come back as 08:25:59.999
    rows = rows.with_columns(cs.datetime().dt.round("1s"))
    rows = rows.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))
    return RawTable(f"{file}/{sheet}", rows.filter(~pl.all_horizontal(pl.exclude(ROW).is_null())) if names else rows)
