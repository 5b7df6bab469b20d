"""The champions that a worker answers with, and how they change while it answers.

A thread looks at the newest promotion of every ledger. A new one is loaded from the store, checked against the ledger's
digest, tried once, and put into service by one assignment: a request that began before keeps the model that it has.
Whatever goes wrong on that way, the model in service stays, and `problems` says why.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol

from fiel.errors import FielError, NoChampionError, RegistryError, StoreError, StoreUnavailableError
from fiel.models.row_model import FEW_ROWS, RowModel
from fiel.program import Program
from fiel.store.models import ServedModel
from fiel.store.promotions import PromotionRow

_LOG = logging.getLogger(__name__)

LOADERS = 4
"""Models that are loaded at once at the start."""

LONGEST_PAUSE_SECONDS = 60.0
"""A model that could not be loaded is tried again after a pause that doubles up to this."""

_STOP_SECONDS = 10.0


class Heads(Protocol):
    """What is asked of the store (`fiel.store.reader.Reader`)."""

    def heads(self) -> dict[str, PromotionRow]:
        """The newest promotion of every ledger."""

    def served_model(self, digest: str) -> ServedModel | None:
        """The model's file with that digest."""


@dataclass(frozen=True)
class Live:
    """A champion in service: its model, the promotion that made it champion, and the program with its target."""

    model: RowModel
    promotion: PromotionRow
    program: Program


@dataclass(frozen=True)
class _Refused:
    """A promotion whose model could not be loaded, and when it is tried again."""

    digest: str
    pause: float
    again_at: float


