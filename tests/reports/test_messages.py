"""What a report and a run show of the messages that were exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import polars as pl
import pytest

from fiel.actions.messages.export import write_message_export
from fiel.actions.messages.writing import Written, write_messages
from fiel.errors import MessageError
from fiel.lake import Lake
from fiel.reports.data import ReportData
from fiel.reports.messages import message_view, messages_markdown
from fiel.reports.sections.base import Shown, Words
from fiel.reports.sections.messages import messages
from fiel.store import Store
from tests.actions.messages.worlds import AS_OF, catalogue, chosen, program


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "club")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def written(store: Store) -> Written:
    rows = chosen(16).with_columns(basis=pl.Series([["own", "segment"]] * 12 + [["all", "catalogue"]] * 4))
    return write_messages(rows, program(), catalogue(), AS_OF, store)


def test_no_export_is_no_view(lake: Lake) -> None:
    assert message_view(lake, AS_OF) is None


def test_counts_bases_and_samples_are_those_of_the_files(lake: Lake, written: Written) -> None:
    write_message_export(written, program(), lake, AS_OF)
    view = message_view(lake, AS_OF)
    assert view is not None
    assert (view.messages, view.writer, view.tokens, view.cost) == (16, "template", 0, 0)
    assert view.counts["messages"].sum() == 16
    assert view.counts.filter(language="ru", tone="loyal")["messages"].to_list() == [1]
    assert dict(view.bases.iter_rows()) == {"own": 12, "segment": 12, "all": 4, "catalogue": 4}
    assert view.samples["tone"].to_list() == ["loyal", "needs_attention", "warning_signs"] * 2
    assert view.samples["language"].to_list() == ["en"] * 3 + ["es"] * 3
    assert view.samples.row(1, named=True)["operator_risk_group"] == "high"
    assert view.refused.is_empty()


def test_refused_drafts_are_counted_by_guard_and_words_of_a_draft_are_no_guard(lake: Lake, written: Written) -> None:
    reasons = [
        "offers: 'free' promises something that is not among the offers; risk: 'churn' tells of churn, risk or a group",
        "offers: 'x' promises something; no answer: HTTP 500",
        "products: 'look, risk: none' is not one of the two products",
        None,
    ]
    rows = written.messages.with_columns(reason=pl.Series(reasons * 4), status=pl.lit("replaced"))
    write_message_export(Written(rows, 9, 4_321, 123_456, "the budget is spent"), program(), lake, AS_OF)
    view = message_view(lake, AS_OF)
    assert view is not None
    assert dict(view.refused.iter_rows()) == {"offers": 8, "products": 4, "risk": 4}
    told = messages_markdown(view, program(), AS_OF)
    assert "4,321 tokens (0.1235 USD)" in told
    assert "the budget is spent" in told
    assert "Nothing was sent" in told
    assert not [row for row in rows["text"] if row in told], "a run shows no text of a message"


def test_no_messages_are_a_view_of_nothing(lake: Lake, store: Store) -> None:
    none = write_messages(chosen(0), program(), catalogue(), AS_OF, store)
    write_message_export(none, program(), lake, AS_OF)
    view = message_view(lake, AS_OF)
    assert view is not None
    assert (view.messages, view.counts.height, view.samples.height) == (0, 0, 0)


@pytest.mark.parametrize("name", ["messages.jsonl", "manifest.json"])
def test_a_damaged_export_says_how_to_write_it_again(lake: Lake, written: Written, name: str) -> None:
    write_message_export(written, program(), lake, AS_OF)
    lake.put(f"{lake.file_path('exports', AS_OF.isoformat(), 'messages')}/{name}", b'{"customer_id"')
    with pytest.raises(MessageError, match="fiel run message --program club --as-of 2025-09-01"):
        message_view(lake, AS_OF)


def test_the_report_says_of_how_many_messages_it_speaks_and_who_gets_none(lake: Lake, written: Written) -> None:
    write_message_export(written, program(), lake, AS_OF)
    for most, is_told in ((16, True), (17, False)):
        made = program()
        assert made.messages is not None
        limited = made.model_copy(update={"messages": made.messages.model_copy(update={"most": most})})
        data = SimpleNamespace(program=limited, messages=message_view(lake, AS_OF), as_of=AS_OF, customers=900)
        section = messages(cast("ReportData", data))
        assert section is not None
        told = next(block for block in section.blocks if isinstance(block, Words)).text
        assert ("16 customers of the highest value, as many as the program file allows" in told) is is_told
        subtitles = [block.subtitle for block in section.blocks if isinstance(block, Shown)]
        assert [text.rsplit(", ", 1)[1] for text in subtitles] == ["16 customers", "16 customers", "6 customers"]
