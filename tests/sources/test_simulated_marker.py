"""Made-up files say so from the start, and nothing that is made of them can forget it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fiel.core import Core
from fiel.sources.ingest import ingest
from flows.demo import write_simulation
from tasks.context import opened


def test_what_is_made_of_simulated_files_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    source = tmp_path / "source"
    write_simulation("teomewhy", source, 300, date(2025, 1, 1), date(2025, 3, 31), 7, "csv")
    with opened("teomewhy") as context:
        assert not context.program.simulated
        summary = ingest(context.program, context.lake, context.settings, str(source))
        assert summary.source_version.startswith("simulated;files=")
        assert Core.open(context.lake).is_simulated
    with opened("teomewhy") as context:
        assert context.program.simulated, "whatever the program file says"


def test_files_without_the_mark_are_taken_as_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    source = tmp_path / "source"
    write_simulation("teomewhy", source, 300, date(2025, 1, 1), date(2025, 3, 31), 7, "csv")
    (source / "simulated.txt").unlink()
    with opened("teomewhy") as context:
        assert ingest(context.program, context.lake, context.settings, str(source)).source_version.startswith("files=")
        assert not Core.open(context.lake).is_simulated
