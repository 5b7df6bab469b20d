"""The log of answers: what the service said to whom, with which model and which features (table out_served).

A request only hands its answer over, in memory. A thread of this module writes it to spool files (fiel.spool), which a
flow moves into the lake (tasks/served.py). The memory is bounded: when the disk is too slow or full, rows are dropped
and counted, because a request must neither wait for its log nor fail of it.
"""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import orjson

from app import metrics
from fiel.spool import SpoolFile

if TYPE_CHECKING:
    from app.scored import Scored
    from app.settings import ServeSettings

_LOG = logging.getLogger(__name__)

PAUSE_S = 5.0
"""Seconds in which answers are dropped after a file could not be written: a full disk is not tried for each answer."""

WAKES_EVERY_S = 1.0
"""Seconds between two writes: what a killed process may lose."""


_Answer: TypeAlias = "tuple[int, str, str, str, str, Sequence[Scored]]"


class ServedLog:
    """Collects answers and writes them to files below `folder`, one subfolder for each program.

    `share`: which part of the requests is kept, decided by the request's id, so always the same for the same request.
    `buffer_rows`: customers that may wait in memory. A file is finished at `file_rows` rows or `file_seconds` seconds
    after its first row. Safe for threads. `written` and `dropped` count customers since the start.
    """

    def __init__(
        self,
        folder: Path,
        *,
        share: float = 1.0,
        buffer_rows: int = 20_000,
        file_rows: int = 50_000,
        file_seconds: float = 60.0,
    ) -> None:
        self._folder, self._share, self._buffer_rows = folder, share, buffer_rows
        self._file_rows, self._file_seconds = file_rows, file_seconds
        self._answers: deque[_Answer] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._files: dict[str, _Open] = {}
        self._said_at = 0.0
        self._told_at = 0
        self._pause_until = 0.0
        self.waiting = 0
        self.written = 0
        self.dropped = 0

    @classmethod
    def of(cls, settings: ServeSettings) -> ServedLog:
        """The log that the settings ask for; nothing is kept, and no folder needed, where they keep no share."""
        folder = settings.fiel.served_spool if settings.served_share > 0 else Path()
        return cls(
            folder,
            share=settings.served_share,
            buffer_rows=settings.served_buffer,
            file_rows=settings.served_rows,
            file_seconds=settings.served_seconds,
        )

    def start(self) -> None:
        """Begin to write."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="served-log", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write all that waits, and finish the files."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None
        self._write_waiting()
        for program in list(self._files):
            self._finish(program)

    def keeps(self, request_id: str) -> bool:
        """Whether the request is among those that are kept."""
        return self._share >= 1 or zlib.crc32(request_id.encode()) < self._share * 2**32

    def add(self, request_id: str, program: str, target: str, door: str, scored: Sequence[Scored]) -> None:
        """Remember an answer; its failures are no answers and are left out. Neither waits nor fails."""
        if not self.keeps(request_id):
            return
        rows = len(scored)
        with self._lock:
            if self.waiting + rows > self._buffer_rows:
                self._drop(rows)
                return
            self.waiting += rows
            self._told_at = max(self._told_at + 1, time.time_ns() // 1000)  # a caller may use its request id again
            self._answers.append((self._told_at, request_id, program, target, door, scored))

    def _run(self) -> None:
        while not self._stopping.wait(WAKES_EVERY_S):
            metrics.SERVED_QUEUE.set(self.waiting)
            self._write_waiting()
            now = time.monotonic()
            for program, file in list(self._files.items()):
                if file.rows >= self._file_rows or now - file.begun_at >= self._file_seconds:
                    self._finish(program)

    def _write_waiting(self) -> None:
        while True:
            with self._lock:
                if not self._answers:
                    return
                answer = self._answers.popleft()
            rows = len(answer[-1])
            if time.monotonic() < self._pause_until:
                self._drop(rows)
            else:
                try:
                    self.written += self._write(answer)
                except OSError as error:
                    self._give_up(answer[2], rows, error)
                except Exception as error:  # an answer that cannot be written may not end the log of all others
                    self._drop(rows)
                    _LOG.error("an answer cannot be written to the log", exc_info=error)
            with self._lock:
                self.waiting -= rows

    def _write(self, answer: _Answer) -> int:
        served_at, request_id, program, target, door, scored = answer
        file = self._files.get(program)
        if file is None or file.rows >= self._file_rows:
            if file is not None:
                self._finish(program)
            file = self._files[program] = _Open(SpoolFile(self._folder / program))
        lines, rows, told = [], 0, set(file.told)
        for position, one in enumerate(scored):
            if one.error is not None:
                continue
            if one.values is not None and one.model_digest is not None and one.model_digest not in told:
                told.add(one.model_digest)
                lines.append(orjson.dumps({"model_digest": one.model_digest, "inputs": list(one.inputs)}))
            lines.append(
                orjson.dumps(
                    [
                        served_at,
                        request_id,
                        position,
                        one.customer_id,
                        one.as_of,
                        target,
                        one.basis,
                        door,
                        one.model_version,
                        one.model_digest,
                        one.prob,
                        one.values,
                    ]
                )
            )
            rows += 1
        if lines:
            file.file.write(b"\n".join(lines) + b"\n")
        file.told, file.rows = told, file.rows + rows
        return len(scored)

    def _finish(self, program: str) -> None:
        file = self._files[program]
        try:
            file.file.finish()
        except OSError as error:
            self._give_up(program, 0, error)
        else:
            del self._files[program]

    def _give_up(self, program: str, rows: int, error: OSError) -> None:
        """Count what could not be written, and pause; said once a minute."""
        self._drop(rows)
        self._pause_until = time.monotonic() + PAUSE_S
        file = self._files.pop(program, None)
        if file is not None:
            file.file.abandon()
        if time.monotonic() - self._said_at > 60 or not self._said_at:
            self._said_at = time.monotonic()
            _LOG.error("the log of answers cannot be written (%s): answers are dropped until it can", error.strerror)

    def _drop(self, rows: int) -> None:
        self.dropped += rows
        metrics.SERVED_DROPPED.inc(rows)


class _Open:
    """A file that is being written: its rows, since when, and the models whose inputs it names."""

    def __init__(self, file: SpoolFile) -> None:
        self.file = file
        self.rows = 0
        self.begun_at = time.monotonic()
        self.told: set[str] = set()
