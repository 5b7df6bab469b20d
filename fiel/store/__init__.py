"""The online store and the ledgers: promotions, cycles, grants, deliveries, and the published sets.

SQLite by default, PostgreSQL in production, both through SQLAlchemy. `Store` is the only door.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

import polars as pl

from fiel.errors import StoreError
from fiel.store import deliveries as _deliveries
from fiel.store import keys as _keys
from fiel.store import ledger as _ledger
from fiel.store import message_calls as _message_calls
from fiel.store import models as _models
from fiel.store import promotions as _promotions
from fiel.store import publishing as _publishing
from fiel.store import scores as _scores
from fiel.store.engine import Database
from fiel.store.keys import KeyRow
from fiel.store.ledger import CycleRow, LedgerView
from fiel.store.message_calls import CallRow
from fiel.store.models import ServedModel
from fiel.store.promotions import PromotionRow
from fiel.store.publishing import Publication
from fiel.store.scores import ScoreSet

__all__ = [
    "CallRow",
    "CycleRow",
    "KeyRow",
    "LedgerView",
    "PromotionRow",
    "Publication",
    "ScoreSet",
    "ServedModel",
    "Store",
]


class Store:
    """The store at a database address: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`.

    Opening it makes the tables, or upgrades them, one process at a time. StoreError says what is wrong and what to
    do, never the password.
    """

    def __init__(self, address: str) -> None:
        self.database = Database(address)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def migrate(self) -> None:
        """Bring the tables to this Fiel's revision; nothing happens where they are. Opening a store does it too."""
        self.database.upgrade()

    # -- promotions

    def append_promotion(self, row: PromotionRow) -> bool:
        """Add a promotion, a rollback or the first champion; False if the newest row already says the same.

        The same: equal `to_version` and `fingerprint`. A step that is run again therefore adds nothing.
        """
        with self.database.write(row.program) as connection:
            return _promotions.append(connection, row)

    def promotions(self, program: str) -> list[PromotionRow]:
        """All promotions of the program, oldest first."""
        with self.database.read() as connection:
            return _promotions.read(connection, program)

    # -- the ledger of grants (written by fiel.actions.ledger)

    def ledger_view(self, program: str, as_of: date) -> LedgerView:
        """The ledger as cycle `as_of` sees it: what a plan has to respect."""
        with self.database.read() as connection:
            return _ledger.view(connection, program, as_of)

    def cycle(self, program: str, as_of: date) -> CycleRow | None:
        """The applied cycle; None if it was never applied."""
        with self.database.read() as connection:
            return _ledger.cycle(connection, program, as_of)

    def cycles(self, program: str) -> list[CycleRow]:
        """All applied cycles of the program, oldest first."""
        with self.database.read() as connection:
            return _ledger.cycles(connection, program)

    def entries(self, program: str, as_of: date | None = None) -> pl.DataFrame:
        """Ledger entries (grants and reversals) of the program, or of one cycle, in their order."""
        with self.database.read() as connection:
            return _ledger.entries(connection, program, as_of)

    def held_out(self, program: str, as_of: date | None = None) -> pl.DataFrame:
        """Customers who would have been granted and were held out, of the program or of one cycle."""
        with self.database.read() as connection:
            return _ledger.held_out(connection, program, as_of)

    def outbox(self, program: str, as_of: date | None = None) -> pl.DataFrame:
        """Ledger entries of the program, or of one cycle, each with what became of its delivery."""
        with self.database.read() as connection:
            return _deliveries.outbox(connection, program, as_of)

    # -- requests to a language model (written by fiel.actions.messages)

    def append_message_call(self, row: CallRow) -> bool:
        """Add an event of a request; False when another process has added that number before."""
        with self.database.write(row.program) as connection:
            return _message_calls.add(connection, row)

    def message_call_number(self, request: str) -> int:
        """Number of the request's newest event; 0 without one."""
        with self.database.read() as connection:
            return _message_calls.newest_number(connection, request)

    def message_answers(self, program: str, as_of: date) -> dict[str, CallRow]:
        """The answers of the program's requests of as_of, by request."""
        with self.database.read() as connection:
            return _message_calls.answers(connection, program, as_of)

    def message_spending(self, program: str, as_of: date, currency: str) -> tuple[int, int]:
        """Tokens, and millionths of the currency, that the messages of as_of came to or may have come to."""
        with self.database.read() as connection:
            return _message_calls.spent(connection, program, as_of, currency)

    def message_calls(self, requests: Collection[str]) -> list[CallRow]:
        """Every event of the requests, in order."""
        with self.database.read() as connection:
            return _message_calls.of_requests(connection, requests)

    # -- what the service reads (through fiel.store.reader)

    def publish(self, publication: Publication, keep_sets: int = 3) -> ScoreSet:
        """Make scores, documents and parts of an as_of visible, all at once or not at all.

        Equal content changes nothing. Only the `keep_sets` newest sets stay; the lake keeps them all. StoreError for a
        broken publication (other dates, no rows, a customer twice, a document of nobody): the earlier set stays.
        """
        if keep_sets < 1:
            raise StoreError(f"{keep_sets} sets cannot be kept: keep 1 or more")
        with (
            _publishing.prepared(publication) as ready,
            self.database.write(publication.program) as connection,
        ):
            return _publishing.publish(connection, ready, keep_sets)

    def load_scores(
        self, program: str, as_of: date, frame: pl.DataFrame, model_version: str, keep_sets: int = 3
    ) -> ScoreSet:
        """Publish scores (columns of out_scores) without documents or parts; like `publish` in everything else."""
        return self.publish(Publication(program, as_of, model_version, known_through=as_of, scores=frame), keep_sets)

    def put_model(self, model: ServedModel) -> bool:
        """Keep a model's file under its digest; False where it is there. StoreError where the bytes do not match."""
        with self.database.write("served_models") as connection:
            return _models.put(connection, model)

    def served_model(self, digest: str) -> ServedModel | None:
        """The model's file with the digest; None if it is not kept."""
        with self.database.read() as connection:
            return _models.read(connection, digest)

    def add_key(self, row: KeyRow) -> None:
        """Add an API key; StoreError where its id is taken."""
        with self.database.write("api_keys") as connection:
            _keys.add(connection, row)

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        """Revoke a key; False where there is none, or it was revoked before."""
        with self.database.write("api_keys") as connection:
            return _keys.revoke(connection, key_id, at)

    def keys(self) -> list[KeyRow]:
        """Every API key, revoked ones too, oldest first."""
        with self.database.read() as connection:
            return _keys.read(connection)

    def score_set(self, program: str, as_of: date | None = None) -> ScoreSet | None:
        """The published set of `as_of`, or the newest; None if there is none."""
        with self.database.read() as connection:
            return _scores.read_set(connection, program, as_of)

    def score(self, program: str, customer_id: str, as_of: date | None = None) -> dict[str, Any] | None:
        """The customer's score of `as_of`, or of the newest set; None if there is none."""
        with self.database.read() as connection:
            return _scores.read_score(connection, program, customer_id, as_of)
