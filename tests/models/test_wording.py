"""A program without stages, or without time, is spoken of in its own words."""

from __future__ import annotations

import pytest

from fiel.models.wording import spoken
from fiel.program import Program, read_program
from fiel.settings import HOME


def program(name: str) -> Program:
    return read_program(HOME / "deployments" / "programs" / f"{name}.yaml")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("teomewhy", ["judging (out of time)", "the stage rule (no machine learning)", "20 customers"]),
        ("santander", ["judging (test)", "the base rate (no machine learning)", "20 customers"]),
        ("pension", ["judging (out of time)", "the base rate (no machine learning)", "20 accounts"]),
    ],
)
def test_each_program_speaks_in_its_own_words(name: str, said: list[str]) -> None:
    written = ["judging (out of time)", "the stage rule (no machine learning)", "20 customers"]
    assert spoken(written, program(name)) == said


def test_a_word_inside_another_stays() -> None:
    assert spoken("out_of_time, customer_id", program("pension")) == "out_of_time, customer_id"
