"""A process that publishes a set, and stops for good (SIGSTOP) in the middle of it: for tests that kill it there.

python -m tests.store.loading ADDRESS
"""

from __future__ import annotations

import os
import signal
import sys

from fiel.store import Store, bulk, publishing
from tests.store.worlds import customer, published


def main() -> None:
    replace_rows = bulk.replace_rows

    def half(*arguments: object) -> None:
        replace_rows(*arguments)  # type: ignore[arg-type]
        sys.stdout.write("half\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGSTOP)

    publishing.replace_rows = half
    store = Store(sys.argv[1])
    store.publish(published(*(customer(f"new{number}") for number in range(500)), model_version="4"))


if __name__ == "__main__":
    main()
