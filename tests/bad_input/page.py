"""`docs/bad-input.md`: the table of cases as a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tests.conftest import ROOT

if TYPE_CHECKING:
    from tests.test_bad_input import Case

PAGE = ROOT / "docs" / "bad-input.md"

INTRODUCTION = """\
# Bad input

Made of the table in `tests/test_bad_input.py` by `python -m tests.test_bad_input`. Each row is a test: the command ends
with exit status 1 and one line on standard error (*usage*: status 2 and a hint at `--help`), and tables, exports,
ledger, models and aliases are as they were. Rows that are wrong by themselves are *set aside*: the command succeeds,
its summary counts them by rule, and `core_rejected` holds them with table, row number, rule and content.

The words are parts of the message; `…` stands for the parts between them.
"""


def page(sections: Mapping[str, Sequence[Case]]) -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, cases in sections.items():
        rows = [f"| {_cell(case.what)} | {_message(case)} | {_cell(case.do.strip())} |" for case in cases]
        head = ["| what is wrong | what the message says | what to do |", "| --- | --- | --- |"]
        parts.append("\n".join([f"## {title}", "", *head, *rows, ""]))
    return "\n".join(parts)


def _message(case: Case) -> str:
    return _cell(f"*{case.kind}*: " + " … ".join(part.strip() for part in case.says))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
