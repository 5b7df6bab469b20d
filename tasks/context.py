"""What every task opens first: settings, program, lake, store, registry; and what it writes beside its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl
from prefect.runtime import flow_run

from fiel.core import Core
from fiel.damage import explain
from fiel.lake import Lake
from fiel.program import Program, load_program
from fiel.settings import Settings, load_settings
from fiel.version import code_version

if TYPE_CHECKING:
    from fiel.models.registry import Registry
    from fiel.store import Store


@dataclass(frozen=True)
class Context:
    """One program and where its tables, models and ledger are. Store and registry open on first use.

    `program` has the target that was asked for, `main` the program's own: tables are built for the latter.
    """

    settings: Settings
    program: Program
    lake: Lake
    main: Program

    @cached_property
    def store(self) -> Store:
        """The online store and ledger."""
        from fiel.store import Store

        return Store(self.settings.store_url)

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        from fiel.models.registry import Registry

        return Registry(self.settings, self.program, self.store)

    def provenance(self, **inputs: str) -> dict[str, str]:
        """What a commit's metadata says: the flow run, the code version, and the given inputs."""
        return {
            "fiel_flow_run": str(flow_run.id or "none"),
            "fiel_code": code_version(),
            **{f"fiel_{name}": value for name, value in inputs.items()},
        }

    def is_built(self, table: str, part: str, inputs: str) -> bool:
        """Whether `part` of `table` (an as_of, or `all`) was last built from `inputs`."""
        return self.lake.get(self._mark(table, part)) == inputs.encode() and self.lake.exists(table)

    def mark_built(self, table: str, part: str, inputs: str) -> None:
        """Remember that `part` of `table` was built from `inputs`; written after the rows, so a crash only rebuilds."""
        self.lake.put(self._mark(table, part), inputs.encode())

    def _mark(self, table: str, part: str) -> str:
        return self.lake.file_path("builds", table, part)


@contextmanager
def opened(program: str, target: str | None = None) -> Iterator[Context]:
    """The context of the program called `program`; its store is closed at the end.

    `target` names one of the program's further targets: models, cohorts and outcomes are then that one's.
    Where the core tables were made of made-up files, the program counts as simulated: report, manifest and deliveries
    say so or refuse, whatever the program file says.
    """
    settings = load_settings()
    found = load_program(program, settings)
    settings.check_places()
    lake = Lake(settings.lake, found.name)
    if lake.exists("core_versions") and Core.open(lake).is_simulated:
        found = found.model_copy(update={"simulated": True})
    context = Context(settings, found if target is None else found.with_target(target), lake, found)
    try:
        yield context
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        explain(error, context.lake)
        raise
    finally:
        if "store" in context.__dict__:
            context.store.close()
