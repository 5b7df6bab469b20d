"""The interaction log: nothing lost, nothing twice, whatever the size of the pieces and the order of the lines."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.errors import SourceError
from fiel.simulate.telecom import simulate
from fiel.sources import otto_lines
from fiel.sources.otto import InteractionLog, read_interactions
from fiel.sources.rules import Sieve
from fiel.tables import TABLES

NOW = datetime(2026, 1, 1)
TIME = 1_764_000_000_000  # 2025-11-24 16:00 UTC


def line(session: object, *events: tuple[object, object, object]) -> str:
    told = [{"aid": aid, "ts": ts, "type": kind} for aid, ts, kind in events]
    return json.dumps({"session": session, "events": told}, separators=(",", ":"))


GOOD = line(1, (5, TIME, "clicks"), (6, TIME + 1000, "carts"))


def read(folder: Path, *texts: str | bytes, name: str = "log.jsonl", **more) -> tuple[InteractionLog, Sieve]:
    """The log of these files (one text each), and what was set aside."""
    folder.mkdir(exist_ok=True)
    files = []
    for number, text in enumerate(texts):
        files.append(folder / (name if len(texts) == 1 else f"{number}-{name}"))
        files[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
    sieve = Sieve("v1")
    return read_interactions(files, folder / "parts", sieve, NOW, **more), sieve


def rows(log: InteractionLog) -> list[tuple[int, datetime, int, str]]:
    return log.scan().select("session", "occurred_at", "aid", "kind").sort(pl.all()).collect().rows()


def slow_reading(path: Path) -> Counter[tuple[int, int, int, str]]:
    """Every well-formed event of the file with how often it stands there, read without any of the reader's code."""
    found: Counter[tuple[int, int, int, str]] = Counter()
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(text)
        except ValueError:
            continue
        if isinstance(told, dict):
            for event in told.get("events") or []:
                if isinstance(event["aid"], int) and isinstance(event["ts"], int):
                    found[told["session"], event["ts"], event["aid"], event["type"]] += 1
    return found


def as_rows(events: Counter[tuple[int, int, int, str]]) -> list[tuple[int, datetime, int, str]]:
    epoch = datetime(1970, 1, 1)
    return sorted((session, epoch + timedelta(milliseconds=ts), aid, kind) for session, ts, aid, kind in events)


# ------------------------------------------------------------------------------------------ what a log becomes


def test_a_line_becomes_one_row_for_each_event(tmp_path) -> None:
    log, _ = read(tmp_path, GOOD + "\n")
    first = datetime(2025, 11, 24, 16)
    assert rows(log) == [(1, first, 5, "clicks"), (1, first + timedelta(seconds=1), 6, "carts")]
    assert (log.events, log.repeats, log.first_day, log.last_day) == (2, 0, date(2025, 11, 24), date(2025, 11, 24))
    TABLES["core_interactions"].check(log.scan().collect_schema())


def test_day_hour_and_weekday_are_those_of_the_programs_zone(tmp_path) -> None:
    late = int(datetime(2025, 11, 24, 1, 30, tzinfo=ZoneInfo("UTC")).timestamp() * 1000)
    log, _ = read(tmp_path, line(1, (5, late, "clicks")), day_time_zone="America/Sao_Paulo")
    assert log.scan().select("day", "hour", "weekday").collect().rows() == [(date(2025, 11, 23), 22, 7)]


def test_an_exact_repeat_is_dropped_and_counted_and_nothing_else_is(tmp_path) -> None:
    text = line(
        1, (5, TIME, "clicks"), (5, TIME, "clicks"), (5, TIME, "clicks"), (5, TIME, "carts"), (5, TIME + 1, "clicks")
    )
    log, sieve = read(tmp_path, text + "\n" + line(2, (5, TIME, "clicks")))
    assert (log.events, log.repeats, sieve.counts["repeated_rows"]) == (4, 2, 2)


@pytest.mark.parametrize("piece_bytes", [7, 150, 10_000_000])
@pytest.mark.parametrize("part_rows", [1, 40, 1_000_000])
def test_neither_pieces_nor_parts_change_what_is_read(tmp_path, piece_bytes, part_rows) -> None:
    made = simulate(tmp_path / "made", customers=5, sessions=30, broken_share=0.2)
    log_file = made.folder / "interactions.jsonl"
    expected = slow_reading(log_file)
    log, sieve = read(tmp_path / "read", log_file.read_bytes(), piece_bytes=piece_bytes, part_rows=part_rows)
    assert rows(log) == as_rows(expected)
    assert log.repeats == sum(expected.values()) - len(expected)
    assert len(sieve.rejected_rows()) == made.broken_lines > 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), part_rows=st.integers(1, 60))
