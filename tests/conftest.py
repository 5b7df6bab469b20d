"""What every test shares: quiet libraries, the real files, the browser, and what must not be skipped."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")

ROOT = Path(__file__).resolve().parent.parent


def absent(what: str, reason: str) -> None:
    """Skip for a reason, or fail where FIEL_REQUIRE says that `what` must be there."""
    if what in os.environ.get("FIEL_REQUIRE", "").split(","):
        pytest.fail(f"FIEL_REQUIRE asks for {what}: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real files."""
    folder = Path(os.environ.get("FIEL_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").is_file():
        absent("real_data", f"the real files are not at {folder} (set FIEL_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the machine's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        absent("chromium", "no Chromium on this machine (Debian: apt-get install chromium)")
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def _no_stray_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests start without the settings of whoever runs them."""
    for name in list(os.environ):
        if name.startswith("FIEL_") and name not in ("FIEL_REQUIRE", "FIEL_REAL_DATA"):
            monkeypatch.delenv(name)
        if name.startswith(("AWS_", "KAGGLE")):
            monkeypatch.delenv(name)
