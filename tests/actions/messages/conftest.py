from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from fiel.actions.messages.openai_writer import OpenAIWriter
from fiel.actions.messages.writing import Written, write_messages
from fiel.program import Program
from fiel.settings import Settings
from fiel.store import Store
from tests.actions.messages.openai_server import OpenAIServer, openai_server
from tests.actions.messages.worlds import AS_OF, catalogue, chosen, program


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with openai_server() as running:
        yield running


def settings_for(server: OpenAIServer, **more: Any) -> Settings:
    given = {
        "openai_kind": "azure",
        "openai_endpoint": server.address,
        "openai_model": "writer",
        "openai_key": SecretStr("secret-key"),
    }
    return Settings.model_validate(given | more)


Write = Callable[..., Written]


@pytest.fixture
def write(store: Store, server: OpenAIServer) -> Write:
    """Write `count` messages with the fake server; further arguments are those of the program's messages."""

    def run(count: int = 4, by: Program | None = None, **more: Any) -> Written:
        policy = by or program(writer="openai", **more)
        assert policy.messages is not None
        writer = OpenAIWriter(settings_for(server), policy.messages.model)
        try:
            return write_messages(chosen(count), policy, catalogue(), AS_OF, store, writer, first_pause=0.01)
        finally:
            writer.close()

    return run