def test_sessions_may_come_in_any_order_and_on_several_lines(tmp_path_factory, seed, part_rows) -> None:
    draw = random.Random(seed)
    lines = [
        line(
            draw.randrange(6),
            *(
                (draw.randrange(3), TIME + draw.randrange(4), draw.choice(["clicks", "orders"]))
                for _ in range(1 + seed % 9)
            ),
        )
        for _ in range(40)
    ]
    folder = tmp_path_factory.mktemp("log")
    log, sieve = read(folder, "\n".join(lines[:25]), "\n".join(lines[25:]) + "\n", piece_bytes=300, part_rows=part_rows)
    expected = sum((slow_reading(folder / f"{number}-log.jsonl") for number in range(2)), Counter())
    assert rows(log) == as_rows(expected)
    assert log.events + log.repeats == sum(expected.values()) == sum(sieve.read.values())
    assert sieve.counts.get("repeated_rows", 0) == log.repeats


def test_each_part_is_sorted_by_the_key(tmp_path) -> None:
    text = "\n".join(line(number, (9, TIME, "clicks"), (3, TIME, "clicks")) for number in (3, 1, 2))
    log, _ = read(tmp_path, text, piece_bytes=80, part_rows=1)
    assert len(log.parts) > 1
    for frame in log.frames():
        assert frame.equals(frame.sort(TABLES["core_interactions"].key))


def test_a_packed_log_is_read_as_the_plain_one(tmp_path) -> None:
    log, _ = read(tmp_path, gzip.compress(GOOD.encode()), name="log.jsonl.gz")
    assert log.events == 2


def test_marks_of_other_systems_do_not_matter(tmp_path) -> None:
    log, sieve = read(tmp_path, b"\xef\xbb\xbf" + GOOD.encode() + b"\r\n\r\n" + line(2, (5, TIME, "orders")).encode())
    assert log.events == 3
    assert sieve.rejected_rows().is_empty()


# ------------------------------------------------------------------------------------------ what is broken

BROKEN_LINES = {
    "not_json": ['{"session":2,"events":[{"aid":5,"ts":17', "hello", '{"session":2}{"session":3}', "{'session':2}"],
    "session_unreadable": ["[1,2]", "7", line("2", (5, TIME, "clicks")), line(2.5, (5, TIME, "clicks")),
                           line(-2, (5, TIME, "clicks")), line(None, (5, TIME, "clicks"))],
    "events_missing": ['{"session":2}', '{"session":2,"events":[]}', '{"session":2,"events":null}',
                       '{"session":2,"events":5}'],
    "aid_unreadable": [line(2, ("x", TIME, "clicks")), line(2, (10**25, TIME, "clicks")), line(2, (-1, TIME, "clicks")),
                       '{"session":2,"events":[null]}'],
    "time_unreadable": [line(2, (5, "yesterday", "clicks")), '{"session":2,"events":[{"aid":5,"type":"clicks"}]}'],
    "time_not_in_milliseconds": [line(2, (5, TIME // 1000, "clicks"))],
    "time_in_future": [line(2, (5, TIME + 10**10, "clicks"))],
    "type_unknown": [line(2, (5, TIME, "views")), line(2, (5, TIME, 7)), line(2, (5, TIME, None))],
}  # fmt: skip


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in BROKEN_LINES.items() for text in texts])
def test_a_broken_line_is_set_aside_with_its_number_and_the_rest_is_kept(tmp_path, rule, text) -> None:
    log, sieve = read(tmp_path, "\n".join([GOOD, "", text, line(3, (8, TIME, "orders"))]) + "\n")
    assert log.events == 3
    found = sieve.rejected_rows().select("table_name", "row", "rule").rows()
    assert found == [("log.jsonl", 3, rule)]
    assert sieve.read == {"log.jsonl": 4}


def test_bytes_that_are_no_utf8_break_their_line_only(tmp_path) -> None:
    log, sieve = read(tmp_path, GOOD.encode() + b'\n{"session":2,"events":"\xff"}\n' + GOOD.encode())
    assert (log.events, log.repeats) == (2, 2)
    assert sieve.rejected_rows().select("row", "rule").rows() == [(2, "not_utf8")]


def test_of_a_line_with_one_wrong_event_the_others_are_kept(tmp_path) -> None:
    log, sieve = read(tmp_path, line(1, (5, TIME, "clicks"), (6, TIME, "views"), (7, TIME, "orders")))
    assert log.scan().select("aid").collect().to_series().to_list() == [5, 7]
    told = sieve.rejected_rows().row(0, named=True)
    assert (told["row"], told["rule"]) == (1, "type_unknown")
    assert json.loads(told["content"]) == {"session": "1", "aid": "6", "ts": str(TIME), "type": "views"}


def test_line_numbers_hold_across_pieces(tmp_path) -> None:
    lines = [line(number, (number, TIME, "clicks")) for number in range(500)]
    lines[17], lines[311], lines[499] = "broken", "", "{"
    _, sieve = read(tmp_path, "\n".join(lines), piece_bytes=900)
    assert sieve.rejected_rows().get_column("row").to_list() == [18, 500]


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "log.jsonl is empty"), ("\n \n", "no event could be read"), ("hello\n", "no event could be read")],
)
def test_a_log_without_events_is_an_error_that_names_the_file(tmp_path, text, told) -> None:
    with pytest.raises(SourceError, match=told):
        read(tmp_path, text)


