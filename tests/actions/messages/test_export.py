"""The files of messages: the same bytes for the same messages, the manifest last, nothing for the customer's eyes only
beside what is the operator's."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Any

import polars as pl
import pytest

from fiel.actions.messages.export import message_files, write_message_export
from fiel.actions.messages.writing import Written, write_messages
from fiel.lake import Lake
from fiel.store import Store
from tests.actions.messages.worlds import AS_OF, catalogue, chosen, program


@pytest.fixture
def written(store: Store) -> Written:
    return write_messages(chosen(16), program(), catalogue(), AS_OF, store)


def files(lake: Lake, manifest: dict[str, Any]) -> dict[str, bytes]:
    folder = lake.file_path("exports", AS_OF.isoformat(), "messages")
    return {file["name"]: lake.get(f"{folder}/{file['name']}") or b"" for file in manifest["files"]}


def test_the_manifest_names_every_file_with_its_hash(written: Written, lake: Lake) -> None:
    manifest = write_message_export(written, program(), lake, AS_OF)
    assert manifest.address.endswith("exports/2025-09-01/messages/manifest.json")
    assert {name: hashlib.sha256(content).hexdigest() for name, content in files(lake, manifest.content).items()} == {
        file["name"]: file["sha256"] for file in manifest.content["files"]
    }
    assert manifest.content["messages"] == 16
    assert manifest.content["statuses"] == {"template": 16}
    assert manifest.content["sent_to_customers"] is False


def test_json_lines_and_csv_hold_every_message_and_keep_the_operators_part_apart(written: Written, lake: Lake) -> None:
    found = files(lake, write_message_export(written, program(), lake, AS_OF).content)
    lines = [json.loads(line) for line in found["messages.jsonl"].decode().splitlines()]
    rows = list(csv.DictReader(io.StringIO(found["messages.csv"].decode(), newline="")))
    assert (
        [line["customer_id"] for line in lines]
        == [row["customer_id"] for row in rows]
        == sorted(chosen(16)["customer_id"])
    )
    assert [row["text"] for row in rows] == [line["text"] for line in lines]
    assert lines[9]["operator"] == {
        "prob": 0.019,
        "risk_group": "high",
        "segment": "premium",
        "engagement": 49.0,
        "basis": None,
    }
    assert set(lines[9]) & {"prob", "risk_group", "segment"} == set()
    assert rows[9]["operator_risk_group"] == "high"
    assert lines[9]["products"] == ["p1", "p2"]


def test_writing_twice_changes_nothing(written: Written, lake: Lake) -> None:
    first = write_message_export(written, program(), lake, AS_OF)
    before = files(lake, first.content)
    steps: list[str] = []
    second = write_message_export(written, program(), lake, AS_OF, steps.append)
    assert (first.changed, second.changed, steps) == (True, False, [])
    assert files(lake, second.content) == before


def test_the_manifest_is_written_last(written: Written, lake: Lake) -> None:
    steps: list[str] = []
    write_message_export(written, program(), lake, AS_OF, steps.append)
    assert steps == ["messages.csv written", "messages.jsonl written", "manifest.json written"]


@pytest.mark.parametrize("lost", ["messages.csv", "messages.jsonl", "manifest.json"])
def test_a_file_that_was_lost_or_damaged_is_written_again_as_it_was(written: Written, lake: Lake, lost: str) -> None:
    first = write_message_export(written, program(), lake, AS_OF)
    before = files(lake, first.content)
    folder = lake.file_path("exports", AS_OF.isoformat(), "messages")
    lake.put(f"{folder}/{lost}", b"half")
    second = write_message_export(written, program(), lake, AS_OF)
    assert second.changed
    assert second.content == first.content
    assert files(lake, second.content) == before


def test_other_messages_are_a_new_revision_under_new_names(written: Written, lake: Lake, store: Store) -> None:
    first = write_message_export(written, program(), lake, AS_OF)
    before = files(lake, first.content)
    other = write_messages(chosen(8), program(), catalogue(), AS_OF, store)
    second = write_message_export(other, program(), lake, AS_OF)
    assert [file["name"] for file in second.content["files"]] == ["messages-r1.csv", "messages-r1.jsonl"]
    assert files(lake, first.content) == before
    assert not write_message_export(other, program(), lake, AS_OF).changed


def test_a_text_that_a_spreadsheet_would_run_is_quoted_in_the_csv_only(written: Written) -> None:
    row = written.messages.head(1).with_columns(text=pl.lit("=HYPERLINK()"))
    found = message_files(row)
    assert b"'=HYPERLINK()" in found["messages.csv"]
    assert b'"text":"=HYPERLINK()"' in found["messages.jsonl"]


def test_no_messages_are_still_a_manifest(lake: Lake, store: Store) -> None:
    none = write_messages(chosen(0), program(), catalogue(), AS_OF, store)
    assert write_message_export(none, program(), lake, AS_OF).content["messages"] == 0
