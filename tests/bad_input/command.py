"""The `fiel` command in this process, without Prefect's engine: each task is its plain function.

Starting a server costs ten seconds and changes nothing of what a task reads, refuses or writes; that an error comes
through the engine as one line is shown once, in tests/flows/test_refusals.py.
"""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Mapping
from typing import Any

import pytest
from prefect import Task
from prefect.logging import disable_run_logger

from flows.cli import Stage, main


def fiel(line: str, patch: pytest.MonkeyPatch) -> int:
    """The exit status of `fiel LINE`; what it prints goes to the process's own output."""
    _without_prefect(patch)
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(line))
    return int(ended.value.code or 0)


def _without_prefect(patch: pytest.MonkeyPatch) -> None:
    for stage in Stage:
        flow = importlib.import_module(f"flows.{stage.value}")
        for name, found in vars(flow).copy().items():
            if isinstance(found, Task):
                patch.setattr(flow, name, found.fn)
        if hasattr(flow, "announce_scores"):
            patch.setattr(flow, "announce_scores", lambda program, as_of: None)
    patch.setattr("flows.console.watched", _called)


def _called(flow: str, arguments: Mapping[str, Any]) -> Any:
    with disable_run_logger():
        return getattr(importlib.import_module(f"flows.{flow}"), flow).fn(**arguments)
