"""The online store and the ledgers: promotions, cycles, grants, deliveries, and a mirror of the newest scores.

SQLite by default, PostgreSQL in production, both through SQLAlchemy. `Store` is the only door.
"""

from __future__ import annotations

from fiel.store import promotions as _promotions
from fiel.store.engine import Database
from fiel.store.promotions import PromotionRow

__all__ = ["PromotionRow", "Store"]


class Store:
    """The store at a database address: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`.

    Opening it creates what is missing. StoreError says what is wrong and what to do, never the password.
    """

    def __init__(self, address: str) -> None:
        self.database = Database(address)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

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
