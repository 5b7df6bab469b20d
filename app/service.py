"""The service of one worker: what it holds, and what it looks after in the background."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from app import metrics
from app.champions import Champions
from app.security.gate import Gate
from app.security.keys import KeyRing
from app.security.sessions import Sessions
from app.served import ServedLog
from app.settings import ServeSettings
from fiel.errors import ProgramError, StoreError
from fiel.program import Program, program_names, read_program
from fiel.store.reader import Reader

_LOG = logging.getLogger("app.service")
_STATE_SECONDS = 1.0

QUARTER_DAYS = 100
"""Age from which the scores of a quarterly program are stale: a quarter and a few days to deliver it."""


@dataclass(frozen=True)
class ProgramState:
    """How old a program's scores are and which model is in service; None where there is none."""

    name: str
    as_of: date | None
    age_days: int | None
    limit_days: int | None
    version: str | None

    @property
    def is_stale(self) -> bool:
        """Whether its scores are older than the limit."""
        return self.age_days is not None and self.limit_days is not None and self.age_days > self.limit_days


@dataclass(frozen=True)
class ModelState:
    """One model in service."""

    program: str
    target: str
    version: str
    kind: str
    digest: str


@dataclass(frozen=True)
class State:
    """What `/ready` and `/metrics` tell: read from the store at most once a second."""

    is_store_up: bool
    programs: tuple[ProgramState, ...] = ()
    models: tuple[ModelState, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered: the store is there and a model is loaded."""
        return self.is_store_up and bool(self.models)

    @property
    def is_degraded(self) -> bool:
        """Whether something is old or was refused; what is there is still served."""
        return bool(self.problems) or any(program.is_stale for program in self.programs)


@dataclass
class Service:
    """Everything that a route needs, at `request.app.state.service`."""

    settings: ServeSettings
    programs: dict[str, Program]
    reader: Reader
    champions: Champions
    served: ServedLog
    keys: KeyRing
    gate: Gate
    _seen: State | None = None
    _seen_at: float = float("-inf")
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _state_lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, settings: ServeSettings) -> Service:
        """The service that the settings describe; nothing is read from the store yet."""
        reader = Reader(settings.fiel.store_url)
        programs = readable_programs(settings)
        keys = KeyRing(reader.keys, settings.key_grace_seconds)
        secret = settings.session_secret
        made = secrets.token_bytes(32) if secret is None else secret.get_secret_value().encode()
        sessions = Sessions(keys, made, settings.session_hours)
        return cls(
            settings=settings,
            programs=programs,
            reader=reader,
            champions=Champions(reader, programs, settings.poll_seconds),
            served=ServedLog.of(settings),
            keys=keys,
            gate=Gate(settings, keys, sessions),
        )

    def start(self) -> None:
        """Read the keys and load the champions, then keep looking for changes. A store that is away stops nothing."""
        if not self.keys.refresh():
            _LOG.warning("the store cannot be used yet: nobody is let in until its keys are read")
        self.champions.start()
        self.served.start()
        watch = threading.Thread(target=self._watch, name="keys", daemon=True)
        watch.start()
        self._threads.append(watch)

    def stop(self) -> None:
        """Write what is left of the log of answers and give the connections back."""
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self.champions.stop()
        self.served.stop()
        self.reader.close()

    def state(self) -> State:
        """Store, models and ages now, at most a second old."""
        with self._state_lock:
            if self._seen is None or monotonic() - self._seen_at > _STATE_SECONDS:
                self._seen = self._look()
                self._seen_at = monotonic()
            return self._seen

    async def state_soon(self) -> State:
        """`state` without holding up other requests."""
        return await asyncio.to_thread(self.state)

    def _look(self) -> State:
        problems = dict(self.champions.problems)
        try:
            self.reader.check()
            programs = tuple(self._program_state(name) for name in self.reader.programs() if name in self.programs)
        except StoreError:
            metrics.STORE_ERRORS.inc()
            return State(False, models=self._models(), problems=problems)
        return State(True, programs, self._models(), problems)

    def _age_limit(self, name: str) -> int | None:
        """Days after which the program's scores are stale: as set, else by how often its data can change at all."""
        program = self.programs[name]
        if name not in self.settings.score_age_limits:
            if program.is_table:  # a finished file without dates: nothing newer can come
                return None
            if program.is_quarterly:
                return max(QUARTER_DAYS, self.settings.score_age_limit_days)
        return self.settings.score_age_limit(name)

    def _program_state(self, name: str) -> ProgramState:
        found = self.reader.newest_set(name)
        limit = self._age_limit(name)
        version = next((model.version for model in self._models() if model.program == name), None)
        if found is None:
            return ProgramState(name, None, None, limit, version)
        today = now().astimezone(ZoneInfo(self.programs[name].day_time_zone)).date()
        return ProgramState(name, found.as_of, (today - found.as_of).days, limit, version)

    def _models(self) -> tuple[ModelState, ...]:
        return tuple(
            ModelState(
                live.program.name, live.program.target.name, live.model.version, live.model.kind, live.model.digest
            )
            for live in self.champions.all()
        )

    def _watch(self) -> None:
        was_up = self.keys.is_known
        while not self._stop.wait(self.settings.poll_seconds):
            try:
                is_up = self.keys.refresh()
            except Exception as error:  # the thread has to outlive any defect: revocation depends on it
                _LOG.error("looking for changed keys failed", exc_info=error)
                continue
            if is_up != was_up:
                _LOG.warning("the store answers again" if is_up else "the store does not answer")
            if not is_up:
                metrics.STORE_ERRORS.inc()
            was_up = is_up


def readable_programs(settings: ServeSettings) -> dict[str, Program]:
    """Every program file that is right, by name; a wrong one is logged and left out, so one cannot stop the others."""
    found: dict[str, Program] = {}
    for name in program_names(settings.fiel):
        try:
            found[name] = read_program(settings.fiel.programs / f"{name}.yaml")
        except ProgramError as error:
            _LOG.error("a program file is wrong and its program not served", extra={"fields": {"why": str(error)}})
    return found


def now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


def describe(state: State, programs: Any) -> list[dict[str, Any]]:
    """The programs of `state` as `/ready` shows them, those that `programs(name)` lets through."""
    return [
        {
            "program": found.name,
            "as_of": found.as_of and found.as_of.isoformat(),
            "age_days": found.age_days,
            "limit_days": found.limit_days,
            "is_stale": found.is_stale,
            "model_version": found.version,
        }
        for found in state.programs
        if programs(found.name)
    ]