class Champions:
    """The champions of every target of `programs`, looked up every `poll_seconds`.

    A promotion or a rollback is in service after at most `poll_seconds` and the time of a load (a fraction of a
    second). `problems` says by ledger (PROGRAM, or PROGRAM.TARGET) why a promotion is not in service.
    """

    def __init__(
        self,
        reader: Heads,
        programs: Mapping[str, Program],
        poll_seconds: float = 2.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._reader = reader
        self._targets = {
            found.ledger_name: found
            for program in programs.values()
            for found in map(program.with_target, program.target_names)
        }
        self._names = {(found.name, found.target.name): ledger for ledger, found in self._targets.items()}
        self._main = {program.name: program.ledger_name for program in programs.values()}
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._live: Mapping[str, Live] = {}
        self._problems: Mapping[str, str] = {}
        self._refused: dict[str, _Refused] = {}
        self._is_store_away = False
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # -- what routes ask

    def current(self, program: str, target: str | None = None) -> Live:
        """The champion of a program's target (default: the main one) that is in service now.

        Whoever answers with it keeps it until the answer is made. NoChampionError where none is in service.
        """
        ledger = self._main.get(program) if target is None else self._names.get((program, target))
        found = None if ledger is None else self._live.get(ledger)
        if found is None:
            raise NoChampionError(self._why_none(program, target, ledger))
        return found

    def all(self) -> tuple[Live, ...]:
        """Every champion in service, by program in the given order, the main target first."""
        live = self._live
        return tuple(live[ledger] for ledger in self._targets if ledger in live)

    @property
    def problems(self) -> dict[str, str]:
        """Why a promotion is not in service, by ledger; empty when everything is as the ledger says."""
        return dict(self._problems)

    # -- its life

    def start(self) -> None:
        """Load every champion, several at once, then keep looking for changes. A store that is away stops nothing."""
        if self._thread is not None:
            return
        self.poll()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._watch, name="champions", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking for changes; the models stay."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
            self._thread = None

    def poll(self) -> None:
        """Look once: put into service what the ledgers say. Never raises what the store or a file is to blame for."""
        with self._turn:
            try:
                heads = self._reader.heads()
            except StoreError as error:
                self._note_store(str(error))
                return
            self._note_store(None)
            wanted = {ledger: head for ledger, head in heads.items() if ledger in self._targets}
            self._note_vanished(wanted)
            changed = [ledger for ledger in wanted if self._is_due(ledger, wanted[ledger])]
            if not changed:
                return
            with ThreadPoolExecutor(min(LOADERS, len(changed)), thread_name_prefix="load") as pool:
                for ledger, outcome in pool.map(lambda ledger: (ledger, self._try(ledger, wanted[ledger])), changed):
                    self._settle(ledger, wanted[ledger], outcome)

    # -- inside; everything below runs in the turn of one thread

    def _watch(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            try:
                self.poll()
            except Exception:  # a defect here must not end the look-out: the next promotion has to come through
                _LOG.exception("looking for promotions failed")

    def _is_due(self, ledger: str, head: PromotionRow) -> bool:
        live = self._live.get(ledger)
        if live is not None and live.promotion == head:
            self._refused.pop(ledger, None)  # rolled back to what is in service all along
            self._tell(ledger, None)
            return False
        refused = self._refused.get(ledger)
        return refused is None or refused.digest != head.digest or self._clock() >= refused.again_at

    def _try(self, ledger: str, head: PromotionRow) -> Live | FielError:
        """The champion that the promotion names, tried once; or why it is refused."""
        live = self._live.get(ledger)
        if live is not None and (live.model.digest, live.model.version) == (head.digest, head.to_version):
            return replace(live, promotion=head)
        try:
            return Live(self._load(head), head, self._targets[ledger])
        except FielError as error:
            return error
        except Exception as error:  # whatever a broken file makes a library raise, the old model stays
            _LOG.exception("%s: version %s cannot be loaded", ledger, head.to_version)
            return RegistryError(f"version {head.to_version} cannot be loaded ({type(error).__name__})")

    def _load(self, head: PromotionRow) -> RowModel:
        served = self._reader.served_model(head.digest)
        if served is None:
            raise RegistryError(
                f"the file of version {head.to_version} (digest {head.digest[:12]}) is not in the store: run "
                f"`fiel run publish --program {head.program.partition('.')[0]} --as-of latest`, or roll back"
            )
        if served.digest != head.digest:
            raise RegistryError(
                f"version {head.to_version} was promoted with digest {head.digest[:12]}, the store gave a file of "
                f"{served.digest[:12]}: publish it again, or roll back"
            )
        # The same bytes may have been stored for another version: what the ledger says counts.
        model = RowModel.of(replace(served, version=head.to_version))
        nothing = [None] * len(model.inputs)
        for prob in (*model.predict([nothing]), *model.predict([nothing] * (FEW_ROWS + 1))):
            if not (math.isfinite(prob) and 0 <= prob <= 1):
                raise RegistryError(f"version {head.to_version} gives {prob} for an empty customer: roll back")
        return model

    def _settle(self, ledger: str, head: PromotionRow, outcome: Live | FielError) -> None:
        if isinstance(outcome, Live):
            before = self._live.get(ledger)
            self._live = {**self._live, ledger: outcome}
            self._refused.pop(ledger, None)
            self._tell(ledger, None)
            _LOG.info(
                "%s: version %s is in service (%s, digest %s; before: %s)",
                ledger,
                outcome.model.version,
                head.action,
                head.digest[:12],
                "none" if before is None else before.model.version,
            )
            return
        if isinstance(outcome, StoreUnavailableError):  # nothing is known of the file: the next look tries it again
            self._tell(
                ledger, "the store does not answer; its model is looked for again by itself"
            )  # no address: shown
            return
        refused = self._refused.get(ledger)
        pause = self._poll_seconds
        if refused is not None and refused.digest == head.digest:
            pause = min(LONGEST_PAUSE_SECONDS, 2 * refused.pause)
        self._refused[ledger] = _Refused(head.digest, pause, self._clock() + pause)
        live = self._live.get(ledger)
        kept = "no model is in service" if live is None else f"version {live.model.version} stays in service"
        self._tell(ledger, f"{outcome}; {kept}")

    def _note_store(self, problem: str | None) -> None:
        if problem is not None and not self._is_store_away:
            _LOG.warning("promotions cannot be looked up, the models in service stay: %s", problem)
        elif problem is None and self._is_store_away:
            _LOG.info("promotions can be looked up again")
        self._is_store_away = problem is not None

    def _note_vanished(self, wanted: Mapping[str, PromotionRow]) -> None:
        for ledger, live in self._live.items():
            if ledger not in wanted:
                self._tell(
                    ledger,
                    f"the promotion ledger names no champion any more: the store was lost or FIEL_DATABASE_URL points "
                    f"elsewhere; version {live.model.version} stays in service",
                )

    def _tell(self, ledger: str, problem: str | None) -> None:
        """Keep what is wrong with a ledger, or that nothing is; logged when it changes."""
        known = self._problems.get(ledger)
        if known == problem:
            return
        others = {name: text for name, text in self._problems.items() if name != ledger}
        self._problems = others if problem is None else {**others, ledger: problem}
        if problem is not None:
            _LOG.warning("%s: %s", ledger, problem)

    def _why_none(self, program: str, target: str | None, ledger: str | None) -> str:
        if ledger is None:
            known = ", ".join(_targets_of(self._names, program)) or "none: the service has no such program"
            return f"program {program} has no target {target or ''} in service; its targets are {known}"
        problem = self._problems.get(ledger)
        if problem is not None:
            return f"{ledger} has no champion in service: {problem}"
        if self._is_store_away:
            return f"{ledger} has no champion in service: the store cannot be reached; try again soon"
        return f"{ledger} has no champion yet: run `fiel run retrain --program {program}` first"


def _targets_of(names: Mapping[tuple[str, str], str], program: str) -> Iterator[str]:
    return (target for name, target in names if name == program)
