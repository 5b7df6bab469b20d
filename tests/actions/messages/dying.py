"""A process that writes messages and is killed: `python -m tests.actions.messages.dying STORE SERVER STEP COUNT`.

It is killed (SIGKILL) when STEP (`intent recorded`, `answered`, `outcome recorded`) has come COUNT times.
"""

from __future__ import annotations

import os
import signal
import sys

from fiel.actions.messages.openai_writer import OpenAIWriter
from fiel.actions.messages.writing import write_messages
from fiel.settings import Settings
from fiel.store import Store
from tests.actions.messages.worlds import AS_OF, catalogue, chosen, program

CUSTOMERS = 8


def main(store: str, server: str, step: str, count: str) -> None:
    left = int(count)

    def tell(name: str) -> None:
        nonlocal left
        left -= name == step
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    policy = program(writer="openai", model={"concurrency": 1})
    assert policy.messages is not None
    settings = Settings.model_validate(
        {"openai_endpoint": server, "openai_model": "writer", "openai_key": "secret-key"}
    )
    writer = OpenAIWriter(settings, policy.messages.model)
    write_messages(chosen(CUSTOMERS), policy, catalogue(), AS_OF, Store(store), writer, steps=tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
