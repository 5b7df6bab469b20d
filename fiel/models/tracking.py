"""The one door to MLflow: quiet, quick to give up, and with errors that say what to do.

MLflow is imported when it is first used: it takes a second, and most commands do not need it. Credentials of a remote
server are read by MLflow itself from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; they are never parameters.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from fiel.errors import RegistryError

QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Environment defaults of MLflow (a set variable wins): no telemetry, and two retries instead of minutes of them."""

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Makes the UI open an experiment on its training runs, not on the traces of a chat."""

PARAMS_A_CALL = 100
METRICS_A_CALL = 1_000
PARAM_LENGTH = 6_000

_FLUENT = threading.RLock()


class Tracking:
    """One MLflow tracking server (or local database) and its one experiment for a program."""

    def __init__(self, uri: str, experiment: str, artifact_root: str | None) -> None:
        self.uri = uri
        self.experiment = experiment
        self.artifact_root = artifact_root
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The MLflow client; a local database and its folder are made when they are missing."""
        if self._client is None:
            _prepare_local(self.uri)
            self._client = _mlflow().MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        return self._client

    @property
    def experiment_id(self) -> str:
        """Id of the experiment, made with an absolute artifact location when it is missing."""
        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            location = f"{self.artifact_root.rstrip('/')}/{self.experiment}" if self.artifact_root else None
            try:
                return str(self.client.create_experiment(self.experiment, artifact_location=location, tags=KIND))
            except _mlflow().exceptions.MlflowException:
                found = self.client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    @contextmanager
    def run(self, name: str, tags: Mapping[str, str]) -> Iterator[str]:
        """A run of the experiment, active for MLflow's own `log_model`; yields its id, ends FAILED on an error."""
        mlflow = _mlflow()
        with _FLUENT:
            mlflow.set_tracking_uri(self.uri)
            run_id = self.client.create_run(self.experiment_id, run_name=name, tags=dict(tags)).info.run_id
            with mlflow.start_run(run_id=run_id, nested=True):
                yield str(run_id)

    def log_values(self, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Log parameters and metrics; a metric that is not finite is left out (it has no value to compare)."""
        entities = _mlflow().entities
        stamp = _now_ms()
        pairs = [entities.Param(key, str(value)[:PARAM_LENGTH]) for key, value in params.items()]
        points = [
            entities.Metric(key, float(value), stamp, 0) for key, value in metrics.items() if math.isfinite(value)
        ]
        for first in range(0, len(pairs), PARAMS_A_CALL):
            self.client.log_batch(run_id, params=pairs[first : first + PARAMS_A_CALL])
        for first in range(0, len(points), METRICS_A_CALL):
            self.client.log_batch(run_id, metrics=points[first : first + METRICS_A_CALL])

    def log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Log files, given as relative path to content."""
        if not files:
            return
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(run_id, folder)

    @contextmanager
    def download(self, address: str) -> Iterator[Path]:
        """A temporary folder with the artifacts at `address`."""
        mlflow = _mlflow()
        with tempfile.TemporaryDirectory() as folder:
            with _FLUENT:
                mlflow.set_tracking_uri(self.uri)  # `models:/` addresses are resolved against the process's own
                found = mlflow.artifacts.download_artifacts(address, dst_path=folder, tracking_uri=self.uri)
            yield Path(found)

    @contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        """Turns whatever MLflow raises while `doing` into a RegistryError that says what to do."""
        try:
            yield
        except RegistryError:
            raise
        except Exception as error:
            if not _is_foreign(error):
                raise
            raise RegistryError(f"{doing}: {_what_to_do(error, self.uri)}") from error


def is_missing(error: Exception) -> bool:
    """Whether MLflow raised because the thing asked for does not exist."""
    return getattr(error, "error_code", None) in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")


def missing_type() -> type[Exception]:
    """MLflow's exception type, for `except`."""
    found: type[Exception] = _mlflow().exceptions.MlflowException
    return found


def _mlflow() -> Any:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow
    import mlflow.catboost
    import mlflow.pyfunc

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def _prepare_local(uri: str) -> None:
    if not uri.startswith("sqlite:///"):
        return
    folder = Path(uri.removeprefix("sqlite:///")).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryError(
            f"the folder {folder} for the models cannot be made ({error.strerror}): "
            "check its permissions or set FIEL_MLFLOW_URI"
        ) from error


def _is_foreign(error: Exception) -> bool:
    """Whether an error comes from MLflow, its transport, its database or the disk, not from our code."""
    home = type(error).__module__.split(".")[0]
    return isinstance(error, OSError) or home in ("mlflow", "requests", "urllib3", "sqlalchemy", "botocore", "boto3")


def _what_to_do(error: Exception, uri: str) -> str:
    where = shown(uri)
    text = " ".join(str(error).split())[:300]
    lower = text.lower()
    if any(mark in lower for mark in ("401", "403", "unauthorized", "permission_denied", "not authenticated")):
        return (
            f"the MLflow server {where} refuses us: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD "
            f"to an account that may write there ({text})"
        )
    if any(mark in lower for mark in ("max retries", "connection", "timed out", "name or service", "getaddrinfo")):
        return f"the MLflow server {where} cannot be reached: start it, or mend FIEL_MLFLOW_URI ({text})"
    if "no space" in lower or "disk is full" in lower or "readonly" in lower or "permission denied" in lower:
        return f"MLflow at {where} cannot be written: check space and permissions ({text})"
    return f"MLflow at {where} failed: {text}"


def shown(uri: str) -> str:
    """The address without a password."""
    parsed = urlparse(uri)
    if parsed.password is None:
        return uri
    return uri.replace(f":{parsed.password}@", ":***@")


def _now_ms() -> int:
    import time

    return int(time.time() * 1_000)
