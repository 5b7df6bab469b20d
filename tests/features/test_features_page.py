"""docs/features.md names every group, column, stage, cluster and difference that there is, and no other column."""

from __future__ import annotations

import re

import pytest

from fiel.features.groups import GROUPS
from fiel.features.published import DIFFERENCES
from fiel.program import STAGES
from fiel.settings import HOME
from fiel.tables import CLUSTERS, TABLES

PAGE = (HOME / "docs" / "features.md").read_text(encoding="utf-8")
KEYS = ("customer_id", "as_of")
SECTIONS = {**{group.table: group.name for group in GROUPS.values()}, "feat_snapshot": "The snapshot"}


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def columns_of(title: str) -> set[str]:
    """The columns in the first cells of the section's tables."""
    rows = [line for line in section(title).splitlines() if line.startswith("| `")]
    names = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}
    return {name.replace("{f}", "{w}") for name in names - set(STAGES)}


@pytest.mark.parametrize("table", SECTIONS)
def test_a_section_lists_exactly_the_columns_of_its_table(table) -> None:
    own = {name for name in TABLES[table].declared if name not in KEYS}
    patterns = {pattern.name for pattern in TABLES[table].patterns} if table != "feat_snapshot" else set()
    assert columns_of(SECTIONS[table]) == own | patterns


def test_the_page_names_every_stage_and_cluster() -> None:
    assert all(f"`{stage}`" in section("life_cycle") for stage in STAGES)
    assert all(f"`{cluster}`" in section("The snapshot") for cluster in CLUSTERS)


def test_the_page_explains_every_difference_from_the_published_features() -> None:
    for code, meaning in DIFFERENCES.items():
        assert f"| `{code}` | {meaning} |" in PAGE
