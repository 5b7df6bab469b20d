"""What the service answered beside what the batch scored."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from fiel.models.served import compare_served

AS_OF = date(2025, 11, 1)
MODEL = {"as_of": AS_OF, "model_version": "3", "model_digest": "d3"}


def served(*rows: tuple[str, float | None], basis: str = "recomputed", **model: object) -> pl.DataFrame:
    return pl.DataFrame(
        [{"customer_id": customer, "prob": prob, "basis": basis} | MODEL | model for customer, prob in rows],
        schema_overrides={"prob": pl.Float64, "as_of": pl.Date},
    )


def scores(*rows: tuple[str, float | None], **model: object) -> pl.DataFrame:
    return served(*rows, **model).drop("basis")


def test_equal_to_the_last_bit_is_counted_and_one_bit_is_a_difference() -> None:
    one_bit = 0.5 + 2**-53
    found = compare_served(served(("a", 0.5), ("b", one_bit)), scores(("a", 0.5), ("b", 0.5)))
    assert found.select("answers", "compared", "equal").row(0) == (2, 2, 1)
    assert found["largest_difference"].item() == one_bit - 0.5


def test_nobody_scored_on_both_sides_is_equal_and_on_one_side_is_said() -> None:
    found = compare_served(served(("a", None), ("b", None)), scores(("a", None), ("b", 0.5)))
    assert found.select("compared", "equal", "null_on_one_side", "largest_difference").row(0) == (2, 1, 1, None)


def test_every_answer_counts_also_several_for_one_customer() -> None:
    found = compare_served(served(("a", 0.5), ("a", 0.5), ("a", 0.75)), scores(("a", 0.5)))
    assert found.select("answers", "customers", "compared", "equal").row(0) == (3, 1, 3, 2)


@pytest.mark.parametrize("other", [{"model_version": "4"}, {"model_digest": "d4"}, {"as_of": date(2025, 10, 1)}])
def test_another_model_or_date_is_not_compared(other) -> None:
    found = compare_served(served(("a", 0.9)), scores(("a", 0.5), **other))
    assert found.select("answers", "compared", "equal", "largest_difference").row(0) == (1, 0, 0, None)


def test_what_the_caller_gave_has_nothing_to_stand_beside() -> None:
    assert compare_served(served(("a", 0.9), basis="given"), scores(("a", 0.5))).is_empty()


def test_each_version_and_basis_has_its_row_newest_date_first() -> None:
    told = pl.concat([served(("a", 0.5)), served(("b", 0.5), basis="cross_fitted"), served(("a", 0.5), as_of=AS_OF)])
    older = served(("a", 0.25), as_of=date(2025, 10, 1))
    found = compare_served(pl.concat([older, told]), scores(("a", 0.5), ("b", 0.5)))
    assert found.select("as_of", "basis", "answers").rows() == [
        (AS_OF, "cross_fitted", 1),
        (AS_OF, "recomputed", 2),
        (date(2025, 10, 1), "recomputed", 1),
    ]
