"""Which failures are worth a retry: the network's, never a refusal, a schema or a person's mistake."""

from __future__ import annotations

from typing import Any

from fiel.errors import SourceUnavailableError


def is_transient(task: Any, task_run: Any, state: Any) -> bool:
    """Whether the failed state's error is one that may go away by itself (Prefect's retry condition)."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, SourceUnavailableError)
