"""The reason codes that people read are those that plans give."""

from __future__ import annotations

from fiel.actions.reasons import REASONS
from tests.conftest import ROOT


def test_the_page_on_rewards_lists_every_code_with_its_meaning() -> None:
    page = (ROOT / "docs" / "rewards.md").read_text(encoding="utf-8")
    table = page.split("<!-- reasons -->")[1].split("<!-- end -->")[0]
    expected = [f"| {code} | {meaning} |" for code, meaning in REASONS.items()]
    assert table.strip().splitlines()[2:] == expected
