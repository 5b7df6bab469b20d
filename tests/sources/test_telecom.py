from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from fiel.errors import SourceError
from fiel.simulate.telecom import simulate
from fiel.sources.rules import Sieve
from fiel.sources.telecom import read_telecom, telecom_files
from fiel.tables import TABLES

NOW = datetime(2026, 1, 1)


def test_each_file_is_known_by_its_name() -> None:
    found = telecom_files(["notes.txt", "Links_2025.csv", "b.jsonl", "operator.csv", "a.jsonl.gz", "simulated.txt"])
    assert (found.churn, found.links, found.log) == ("operator.csv", "Links_2025.csv", ("a.jsonl.gz", "b.jsonl"))
    assert found.names == ["Links_2025.csv", "a.jsonl.gz", "b.jsonl", "operator.csv"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "0 churn files.*there are: no files at all"),
        (["a.jsonl", "links.csv"], "0 churn files.*there are: a.jsonl, links.csv"),
        (["a.csv", "b.csv"], "2 churn files"),
        (["a.csv", "links.csv", "links2.csv"], r"2 files links\*\.csv"),
    ],
)
def test_a_folder_without_its_one_churn_file_is_refused(names, told) -> None:
    with pytest.raises(SourceError, match=told):
        telecom_files(names)


def test_simulated_files_become_core_tables_and_nothing_is_lost(tmp_path) -> None:
    made = simulate(tmp_path / "source", customers=200, sessions=400, broken_share=0.03)
    sieve = Sieve("v1")
    found = read_telecom(tmp_path / "source", tmp_path / "parts", sieve, NOW)
    assert found.log is not None
    assert (found.log.events, found.log.repeats) == (made.events, made.repeats)
    assert (found.attributes.height, found.labels.height, found.links.height) == (200, 200, made.links)
    assert sieve.rejected_rows().height == made.broken_lines
    sessions = found.log.scan().select("session").unique().collect().to_series()
    assert found.links.get_column("session").is_in(sessions.implode()).all()
    for name, schema in (
        ("core_attributes", found.attributes.schema),
        ("core_labels", found.labels.schema),
        ("core_links_sessions", found.links.schema),
        ("core_interactions", found.log.scan().collect_schema()),
    ):
        TABLES[name].check(schema)


def test_without_links_and_log_there_are_customers_still(tmp_path) -> None:
    made = simulate(tmp_path / "source", customers=50, sessions=10)
    (made.folder / "links.csv").unlink()
    (made.folder / "interactions.jsonl").unlink()
    found = read_telecom(made.folder, tmp_path / "parts", Sieve("v1"), NOW)
    assert found.log is None
    assert found.links.equals(pl.DataFrame(schema=TABLES["core_links_sessions"].declared))
    assert found.attributes.height == 50
