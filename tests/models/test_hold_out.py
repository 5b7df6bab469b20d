"""Hold-out validation of the purchase models: what was expected at the cut against what was bought after it."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiel.core import Core
from fiel.errors import TimeError
from fiel.models.hold_out import MEASURES, HoldOutResult, hold_out, validate
from fiel.tables import TABLES
from tests.models.purchase_worlds import START, bg_nbd_purchases, core_of, day, program

CUT, AS_OF = 300, 450
PURCHASES = bg_nbd_purchases(4_000, AS_OF + 60, r=0.6, alpha=30, a=0.8, b=3, joins_within=200, seed=5)
HISTORY = [row for row in PURCHASES if row[1] < AS_OF]
NEW = [(f"new{number}", at, 500) for number, at in enumerate(range(CUT, AS_OF, 2))]
PROGRAM = program(validation_days=AS_OF - CUT)


@pytest.fixture(scope="module")
def result() -> HoldOutResult:
    return validate(core_of(PURCHASES), day(AS_OF), PROGRAM)


def of_kind(result: HoldOutResult | pl.DataFrame, kind: str, model: str = "bg_nbd") -> pl.DataFrame:
    frame = result if isinstance(result, pl.DataFrame) else result.frame
    return frame.filter(pl.col("kind") == kind, pl.col("model") == model).sort("position")


def measures(result: HoldOutResult, model: str = "bg_nbd") -> dict[str, Any]:
    return dict(of_kind(result, "total", model).select("bucket", "expected").iter_rows())


def test_the_rows_are_those_of_out_hold_out_for_each_model(result: HoldOutResult) -> None:
    TABLES["out_hold_out"].check(result.frame.schema)
    TABLES["out_hold_out"].schema.validate(result.frame)
    assert result.frame["model"].unique(maintain_order=True).to_list() == ["bg_nbd", "mbg_nbd", "pooled"]
    assert result.frame["calibrated_until"].unique().to_list() == [day(CUT)]
    parameters = [f"parameter_{name}" for name in ("r", "alpha", "a", "b")]
    assert of_kind(result, "total")["bucket"].to_list() == [*MEASURES, *parameters]


class TestAgainstSimulatedCustomers:
    """The customers follow the BG/NBD story, so what it expects is what they do, within the noise of 4,000 of them."""

    def test_the_tracking_line_follows_what_is_bought(self, result: HoldOutResult) -> None:
        weeks = of_kind(result, "period").filter(pl.col("actual_so_far") > 500)
        off = (weeks["expected_so_far"] / weeks["actual_so_far"] - 1).abs()
        assert weeks.height > 40
        assert off.max() < 0.05  # 3,900 repeat purchases at the cut: a standard error of about 2.5 %
        assert measures(result)["track_mape"] < 0.04

    def test_the_expected_purchases_are_bought_at_every_calibration_frequency(self, result: HoldOutResult) -> None:
        rows = of_kind(result, "frequency")
        bought = _bought_by_frequency()
        for frequency, customers, actual, expected in rows.select(
            "bucket", "customers", "actual", "expected"
        ).iter_rows():
            error = np.std(bought[frequency]) / np.sqrt(customers)
            assert abs(actual - expected) < 4 * error

    def test_the_sum_is_expected_within_its_noise(self, result: HoldOutResult) -> None:
        assert abs(measures(result)["bias_share"]) < 0.06

    def test_a_model_with_the_wrong_story_does_worse(self, result: HoldOutResult) -> None:
        assert measures(result)["rmse"] < measures(result, "pooled")["rmse"]
        assert measures(result)["log_likelihood"] > measures(result, "pooled")["log_likelihood"]

    def test_purchases_of_a_new_customer_are_those_of_many_simulated_ones(self, result: HoldOutResult) -> None:
        customers = 20_000
        bought = bg_nbd_purchases(customers, 200, r=0.6, alpha=30, a=0.8, b=3, joins_within=1, seed=9)
        found = float(result.fits["bg_nbd"].expected_purchases_new(200.0))
        assert found == pytest.approx((len(bought) - customers) / customers, rel=0.08)


def _bought_by_frequency() -> dict[str, list[int]]:
    """Hold-out purchases of each customer by calibration frequency, counted one purchase at a time."""
    before = Counter(customer for customer, number, _ in PURCHASES if number < CUT)
    after = Counter(customer for customer, number, _ in PURCHASES if CUT <= number < AS_OF)
    found: dict[str, list[int]] = {}
    for customer, days in before.items():
        found.setdefault(str(days - 1) if days <= 7 else "7+", []).append(after[customer])
    return found


class TestAgainstCountingByHand:
    """Every number again, from the list of purchases, customer by customer and day by day."""

    PURCHASES = bg_nbd_purchases(150, 160, r=1.0, alpha=20, a=1, b=4, joins_within=70, seed=3)
    CUT, AS_OF = 95, 157  # the hold-out has eight weeks and six days

    @pytest.fixture(scope="class")
    def tiny(self) -> HoldOutResult:
        few = program(validation_days=self.AS_OF - self.CUT, min_repeaters=5)
        return validate(core_of(self.PURCHASES), day(self.AS_OF), few)

    @pytest.fixture(scope="class")
    def people(self) -> dict[str, list[int]]:
        """Purchase day numbers before as_of of everyone who bought before the cut."""
        found: dict[str, list[int]] = {}
        for customer, number, _ in self.PURCHASES:
            if number < self.AS_OF:
                found.setdefault(customer, []).append(number)
        return {customer: days for customer, days in sorted(found.items()) if days[0] < self.CUT}

    @pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pooled"])
    def test_the_means_by_frequency(self, tiny: HoldOutResult, people: dict[str, list[int]], name: str) -> None:
        expected: dict[str, list[tuple[float, float]]] = {}
        for days in people.values():
            before = [number for number in days if number < self.CUT]
            x, t_x, age = len(before) - 1, before[-1] - before[0], self.CUT - before[0]
            chance = tiny.fits[name].expected_purchases(float(self.AS_OF - self.CUT), x, t_x, age)
            bucket = "7+" if x >= 7 else str(x)
            expected.setdefault(bucket, []).append((len(days) - len(before), float(chance)))
        rows = of_kind(tiny, "frequency", name)
        assert rows["bucket"].to_list() == sorted(expected)
        for bucket, customers, actual, mean in rows.select("bucket", "customers", "actual", "expected").iter_rows():
            assert customers == len(expected[bucket])
            assert actual == pytest.approx(sum(pair[0] for pair in expected[bucket]) / customers)
            assert mean == pytest.approx(sum(pair[1] for pair in expected[bucket]) / customers)

    def test_the_weeks(self, tiny: HoldOutResult, people: dict[str, list[int]]) -> None:
        rows = of_kind(tiny, "period")
        of_new = tiny.fits["bg_nbd"].expected_purchases_new
        for bucket, customers, actual, expected, actual_so_far, expected_so_far in rows.select(
            "bucket", "customers", "actual", "expected", "actual_so_far", "expected_so_far"
        ).iter_rows():
            first = (date.fromisoformat(bucket) - START).days
            end = min(first + 7, self.AS_OF)
            so_far, week, hoped_so_far, hoped_before, known = 0, 0, 0.0, 0.0, 0
            for days in people.values():
                so_far += sum(number < end for number in days[1:])
                week += sum(first <= number < end for number in days[1:])
                known += days[0] < end
                hoped_so_far += float(of_new(float(max(end - days[0], 0))))
                hoped_before += float(of_new(float(max(first - days[0], 0))))
            assert (customers, actual, actual_so_far) == (known, week, so_far)
            assert expected_so_far == pytest.approx(hoped_so_far)
            assert expected == pytest.approx(hoped_so_far - hoped_before)

    def test_the_weeks_meet_at_the_cut_and_end_at_as_of(self, tiny: HoldOutResult) -> None:
        starts = [(date.fromisoformat(text) - START).days for text in of_kind(tiny, "period")["bucket"]]
        assert self.CUT in starts
        assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {7}
        assert starts[0] <= 0 < starts[1]
        assert starts[-1] == self.CUT + 8 * 7

    @pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pooled"])
    def test_the_measures(self, tiny: HoldOutResult, people: dict[str, list[int]], name: str) -> None:
        model, horizon = tiny.fits[name], float(self.AS_OF - self.CUT)
        actual, expected, alive, chance = [], [], [], []
        for days in people.values():
            before = [number for number in days if number < self.CUT]
            history = (len(before) - 1, before[-1] - before[0], self.CUT - before[0])
            actual.append(len(days) - len(before))
            expected.append(float(model.expected_purchases(horizon, *history)))
            alive.append(float(model.alive_prob(*history)))
            chance.append(float(model.purchase_prob(horizon, *history)))
        found = measures(tiny, name)
        count, errors = len(actual), [e - a for a, e in zip(actual, expected, strict=True)]
        assert found["purchases"] == pytest.approx(sum(expected))
        assert of_kind(tiny, "total", name)["actual"].drop_nulls().to_list() == [sum(actual)]
        assert {f"parameter_{key}": value for key, value in model.parameters_.items()}.items() <= found.items()
        assert found["bias_share"] == pytest.approx(sum(expected) / sum(actual) - 1)
        assert found["mae"] == pytest.approx(sum(abs(error) for error in errors) / count)
        assert found["rmse"] == pytest.approx((sum(error**2 for error in errors) / count) ** 0.5)
        assert found["correlation"] == pytest.approx(_correlation(actual, expected))
        assert found["auc_alive"] == pytest.approx(_chance_of_order(actual, alive))
        assert found["auc_purchase"] == pytest.approx(_chance_of_order(actual, chance))
        assert found["identified"] == float(model.is_identified_)
        assert found["aic"] == pytest.approx(2 * len(model.parameters_) - 2 * found["log_likelihood"])
        weeks = of_kind(tiny, "period", name).filter(pl.col("bucket") >= day(self.CUT).isoformat())
        off = [abs(e - a) / a for a, e in weeks.select("actual_so_far", "expected_so_far").iter_rows()]
        assert len(off) == 9
        assert found["track_mape"] == pytest.approx(sum(off) / len(off))


def _correlation(first: list[int], second: list[float]) -> float:
    a, b = np.array(first) - np.mean(first), np.array(second) - np.mean(second)
    return float(sum(a * b) / (sum(a * a) * sum(b * b)) ** 0.5)


def _chance_of_order(actual: list[int], values: list[float]) -> float:
    """The share of pairs of one who bought and one who did not in which the buyer has the higher value."""
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for bought, high in zip(actual, values, strict=True)
        if bought
        for other, low in zip(actual, values, strict=True)
        if not other
    ]
    return sum(pairs) / len(pairs)


class TestTimeHonesty:
    def test_nothing_at_or_after_as_of_moves_anything(self, result: HoldOutResult) -> None:
        later = [(customer, AS_OF, 100) for customer in {row[0] for row in PURCHASES}]
        returned = [(customer, AS_OF, number, value) for customer, number, value in HISTORY[:500]]
        for core in (core_of(HISTORY), core_of(HISTORY + later), core_of(HISTORY, returned)):
            assert hold_out(core, day(AS_OF), PROGRAM).equals(result.frame)

    def test_nothing_at_or_after_the_cut_moves_a_fit_or_an_expectation(self, result: HoldOutResult) -> None:
        before = [row for row in PURCHASES if row[1] < CUT]
        later = [(customer, CUT + 5, 100) for customer in {row[0] for row in before}]
        returned = [(customer, CUT, number, value) for customer, number, value in before[:500]]
        for core in (core_of(before), core_of(before + later + NEW), core_of(before, returned)):
            found = validate(core, day(AS_OF), PROGRAM)
            for name, model in found.fits.items():
                assert model.parameters_ == result.fits[name].parameters_
            columns = ["model", "kind", "bucket", "customers", "expected", "expected_so_far"]
            moving = pl.col("bucket").is_in(["bias_share", "mae", "rmse", "correlation", "track_mape"])
            moving = moving | pl.col("bucket").str.starts_with("auc")
            first, second = (frame.filter(~moving).select(columns) for frame in (found.frame, result.frame))
            assert first.equals(second)

    def test_customers_who_first_bought_after_the_cut_are_left_out(self, result: HoldOutResult) -> None:
        found = hold_out(core_of(PURCHASES + NEW), day(AS_OF), PROGRAM)
        assert found.equals(result.frame)


class TestReturns:
    def test_a_purchase_taken_back_before_the_cut_is_none(self, result: HoldOutResult) -> None:
        gone = ("gone", 10, 700)
        found = hold_out(core_of([*HISTORY, gone], [("gone", CUT - 1, 10, 700)]), day(AS_OF), PROGRAM)
        assert found.equals(result.frame)

    def test_one_taken_back_in_the_hold_out_still_counts_at_the_cut(self, result: HoldOutResult) -> None:
        gone = ("gone", 10, 700)
        found = validate(core_of([*HISTORY, gone], [("gone", CUT, 10, 700)]), day(AS_OF), PROGRAM)
        assert found.fits["bg_nbd"].customers_ == result.fits["bg_nbd"].customers_ + 1

    def test_a_purchase_of_the_hold_out_that_was_taken_back_was_not_bought(self, result: HoldOutResult) -> None:
        customer, number, value = next(row for row in HISTORY if row[1] >= CUT and _bought_before(row[0]))
        found = hold_out(core_of(HISTORY, [(customer, AS_OF - 1, number, value)]), day(AS_OF), PROGRAM)
        total = pl.col("bucket") == "purchases"
        assert (found.filter(total)["actual"] - result.frame.filter(total)["actual"]).to_list() == [-1.0] * 3

    def test_a_part_of_a_purchase_taken_back_changes_no_count(self, result: HoldOutResult) -> None:
        customer, number, value = HISTORY[0]
        found = hold_out(core_of(HISTORY, [(customer, CUT - 1, number, value - 1)]), day(AS_OF), PROGRAM)
        assert found.equals(result.frame)


def _bought_before(customer: str) -> bool:
    return any(number < CUT for name, number, _ in PURCHASES if name == customer)


def test_the_order_of_the_rows_changes_nothing(result: HoldOutResult) -> None:
    shuffled = [PURCHASES[place] for place in np.random.default_rng(1).permutation(len(PURCHASES))]
    assert hold_out(core_of(shuffled), day(AS_OF), PROGRAM).equals(result.frame)


def test_weeks_as_the_unit_expect_the_same(result: HoldOutResult) -> None:
    weekly = program(validation_days=AS_OF - CUT, time_unit="weeks")
    found = validate(core_of(PURCHASES), day(AS_OF), weekly)
    assert found.fits["bg_nbd"].alpha_ == pytest.approx(result.fits["bg_nbd"].alpha_ / 7, rel=1e-3)
    for kind in ("frequency", "period"):
        assert np.allclose(of_kind(found, kind)["expected"], of_kind(result, kind)["expected"], rtol=1e-3, atol=1e-6)


class TestTooLittle:
    def test_a_history_shorter_than_the_hold_out_gives_no_rows_and_says_why(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            found = validate(core_of(PURCHASES), day(299), PROGRAM)
        assert found.frame.is_empty()
        TABLES["out_hold_out"].check(found.frame.schema)
        assert found.reason.startswith("there are 149 days of history before the hold-out of 150")
        assert found.reason in caplog.text

    def test_as_long_a_history_as_the_hold_out_is_enough(self) -> None:
        assert not hold_out(core_of(PURCHASES), day(300), PROGRAM).is_empty()

    def test_too_few_who_came_back_too(self) -> None:
        found = validate(core_of([("a", 0, 1), ("a", 9, 1), ("b", 5, 1)]), day(AS_OF), PROGRAM)
        assert found.frame.is_empty()
        assert "1 customers with a repeat purchase before 2024-10-27, 50 are needed" in found.reason

    def test_nobody_at_all_too(self) -> None:
        found = validate(core_of([("a", 0, 5)], [("a", 3, 0, 5)]), day(AS_OF), PROGRAM)
        assert "0 customers with a repeat purchase" in found.reason

    def test_measures_without_a_value_are_empty(self) -> None:
        before = [row for row in PURCHASES if row[1] < CUT]
        found = measures(validate(core_of(before), day(AS_OF), PROGRAM))
        empty = {name for name, value in found.items() if value is None}
        assert empty == {"bias_share", "correlation", "auc_purchase", "auc_alive"}

    def test_an_as_of_that_the_data_do_not_know_is_refused(self) -> None:
        with pytest.raises(TimeError, match="past what the data know"):
            hold_out(core_of(PURCHASES, known_through=400), day(AS_OF), PROGRAM)


@pytest.mark.real_data
def test_on_the_cdnow_sample_the_published_picture_comes_out(real_data: Path) -> None:
    """Half of the 78 weeks calibrates. Sizes, actual means and correlation are those published for BG/NBD, whose
    expectations lie near the actual means; the parameters differ from the published ones because T counts a day more.
    """
    text = (real_data / "cdnow" / "CDNOW_sample.txt").read_text().splitlines()
    days = pl.DataFrame(
        [(line.split()[0], date.fromisoformat(line.split()[2])) for line in text],
        schema={"customer_id": pl.String, "day": pl.Date},
        orient="row",
    ).unique()
    core = Core.of({"customer_days": days.with_columns(value_earned=pl.lit(100, pl.Int64))}, date(1998, 6, 30))
    found = validate(core, date(1998, 7, 1), program(validation_days=273, time_unit="weeks"))
    rows = of_kind(found, "frequency")
    assert rows["customers"].to_list() == [1411, 439, 214, 100, 62, 38, 29, 64]
    published = [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
    assert np.allclose(rows["actual"], published, atol=0.001)
    ratio = rows["expected"] / rows["actual"]
    assert (ratio.is_between(0.7, 1)).all()
    totals = measures(found)
    assert totals["correlation"] == pytest.approx(0.63, abs=0.01)
    assert totals["track_mape"] < 0.05
    assert totals["auc_alive"] < 0.5 < 0.75 < totals["auc_purchase"]
    assert {name: round(value, 2) for name, value in found.fits["bg_nbd"].parameters_.items()} == pytest.approx(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, rel=0.04
    )
