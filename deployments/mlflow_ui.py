"""The MLflow UI over the models beside a lake: `make serve-mlflow`, on loopback, without a login."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fiel.settings import load_settings


def main() -> None:
    """Replace this process by an MLflow server over the demo's models, else over FIEL_LAKE's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5000)
    chosen = parser.parse_args()
    settings = load_settings()
    demo = settings.home / "demo" / "lake.state" / "mlflow.db"
    uri = f"sqlite:///{demo}" if demo.is_file() and "FIEL_LAKE" not in os.environ else settings.mlflow_uri
    sys.stdout.write(f"models of {uri}; set FIEL_LAKE for those of another lake\n")
    sys.stdout.flush()
    command = str(Path(sys.executable).with_name("mlflow"))
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    words = [command, "server", "--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(chosen.port)]
    os.execve(command, [*words, "--workers", "1"], environment)  # noqa: S606


if __name__ == "__main__":
    main()
