"""Logs: one JSON object a line on standard error, for a request as for anything else.

A line never holds a customer id, a key, a query string, a body or a stack trace: a request is named by the template of
its route and by its id, an unexpected error by its kind and the place in our code.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from fiel.settings import HOME

_OWN = ("app/", "fiel/")


def configure(level: int = logging.INFO) -> None:
    """Send every log of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("app", "fiel", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(level)
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
    threading.excepthook = _thread_ended


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    """What ends a thread is one line too, instead of Python's stack trace."""
    error = args.exc_value
    if error is not None:
        logging.getLogger("app.logs").error("a thread was ended by a defect", exc_info=error)


class JsonLines(logging.Formatter):
    """A record as one line of JSON; of an exception only its kind and where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """`at`, `level`, `logger`, `message` and what was given as `extra={"fields": {…}}`."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().splitlines()[0] if record.getMessage() else "",
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["place"] = place_of(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def place_of(error: BaseException) -> str:
    """File and line in our code where the exception came through last, `app/api/score.py:41`; else its module's."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        path = Path(frame.filename)
        if path.is_relative_to(HOME):
            found = str(path.relative_to(HOME))
            if found.startswith(_OWN):
                return f"{found}:{frame.lineno}"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"


class AccessLog:
    """The line of a request. It goes past `logging`, whose records cost more than the rest of the frame."""

    def __init__(self, stream: Any = None) -> None:
        self._stream = stream

    def write(self, **fields: Any) -> None:
        """One line; what is None is left out."""
        stream = self._stream or sys.stderr
        line: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": "info"}
        line |= {name: value for name, value in fields.items() if value is not None}
        with suppress(OSError, ValueError):  # nobody reads the log any more: there is no place left to say so
            stream.write(orjson.dumps(line).decode() + "\n")
            stream.flush()
