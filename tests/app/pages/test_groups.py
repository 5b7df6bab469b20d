"""A level that nearly everyone has is told, as it tells nobody apart."""

from __future__ import annotations

import pytest

from app.pages.groups import groups_of


@pytest.mark.parametrize(
    ("grouping", "sizes", "words"),
    [
        ("level", {"high": 97, "middle": 3}, "97 % of the accounts have one level"),
        ("level", {"high": 95, "middle": 5}, ""),
        ("stage", {"zumbi": 97, "fiel": 3}, ""),
    ],
)
def test_a_level_of_more_than_95_per_cent_is_told(grouping: str, sizes: dict[str, int], words: str) -> None:
    groups = [{"group": name, "customers": size, "before": None} for name, size in sizes.items()]
    found = groups_of({"grouping": grouping, "groups": groups}, "en")
    assert found is not None
    assert words in found.note
    assert bool(found.note) == bool(words)
