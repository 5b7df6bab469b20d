"""Files between the service and the lake: whole or abandoned, never half taken."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fiel.spool import SpoolFile, collecting, found


def test_a_file_is_not_found_while_it_is_written(tmp_path) -> None:
    file = SpoolFile(tmp_path)
    file.write(b"one\n")
    assert found(tmp_path) == []
    file.write(b"two\n")
    file.finish()
    (only,) = found(tmp_path)
    assert only.lines() == [b"one", b"two"]
    assert not only.is_abandoned


def test_only_its_owner_may_read_it(tmp_path) -> None:
    folder = tmp_path / "spool"
    finished = SpoolFile(folder).finish()
    assert stat.S_IMODE(finished.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_a_killed_process_left_is_found_without_its_half_line(tmp_path) -> None:
    code = (
        "import sys, pathlib, time; from fiel.spool import SpoolFile; "
        "file = SpoolFile(pathlib.Path(sys.argv[1])); file.write(b'whole\\nhal'); print('written', flush=True); "
        "time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"written\n"
        assert found(tmp_path) == []
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    (only,) = found(tmp_path)
    assert only.is_abandoned
    assert only.lines() == [b"whole"]


def test_files_are_found_in_the_order_in_which_they_were_written(tmp_path) -> None:
    paths = []
    for number in range(3):
        file = SpoolFile(tmp_path)
        file.write(b"%d\n" % number)
        paths.append(file.finish())
        os.utime(paths[-1], (number, number))
    assert [file.path for file in found(tmp_path)] == paths


def test_a_file_that_was_set_aside_is_kept_and_not_found_again(tmp_path) -> None:
    SpoolFile(tmp_path).finish()
    kept = found(tmp_path)[0].set_aside()
    assert kept.is_file()
    assert found(tmp_path) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path) -> None:
    assert found(tmp_path / "nowhere") == []


def test_a_second_collector_waits_for_the_first(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with collecting(tmp_path):
            order.append("second")

    with collecting(tmp_path):
        other = threading.Thread(target=second)
        other.start()
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_file_has_no_rows(tmp_path, content) -> None:
    file = SpoolFile(tmp_path)
    file.write(content)
    file.finish()
    assert [line for line in found(tmp_path)[0].lines() if line] == []
