"""Rows on their way into the lake: files of JSON lines in a folder, written by one process and collected by another.

A file is `NAME.part` while it is written and `NAME.jsonl` when it is finished. Its writer holds a lock on it, which the
system lets go when the process ends, however it ends: a `.part` without a lock is abandoned, and whole but for its last
line. Files are readable by their owner only, because they hold customer ids.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PART, FINISHED, UNREADABLE = ".part", ".jsonl", ".unreadable"
_LOCK = ".collecting"


class SpoolFile:
    """One file that is being written. Not safe for two threads at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = uuid.uuid4().hex
        self.path = folder / f"{name}{PART}"
        begun = folder / f".{name}.begun"
        self._file = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        begun.rename(self.path)  # with its lock: no collector ever sees it without one

    def write(self, lines: bytes) -> None:
        """Append whole lines."""
        view = memoryview(lines)
        while view:
            view = view[os.write(self._file, view) :]

    def abandon(self) -> None:
        """Let go of a file that cannot be written any more: a collector takes what is whole in it."""
        os.close(self._file)

    def finish(self) -> Path:
        """Make the file last and give it to the collector; its new path."""
        os.fsync(self._file)
        finished = self.path.with_suffix(FINISHED)
        self.path.rename(finished)
        folder = os.open(finished.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        os.close(self._file)
        return finished


@dataclass(frozen=True)
class Found:
    """A file that nobody writes any more. `is_abandoned`: its writer died, so its last line may be half a line."""

    path: Path
    is_abandoned: bool

    def lines(self) -> list[bytes]:
        """The whole lines of the file."""
        content = self.path.read_bytes()
        whole, _, rest = content.rpartition(b"\n")
        return ([] if not whole else whole.split(b"\n")) + ([rest] if rest and not self.is_abandoned else [])

    def remove(self) -> None:
        """Take the file away: its rows are in the lake."""
        self.path.unlink(missing_ok=True)

    def set_aside(self) -> Path:
        """Keep the file for a person to look at, where no collector takes it again; its new path."""
        kept = self.path.with_suffix(UNREADABLE)
        self.path.rename(kept)
        return kept


def found(folder: Path) -> list[Found]:
    """The files of `folder` that are finished or abandoned, in the order in which they were last written."""
    if not folder.is_dir():
        return []
    files = [Found(path, is_abandoned=False) for path in folder.glob(f"*{FINISHED}")]
    files += [Found(path, is_abandoned=True) for path in folder.glob(f"*{PART}") if _is_abandoned(path)]
    return sorted(files, key=lambda file: (file.path.stat().st_mtime_ns, file.path.name))


@contextmanager
def collecting(folder: Path) -> Iterator[None]:
    """Only one collector works on `folder` at a time; another waits until it is done."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _is_abandoned(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # finished meanwhile
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return path.exists()
