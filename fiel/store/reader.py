"""The store as the service reads it: nothing is made or changed, and what cannot be had is said quickly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from fiel.store import customers as _customers
from fiel.store import deliveries as _deliveries
from fiel.store import keys as _keys
from fiel.store import ledger as _ledger
from fiel.store import models as _models
from fiel.store import promotions as _promotions
from fiel.store import ranking as _ranking
from fiel.store.connections import Connections
from fiel.store.customers import CustomerRow
from fiel.store.keys import KeyRow
from fiel.store.ledger import CycleRow
from fiel.store.models import ServedModel
from fiel.store.promotions import PromotionRow
from fiel.store.ranking import RankingPage, RankingQuery
from fiel.store.schema import GRANTS, HOLD_OUTS, PARTS, PROMOTIONS, SCORE_SETS

__all__ = ["CustomerRow", "RankingPage", "RankingQuery", "Reader", "SetRow"]


@dataclass(frozen=True)
class SetRow:
    """A published set. `counts`: {stage, segment, in_population, customers, scored} for each combination.

    `published_at` and `known_through` are None for a set that an earlier Fiel mirrored.
    """

    program: str
    as_of: date
    model_version: str
    content_digest: str
    customers: int
    loaded_at: datetime
    published_at: datetime | None
    known_through: date | None
    feature_names: tuple[str, ...]
    counts: list[dict[str, Any]]


class Reader:
    """The store at an address, for many threads at once.

    Every method raises StoreUnavailableError where the store does not answer in about two seconds, and StoreError
    where it has another revision than this Fiel (`fiel store upgrade`). Nothing has to be reopened when it is back.
    """

    def __init__(self, address: str, pool_size: int = 8) -> None:
        self._connections = Connections(address, pool_size)

    def close(self) -> None:
        """Give the connections back."""
        self._connections.close()

    @property
    def is_local(self) -> bool:
        """Whether the store is a file on this machine: one look-up takes less time than a change of threads."""
        return self._connections.is_sqlite

    def check(self) -> None:
        """StoreUnavailableError where the store does not answer, StoreError where it has another revision."""
        self._connections.check()

    # -- sets

    def programs(self) -> list[str]:
        """Programs with a published set or a promotion (its own, or one of its further targets)."""
        named = sa.union(sa.select(SCORE_SETS.c.program), sa.select(PROMOTIONS.c.program))
        found = self._connections.read(lambda connection: list(connection.execute(named).scalars()))
        return sorted({ledger.partition(".")[0] for ledger in found})

    def newest_set(self, program: str) -> SetRow | None:
        """The program's newest set; None if nothing was published."""
        wanted = sa.select(SCORE_SETS).where(SCORE_SETS.c.program == program).order_by(SCORE_SETS.c.as_of.desc())
        row = self._connections.read(lambda connection: connection.execute(wanted.limit(1)).one_or_none())
        if row is None:
            return None
        counts = [{name: group[name] for name in group if name != "valued"} for group in row.counts]
        return SetRow(**{**row._mapping, "feature_names": tuple(row.feature_names), "counts": counts})

    def part(self, program: str, name: str) -> Any | None:
        """A part of the newest set; None if it has none of the name."""
        newest = sa.select(sa.func.max(SCORE_SETS.c.as_of)).where(SCORE_SETS.c.program == program).scalar_subquery()
        mine = (PARTS.c.program == program, PARTS.c.part == name, PARTS.c.as_of == newest)
        wanted = sa.select(PARTS.c.content).where(*mine)
        return self._connections.read(lambda connection: connection.execute(wanted).scalar())

    # -- customers

    def customer(self, program: str, customer_id: str) -> CustomerRow | None:
        """The customer of the newest set; None if the set holds no such customer, or there is none."""
        return _customers.one(self._connections, program, customer_id)

    def customers(self, program: str, ids: Sequence[str], *, with_documents: bool = True) -> dict[str, CustomerRow]:
        """The customers of the newest set by id; those that it does not hold are left out.

        Without documents theirs are None, which is quicker where only scores and features are asked for.
        """
        return _customers.many(self._connections, program, ids, with_documents=with_documents)

    def ranking(self, program: str, query: RankingQuery) -> RankingPage:
        """One page of the customers of a set, in order; CursorError where the query's cursor cannot be used."""
        return _ranking.page(self._connections, program, query)

    def ranking_rows(self, program: str, query: RankingQuery) -> Iterator[list[dict[str, Any]]]:
        """The whole filtered ranking from its first row, in pieces; StoreError if its set is replaced meanwhile."""
        return _ranking.pieces(self._connections, program, query)

    # -- models and keys

    def champion_row(self, ledger_name: str) -> PromotionRow | None:
        """The newest promotion of a ledger; None if nothing was ever promoted."""
        return self._connections.read(lambda connection: _promotions.head(connection, ledger_name))

    def promotions(self, ledger_name: str) -> list[PromotionRow]:
        """All promotions of a ledger, oldest first."""
        return self._connections.read(lambda connection: _promotions.read(connection, ledger_name))

    def heads(self) -> dict[str, PromotionRow]:
        """The newest promotion of every ledger, by ledger name."""
        return self._connections.read(_promotions.heads)

    def served_model(self, digest: str) -> ServedModel | None:
        """A model's file by its digest; None if it is not kept."""
        return self._connections.read(lambda connection: _models.read(connection, digest))

    def keys(self) -> list[KeyRow]:
        """Every API key, revoked ones too, oldest first."""
        return self._connections.read(_keys.read)

    # -- rewards

    def grants_of(self, program: str, customer_id: str) -> list[dict[str, Any]]:
        """The customer's ledger entries (the columns of ledger.ENTRIES), newest first, reversals too."""
        table = GRANTS.c
        wanted = sa.select(*(table[name] for name in _ledger.ENTRIES)).where(
            table.program == program, table.customer_id == customer_id
        )
        return self._dicts(wanted.order_by(table.entry.desc()), customer_id)

    def held_out_of(self, program: str, customer_id: str) -> list[dict[str, Any]]:
        """The cycles that the customer was held out of (the columns of ledger.HELD_OUT), newest first."""
        table = HOLD_OUTS.c
        wanted = sa.select(*(table[name] for name in _ledger.HELD_OUT)).where(
            table.program == program, table.customer_id == customer_id
        )
        return self._dicts(wanted.order_by(table.as_of.desc()), customer_id)

    def in_ledger(self, program: str, customer_id: str) -> tuple[bool, bool]:
        """Whether `grants_of` and `held_out_of` hold anything of the customer: one quick look for both."""
        if _customers.is_no_id(customer_id):
            return False, False
        mine = "WHERE program = ? AND customer_id = ?"
        (found,) = self._connections.fetch(
            f"SELECT EXISTS(SELECT 1 FROM grants {mine}), EXISTS(SELECT 1 FROM hold_outs {mine})",  # noqa: S608 - no input
            (program, customer_id, program, customer_id),
        )
        return bool(found[0]), bool(found[1])

    def cycles(self, program: str) -> list[CycleRow]:
        """All applied cycles of the program, oldest first."""
        return self._connections.read(lambda connection: _ledger.cycles(connection, program))

    def entries(self, program: str, as_of: date) -> pl.DataFrame:
        """Grants and reversals of a cycle, in their order."""
        return self._connections.read(lambda connection: _ledger.entries(connection, program, as_of))

    def deliveries(self, program: str, as_of: date) -> dict[str, int]:
        """Entries of a cycle by the newest state of their delivery; `waiting` are those nobody tried yet."""
        return self._connections.read(lambda connection: _deliveries.states(connection, program, as_of))

    def _dicts(self, wanted: sa.Select[Any], customer_id: str) -> list[dict[str, Any]]:
        if _customers.is_no_id(customer_id):
            return []
        return self._connections.read(lambda connection: [dict(row._mapping) for row in connection.execute(wanted)])
