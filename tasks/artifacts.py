"""What a run leaves in the Prefect UI: one markdown artifact for each stage and program, and links to files."""

from __future__ import annotations

from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.context import get_run_context
from prefect.exceptions import MissingContextError


def leave_markdown(program: str, what: str, markdown: str, description: str) -> None:
    """A markdown artifact under the key PROGRAM-WHAT; outside a run nothing is left."""
    if _in_run():
        create_markdown_artifact(key=_key(program, what), markdown=markdown, description=description)


def leave_link(program: str, what: str, address: str, text: str) -> None:
    """A link to a file under the key PROGRAM-WHAT; local files as file:// addresses."""
    if _in_run():
        link = address if "://" in address else f"file://{address}"
        create_link_artifact(key=_key(program, what), link=link, link_text=text, description=address)


def _key(program: str, what: str) -> str:
    return f"{program}-{what}".replace("_", "-")


def _in_run() -> bool:
    try:
        get_run_context()
    except MissingContextError:
        return False
    return True
