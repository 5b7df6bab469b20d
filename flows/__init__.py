"""Prefect flows: order and parameters, nothing else. The `fiel` command lives here too.

Prefect reads `[tool.prefect]` of `pyproject.toml` only when the working directory is the project's root, so the same
settings are made here, before Prefect is imported.
"""

import os

os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT", "false")