def test_a_cut_off_archive_is_an_error_that_names_the_file(tmp_path) -> None:
    with pytest.raises(SourceError, match=r"log\.jsonl\.gz cannot be read to its end"):
        read(tmp_path, gzip.compress(GOOD.encode() * 50)[:-20], name="log.jsonl.gz")


def test_a_file_that_is_one_endless_line_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(otto_lines, "LONGEST_LINE", 2_000)
    with pytest.raises(SourceError, match="line 1 is longer than 2,000 bytes"):
        read(tmp_path, "[" + ",".join([GOOD] * 100) + "]", piece_bytes=500)


def test_a_file_of_something_else_is_not_read_to_its_end(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(otto_lines, "MOST_REJECTED", 10)
    with pytest.raises(SourceError, match="more than 10 lines or events cannot be read"):
        read(tmp_path, GOOD + "\n" + "PC1,PC2\n" * 100, piece_bytes=200)


def test_what_an_earlier_reading_left_is_not_read_again(tmp_path) -> None:
    read(tmp_path, "\n".join(line(number, (1, TIME, "clicks")) for number in range(50)), piece_bytes=60, part_rows=1)
    log, _ = read(tmp_path, GOOD)
    assert log.events == log.scan().select(pl.len()).collect().item() == 2
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["part-00000.parquet"]


# ------------------------------------------------------------------------------------------ the real sample


@pytest.mark.real_data
def test_the_real_sample_goes_through_the_same_code(tmp_path, real_data) -> None:
    path = real_data / "otto" / "train.jsonl"
    sieve = Sieve("real")
    log = read_interactions([path], tmp_path / "parts", sieve, NOW)
    assert rows(log) == as_rows(slow_reading(path))
    assert (log.events, log.repeats, sieve.rejected_rows().height) == (862, 0, 0)
    assert log.scan().select(pl.col("session").n_unique()).collect().item() == 20
    assert (log.first_day, log.last_day) == (date(2022, 7, 31), date(2022, 8, 28))


@pytest.mark.parametrize(
    "line", [b'{"session":1,"events":[]}{"session":2,"events":[]}', b'{"session":1,"events":[}', b"["]
)
def test_a_line_that_is_not_one_session_is_set_aside_alone(tmp_path, line) -> None:
    good = b'{"session":%d,"events":[{"aid":5,"ts":1659304800025,"type":"clicks"}]}\n'
    path = tmp_path / "log.jsonl"
    path.write_bytes(good % 1 + line + b"\n" + b"\n" + good % 2)
    sieve = Sieve("v1")
    log = read_interactions([path], tmp_path / "parts", sieve, NOW)
    assert log.scan().collect()["session"].sort().to_list() == [1, 2]
    assert sieve.rejected_rows().select("row", "rule").rows() == [(2, "not_json")]
