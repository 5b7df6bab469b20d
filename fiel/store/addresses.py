"""The store's address: read, named without its password, and what is said about a store that cannot be used."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from fiel.errors import StoreError
from fiel.store import migrations


def parse(address: str) -> URL:
    """The address with its driver; StoreError for one that is neither SQLite's nor PostgreSQL's."""
    try:
        url = make_url(address)
    except ArgumentError:
        raise StoreError(
            "FIEL_DATABASE_URL is no database address: write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise StoreError(
            f"FIEL_DATABASE_URL names {url.drivername!r}: the store lives in SQLite (sqlite:///FILE) or in "
            "PostgreSQL (postgresql://USER:PASSWORD@HOST/DATABASE)"
        )
    return url


def name(url: URL) -> str:
    """The address without its password."""
    return url.set(query={}).render_as_string(hide_password=True)


def plain(url: URL, error: BaseException) -> str:
    """An error's first line; the password never shows."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    text = lines[0][:300]
    for secret in _secrets(url):
        text = text.replace(secret, "***")
    return text


def later_revision(url: URL, found: str | None) -> str:
    """What is said of a store that this Fiel does not know."""
    return (
        f"the store {name(url)} has revision {found}, which this Fiel (revision {migrations.HEAD}) does not know: "
        "install the Fiel that made it, or give FIEL_DATABASE_URL a new database"
    )


def _secrets(url: URL) -> list[str]:
    query = url.query.get("password", ())
    given = [query] if isinstance(query, str) else list(query)
    return [secret for secret in (url.password, *given) if secret]
