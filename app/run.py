"""Running the service: what `fiel serve` calls.

It looks first for what would go wrong, then hands over to uvicorn, with uvicorn's own supervisor for several workers.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from app.security.keys import is_valid
from app.settings import ServeSettings, load_serve_settings
from fiel.errors import SettingsError, StoreError

_LOG = logging.getLogger("app.run")
_APP = "app.main:create_app"


def serve(host: str | None = None, port: int | None = None, workers: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM; what is given goes before FIEL_SERVE_HOST, _PORT and _WORKERS.

    FielError says in one line what keeps it from starting: a taken port, a store that is away, older or empty, an
    address for others without a key. Running requests are finished before the end, for FIEL_SERVE_SHUTDOWN_SECONDS.
    """
    asked = {"host": host, "port": port, "workers": workers}
    given = {name: value for name, value in asked.items() if value is not None}
    settings = load_serve_settings(**given)
    programs, has_keys = check_store(settings)
    access = "keys are asked for" if has_keys else "open to this machine: no key was made yet"
    with listening(settings) as listener, _metrics_folder(settings):
        os.environ |= {f"FIEL_SERVE_{name.upper()}": str(value) for name, value in given.items()}  # workers read them
        os.environ.setdefault("FIEL_SERVE_SESSION_SECRET", secrets.token_urlsafe(32))  # one for all workers
        shown = f"http://{_shown(listener)}"
        sys.stderr.write(f"serving {', '.join(programs)} at {shown} (Ctrl-C ends it); {access}\n")
        sys.stderr.flush()
        _run(settings, listener)


class Checked(NamedTuple):
    """What the store holds: names of the published programs, and whether a key was ever made."""

    programs: list[str]
    has_keys: bool


def check_store(settings: ServeSettings) -> Checked:
    """What there is to serve, and to whom; FielError where the service could answer nothing, or everybody."""
    from fiel.store.reader import Reader

    reader = Reader(settings.fiel.store_url)
    try:
        reader.check()
        promoted = reader.programs()
        sets = {name: reader.newest_set(name) for name in promoted}
        keys = reader.keys()
    finally:
        reader.close()
    programs = [name for name, found in sets.items() if found is not None and found.published_at is not None]
    if not programs:
        scored = next((name for name, found in sets.items() if found is not None), None)  # by a Fiel before publishing
        publish = f"`fiel run publish --program {scored} --as-of latest`"
        run = publish if scored else f"`fiel run loyalty --program {promoted[0] if promoted else 'NAME'}`"
        raise StoreError(f"no program is published in the store yet: run {run} first")
    if not settings.is_loopback and not any(is_valid(row) for row in keys):
        raise SettingsError(
            f"{settings.host} can be reached from other machines and there is no valid API key: make one with "
            "`fiel key create NAME`, or serve this machine only (--host 127.0.0.1)"
        )
    return Checked(programs, bool(keys))


@contextmanager
def listening(settings: ServeSettings) -> Iterator[socket.socket]:
    """A socket bound to the settings' address; SettingsError where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise SettingsError(f"--host {settings.host}: no such address ({error.strerror})") from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise SettingsError(
                f"port {settings.port} of {settings.host} cannot be used ({error.strerror}): stop what uses it, or "
                "choose another with --port"
            ) from error
        listener.set_inheritable(True)
        yield listener


def _run(settings: ServeSettings, listener: socket.socket) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from app import logs

    logs.configure()
    config = uvicorn.Config(
        _APP,
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies or None,
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    if settings.workers == 1:
        uvicorn.Server(config).run([listener])
    else:
        Multiprocess(config, [listener]).run()


@contextmanager
def _metrics_folder(settings: ServeSettings) -> Iterator[None]:
    """A folder in which several workers count together; its name has to be known before they are imported."""
    if settings.workers == 1 or "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        yield
        return
    folder = tempfile.mkdtemp(prefix="fiel-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        yield
    finally:
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]
        shutil.rmtree(folder, ignore_errors=True)


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
