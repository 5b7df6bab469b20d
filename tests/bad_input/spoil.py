"""How the cases spoil their copy of the world. Each function returns one that takes the case's `Place`."""

from __future__ import annotations

import functools
import io
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import kagglesdk.kaggle_env as kaggle_environment
import polars as pl

from fiel.sources import kaggle
from tests.actions.messages.openai_server import openai_server
from tests.bad_input.command import fiel
from tests.bad_input.world import Place
from tests.sources.fake_kaggle import FakeKaggle

Spoil = Callable[[Place], Any]
Lines = list[str]

LOYALTY, EDUCATION = "teocalvo/teomewhy-loyalty-system", "teocalvo/teomewhy-education-platform"
COMPETITION = "santander-customer-satisfaction"

REFUSING = """
import http.server, sys

class Refusing(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"" if self.command == "HEAD" else (
            b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
print(server.server_port, flush=True)
server.serve_forever()
"""


def nothing(place: Place) -> None:
    """The world as it is: what is asked for is what is wrong."""


def all_of(*spoils: Spoil) -> Spoil:
    """Several, one after another."""

    def spoil(place: Place) -> None:
        for one in spoils:
            one(place)

    return spoil


# ------------------------------------------------------------------------------------------------------------ files


def gone(name: str) -> Spoil:
    """The file, or folder, is not there."""

    def spoil(place: Place) -> None:
        path = place.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def holds(name: str, content: bytes) -> Spoil:
    """The file holds `content`."""

    def spoil(place: Place) -> None:
        path = place.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return spoil


def parquet(columns: dict[str, list[Any]]) -> bytes:
    """A Parquet file of these columns."""
    content = io.BytesIO()
    pl.DataFrame(columns).write_parquet(content)
    return content.getvalue()


def cut(name: str, size: int) -> Spoil:
    """The file ends after `size` bytes."""
    return lambda place: (place.root / name).write_bytes((place.root / name).read_bytes()[:size])


def text(name: str, old: str, new: str) -> Spoil:
    """`old` reads `new` in the file, wherever it stands."""

    def spoil(place: Place) -> None:
        path = place.root / name
        content = path.read_text(encoding="utf-8")
        assert old in content
        path.write_text(content.replace(old, new), encoding="utf-8")

    return spoil


def lines(name: str, change: Callable[[Lines], Lines]) -> Spoil:
    """The file's lines (the first is the header) become `change(lines)`."""

    def spoil(place: Place) -> None:
        path = place.root / name
        found = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(change(found)) + "\n", encoding="utf-8")

    return spoil


def field(name: str, column: str, value: str, rows: range = range(1, 2), separator: str = ";") -> Spoil:
    """`column` holds `value` in these rows of a CSV file (the first data row is 1)."""

    def change(found: Lines) -> Lines:
        at = found[0].split(separator).index(column)
        for row in rows[: len(found) - 1]:
            fields = found[row].split(separator)
            found[row] = separator.join([*fields[:at], value, *fields[at + 1 :]])
        return found

    return lines(name, change)


def database(then: Spoil = nothing) -> Spoil:
    """The source as SQLite (database.db of both data sets) instead of CSV."""

    def spoil(place: Place) -> None:
        shutil.rmtree(place.source)
        shutil.copytree(place.database_folder, place.source)
        then(place)

    return spoil


def statement(name: str, *statements: str) -> Spoil:
    """SQL that is run in a SQLite file."""

    def spoil(place: Place) -> None:
        with closing(sqlite3.connect(place.root / name)) as connection:
            for one in statements:
                connection.execute(one)
                connection.commit()

    return spoil


def tables(name: str, *names: str) -> Spoil:
    """A new SQLite file with these empty tables instead of the shop's CSV."""
    made = statement(name, *(f"CREATE TABLE {table} (client, bought_at, price)" for table in names))
    return all_of(gone("shop/sales.csv"), made)


# ------------------------------------------------------------------------------- programs, settings, lake, services


def program(name: str = "teomewhy", **fields: Any) -> Spoil:
    """Fields of a program file are these."""
    return lambda place: place.program(name, **fields)


def setting(**values: str) -> Spoil:
    """Environment variables; `{root}` is the case's folder."""

    def spoil(place: Place) -> None:
        for name, value in values.items():
            place.setting(name, value.format(root=place.root))

    return spoil


