"""MLflow's own server app behind a password, for one test: `python -m tests.models.mlflow_server FOLDER`.

It keeps its artifacts itself, as a shared server does. The port is printed on the first line. A process of its own,
because MLflow's server and client share global state.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

USER, PASSWORD = "fiel", "a secret with : in it"


def behind_a_password(app: Callable[..., Any]) -> Callable[..., Any]:
    """The app, for those who send USER and PASSWORD; 401 as MLflow's basic authentication answers for others."""
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if environ.get("HTTP_AUTHORIZATION") == expected:
            return app(environ, start_response)
        start_response("401 Unauthorized", [("Content-Type", "text/plain")])
        return [b"You are not authenticated. Please see the documentation on how to authenticate."]

    return guarded


def main(folder: Path) -> None:
    """Serve until the process is ended."""
    os.environ["_MLFLOW_SERVER_FILE_STORE"] = f"sqlite:///{folder / 'mlflow.db'}"
    os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = "mlflow-artifacts:/"
    os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] = str(folder / "artifacts")
    os.environ["_MLFLOW_SERVER_SERVE_ARTIFACTS"] = "true"
    from mlflow.server import app
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, behind_a_password(app.wsgi_app), threaded=True)
    print(server.server_port, flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
