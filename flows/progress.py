"""Progress on the terminal: one line for each thing that a run says, with the seconds since the command began.

Prefect sends the same records to its API, so the UI shows them too. The handler takes the place of Prefect's console
handler through Prefect's own logging settings.
"""

from __future__ import annotations

import logging
import os
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.text import Text

_STARTED = perf_counter()
_NOISE = ("Beginning flow run", "View at ", "Finished in state", "Created task run", "Starting temporary server")


def use_progress_lines() -> None:
    """Make Prefect's console output ours; call it before Prefect is imported. PREFECT_LOGGING_LEVEL=DEBUG shows all."""
    if os.environ.get("PREFECT_LOGGING_LEVEL", "INFO").upper() != "DEBUG":
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS", "flows.progress.ProgressHandler")


class ProgressHandler(logging.Handler):
    """Writes records to standard error as `  12.3 s  task  message`; tracebacks stay in Prefect's log."""

    def __init__(self, **_: Any) -> None:
        super().__init__()
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record, unless it is Prefect's own book-keeping."""
        message = record.getMessage().splitlines()[0] if record.getMessage() else ""
        ours = record.name.startswith(("prefect.flow_runs", "prefect.task_runs"))
        if not ours or message.startswith(_NOISE) or record.levelno >= logging.ERROR:
            return
        what = str(getattr(record, "task_name", None) or getattr(record, "flow_name", ""))
        line = Text(f"{perf_counter() - _STARTED:6.1f} s  ", style="dim")
        line.append(f"{what:<18}", style="bold")
        line.append(message, style="yellow" if record.levelno >= logging.WARNING else "")
        self.console.print(line)