def after(*commands: str) -> Spoil:
    """These commands ran before."""

    def spoil(place: Place) -> None:
        for command in commands:
            place.fiel(command.format(**place.addresses))

    return spoil


def tried(command: str) -> Spoil:
    """The command ran before, however it ended (it builds features before it fails)."""
    return lambda place: fiel(command.format(**place.addresses), place.patch)


def unpaid(place: Place) -> None:
    """The cycle is planned and not paid yet."""
    shutil.copy(place.state / "unpaid.db", place.state / "store.db")
    shutil.rmtree(place.lake / "teomewhy" / "exports")


def language_model(answers: str) -> Spoil:
    """There is a language model on loopback, which always answers so (`tests.actions.messages.openai_server`)."""

    def spoil(place: Place) -> None:
        running = openai_server()
        server = running.__enter__()
        place.request.addfinalizer(lambda: running.__exit__(None, None, None))
        server.always = answers
        for name, value in {"ENDPOINT": server.address, "MODEL": "writer", "KEY": "secret-key"}.items():
            place.setting(f"FIEL_OPENAI_{name}", value)

    return spoil


def full_disk(size: int) -> Spoil:
    """No file can grow beyond `size` bytes."""
    return lambda place: place.limit_file_size(size)


def only_file(pattern: str, content: bytes | None) -> Spoil:
    """Every file under the case's folder that matches holds `content`; None: it is gone."""

    def spoil(place: Place) -> None:
        found = [path for path in place.root.glob(pattern) if path.is_file()]
        assert found, pattern
        for path in found:
            path.unlink() if content is None else path.write_bytes(content)

    return spoil


def s3(endpoint: str = "http://127.0.0.1:9") -> Spoil:
    """Credentials for S3 at an endpoint (nobody listens on port 9)."""

    def spoil(place: Place) -> None:
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()
        setting(
            AWS_ENDPOINT_URL=endpoint,
            AWS_ACCESS_KEY_ID="key",
            AWS_SECRET_ACCESS_KEY="secret",
            AWS_REGION="us-east-1",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_ALLOW_HTTP="true",
        )(place)
        place.request.addfinalizer(s3fs.S3FileSystem.clear_instance_cache)

    return spoil


def s3_that_refuses(place: Place) -> None:
    """An S3 endpoint that answers 403 to everything, in a process of its own (delta-rs holds the interpreter)."""
    server = subprocess.Popen([sys.executable, "-c", REFUSING], stdout=subprocess.PIPE, text=True)
    place.request.addfinalizer(lambda: (server.kill(), server.wait(), server.stdout and server.stdout.close()))
    assert server.stdout is not None
    s3(f"http://127.0.0.1:{int(server.stdout.readline())}")(place)


def lake_on_s3(place: Place) -> None:
    """The lake's address is on S3; store and models stay where they are."""
    setting(
        FIEL_LAKE="s3://bucket/lake",
        FIEL_DATABASE_URL="sqlite:///{root}/lake.state/store.db",
        FIEL_MLFLOW_URI="sqlite:///{root}/lake.state/mlflow.db",
        XDG_CACHE_HOME="{root}/cache",
    )(place)


def published(call: str, *failures: Any, handle: str | None = None) -> Spoil:
    """Both data sets on a Kaggle of our own, whose next answers to `call` are these failures."""

    def spoil(place: Place) -> None:
        setting(KAGGLEHUB_CACHE="{root}/kaggle-cache", KAGGLE_CONFIG_DIR="{root}/no-kaggle", KAGGLE_API_TOKEN="token")(
            place
        )
        hasty = functools.partial(kaggle.Patience, attempts=2, first_wait=0.001, longest_wait=0.002)
        place.patch.setattr(kaggle, "Patience", hasty)
        server = FakeKaggle()
        server.__enter__()
        place.request.addfinalizer(server.__exit__)
        place.patch.setitem(kaggle_environment._env_to_endpoint, kaggle_environment.KaggleEnv.PROD, server.address)
        for name in (LOYALTY, EDUCATION):
            if name != handle:
                server.publish(name, place.database_folder / Path(name).name.removeprefix("teomewhy-"))
        server.publish(f"competitions/{COMPETITION}", place.root / "bank")
        server.fail(call, *failures)

    return spoil
