"""The commands of the service: `fiel serve`, `fiel key …`, `fiel store …`."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from fiel.errors import SettingsError

key_app = typer.Typer(help="API keys of the service.", no_args_is_help=True, rich_markup_mode=None)
store_app = typer.Typer(help="Care for the online store.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the `fiel` command."""
    app.command()(serve)
    app.add_typer(key_app, name="key")
    app.add_typer(store_app, name="store")


def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on (FIEL_SERVE_HOST); default loopback.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65_535, help="Port (FIEL_SERVE_PORT); default 8000, 0 a free one."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Processes (FIEL_SERVE_WORKERS); default 1.")
    ] = None,
) -> None:
    """Serve the API and the pages over the online store. Ctrl-C ends it."""
    from app.run import serve as run

    run(host, port, workers)


@key_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who uses the key; shown in logs.")],
    program: Annotated[
        list[str] | None,
        typer.Option("--program", "-p", help="A program that it opens; repeat for more. Default: all."),
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Days until it expires. Default: never.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who makes it. Default: the user of this shell.")] = None,
) -> None:
    """Make a key and show it, once: the store keeps only its digest."""
    from app.security.keys import new_key
    from fiel.program import program_names
    from fiel.settings import load_settings
    from fiel.store import Store

    settings = load_settings()
    unknown = sorted(set(program or ()) - set(program_names(settings)))
    if unknown:
        raise SettingsError(f"--program {unknown[0]}: there is no such program; there are: "
                            f"{', '.join(program_names(settings))}")  # fmt: skip
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise SettingsError("the name of a key has 1 to 100 printable characters")
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    made = new_key(name.strip(), tuple(program or ("*",)), by or _user(), expires)
    store = Store(settings.store_url)
    store.add_key(made.row)
    where = store.database.name
    store.close()
    opens = "every program" if not program else ", ".join(program)
    typer.echo(f"key {made.row.key_id} of {made.row.name}, for {opens}, "
               f"{'without an end' if expires is None else f'until {expires:%Y-%m-%d}'}; "
               f"in the store {where}; it is shown this once:", err=True)  # fmt: skip
    typer.echo(made.text)


@key_app.command("list")
def list_keys() -> None:
    """Show the keys that were made: never their secrets, which nobody has but their users."""
    from rich.console import Console
    from rich.table import Table

    from app.security.keys import is_valid
    from fiel.settings import load_settings
    from fiel.store.reader import Reader

    reader = Reader(load_settings().store_url)
    keys = reader.keys()
    reader.close()
    if not keys:
        typer.echo("no key was made yet; make one: fiel key create NAME")
        return
    table = Table("id", "name", "programs", "made", "by", "state", box=None, pad_edge=False)
    for row in keys:
        if row.revoked_at is not None:
            state = f"revoked {row.revoked_at:%Y-%m-%d}"
        elif not is_valid(row):
            state = f"expired {row.expires_at:%Y-%m-%d}"
        else:
            state = "valid" if row.expires_at is None else f"valid until {row.expires_at:%Y-%m-%d}"
        programs = "all" if "*" in row.programs else ", ".join(row.programs)
        table.add_row(row.key_id, row.name, programs, f"{row.created_at:%Y-%m-%d}", row.created_by, state)
    Console(highlight=False, soft_wrap=True).print(table)


@key_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Id of the key, as `fiel key list` shows it.")]) -> None:
    """End a key for good; running services know it within seconds (FIEL_SERVE_POLL_SECONDS)."""
    from fiel.settings import load_settings
    from fiel.store import Store

    store = Store(load_settings().store_url)
    rows = store.keys()
    known = {row.key_id: row for row in rows}
    if key_id not in known:
        store.close()
        raise SettingsError(f"there is no key {key_id!r}; see `fiel key list` (the id, not the key itself)")
    is_new = store.revoke_key(key_id, datetime.now(UTC))
    store.close()
    typer.echo(f"key {key_id} of {known[key_id].name} {'is revoked' if is_new else 'was revoked before'}")


@store_app.command("upgrade")
def upgrade() -> None:
    """Bring the store's tables to what this Fiel needs. Running it again changes nothing."""
    from fiel.settings import load_settings
    from fiel.store import Store

    store = Store(load_settings().store_url)
    store.migrate()
    name = store.database.name
    store.close()
    typer.echo(f"the store {name} is up to date")


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or f"uid {os.getuid()}"
