"""A private PostgreSQL server on loopback, for tests and benchmarks: made, stopped, started again, removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path
from types import TracebackType


class PostgresServer:
    """A server of its own in a temporary folder; it refuses root, so it runs as `postgres` then.

    FileNotFoundError where the machine has no PostgreSQL. `settings` are further `-c` settings of the server.
    """

    def __init__(self, *settings: str, folder: Path | None = None) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
        if not found[-1].is_file():
            raise FileNotFoundError("no PostgreSQL on this machine (Debian: apt-get install postgresql)")
        self._programs = found[-1].parent
        self._folder = Path(tempfile.mkdtemp(prefix="fiel-postgres-", dir=folder))
        self._as_server: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
            self._as_server = ["runuser", "-u", "postgres", "--"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"postgresql://fiel@127.0.0.1:{self.port}"
        own = ("listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self._folder}")
        self._options = " ".join(f"-c {setting}" for setting in (*own, "fsync=off", *settings))

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start it (made first where it is new), and wait until it answers."""
        if not self._data.exists():
            self._run("initdb", "-A", "trust", "-U", "fiel", "--no-sync", "-D", str(self._data))
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._folder / "log"), "-o", self._options)

    def stop(self) -> None:
        """Stop it at once, as a crash would: connections break; what was committed is there after a start."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))

    def processor_seconds(self) -> float:
        """Seconds of processor that the server took since it was started, all its processes together."""
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        ticks = 0
        for status in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                fields = status.read_text().rpartition(")")[2].split()
                if int(status.parent.name) == postmaster:
                    ticks += sum(int(field) for field in fields[11:15])  # its own, and those of its children that ended
                elif int(fields[1]) == postmaster:
                    ticks += sum(int(field) for field in fields[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")

    def remove(self) -> None:
        """Stop it and remove its folder."""
        with contextlib.suppress(subprocess.CalledProcessError):  # it may have been stopped already
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def database(self) -> str:
        """Address of a fresh, empty database."""
        import psycopg

        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(f"{self.address}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{self.address}/{name}"

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.remove()

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_server, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
