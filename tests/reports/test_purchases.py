"""What the report gathers of purchases: sums that add up, samples that stay small, models as their tables say."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from fiel.estimators import BGNBD
from fiel.features.rfm_segments import SEGMENTS
from fiel.program import Purchases
from fiel.reports import purchases as gathered
from fiel.reports.data import ReportData
from fiel.reports.histories import Histories, chances_over_time
from fiel.reports.purchase_models import PurchaseModels, UsedModel, history_matrix
from fiel.reports.purchases import PurchaseView
from fiel.reports.stake import Stake, stake
from tests.reports.conftest import AS_OF, make_shop, make_shop_report

CDNOW = UsedModel(BGNBD.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, "weeks"), 7)


@pytest.fixture(scope="module")
def view(shop: ReportData) -> PurchaseView:
    assert shop.purchases is not None
    return shop.purchases


@pytest.fixture(scope="module")
def models(view: PurchaseView) -> PurchaseModels:
    assert view.models is not None
    return view.models


class TestSegments:
    def test_grid_and_segments_hold_every_customer_and_every_penny(self, view: PurchaseView) -> None:
        rfm = view.rfm
        assert rfm is not None
        assert rfm.grid.height == 25
        assert rfm.grid["customers"].sum() == rfm.segments["customers"].sum() == rfm.customers == 700
        assert rfm.grid["revenue_net"].sum() == rfm.segments["revenue_net"].sum() == rfm.revenue_net
        assert rfm.segments["share"].sum() == pytest.approx(1)
        assert rfm.segments["revenue_share"].sum() == pytest.approx(1)

    def test_segments_come_best_to_worst_with_what_to_do(self, view: PurchaseView) -> None:
        assert view.rfm is not None
        assert tuple(view.rfm.segments["segment"]) == SEGMENTS
        assert view.rfm.segments["what_to_do"].str.len_chars().min() > 20  # type: ignore[operator]

    def test_moves_share_out_each_segment_of_the_earlier_date(self, view: PurchaseView) -> None:
        assert view.rfm is not None
        assert view.rfm.previous_as_of == AS_OF - timedelta(days=28)
        shares = view.rfm.moves.group_by("from_segment").agg(pl.col("share").sum())
        assert shares["share"].to_numpy() == pytest.approx(1)

    def test_the_scatter_is_a_sample_of_a_fixed_size(self, shop: ReportData, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gathered, "DRAWN", 50)
        found = make_shop_report(200).purchases
        assert found is not None
        assert found.clusters is not None
        assert found.clusters.points.height <= 50
        assert found.clusters.customers == 200

    def test_without_their_tables_clusters_and_moves_are_left_out(self) -> None:
        found = make_shop_report(120, segments=None, cluster_profiles=None, segment_moves=None).purchases
        assert found is not None
        assert found.clusters is None
        assert found.rfm is not None
        assert found.rfm.moves.is_empty()


class TestModels:
    def test_the_stored_parameters_give_the_customers_own_numbers(
        self, shop: ReportData, models: PurchaseModels
    ) -> None:
        assert models.used is not None
        assert shop.purchases is not None
        assert shop.purchases.histories is not None
        customers = shop.purchases.histories.customers
        last = shop.purchases.histories.lines.filter(pl.col("day") == AS_OF).sort("customer_id")
        assert last["alive_prob"].to_list() == pytest.approx(customers.sort("customer_id")["alive_prob"].to_list())

    def test_the_matrix_holds_only_histories_that_can_be(self, models: PurchaseModels) -> None:
        matrix = models.matrix
        assert matrix.filter(pl.col("frequency") == 0)["recency_days"].to_list() == [0]
        assert matrix.filter(pl.col("recency_days") < pl.col("frequency")).is_empty()
        assert matrix["recency_days"].max() == models.matrix_age_days
        assert matrix["alive_prob"].is_between(0, 1).all()

    def test_the_matrix_is_in_days_whatever_the_models_unit(self) -> None:
        """The customer of Fader, Hardie and Lee's note: x = 2, t_x = 30.43, T = 38.86 weeks, 39 weeks ahead: 1.226."""
        weeks = np.array([2.0]), np.array([30.43 * 7]), np.array([38.86 * 7])
        assert CDNOW.expected(39 * 7, *weeks)[0] == pytest.approx(1.226, abs=5e-4)
        assert CDNOW.alive(*weeks)[0] == pytest.approx(0.7266, abs=1e-4)

    def test_who_bought_lately_is_likelier_alive_than_who_stopped_early(self) -> None:
        often = history_matrix(CDNOW, 280, 10, 90).filter(pl.col("frequency") == 10).sort("recency_days")
        assert often["alive_prob"].is_sorted()
        assert often["alive_prob"].to_list()[0] < 0.05 < 0.5 < often["alive_prob"].to_list()[-1]

    def test_the_bins_of_p_alive_hold_every_customer_of_the_models(self, models: PurchaseModels) -> None:
        assert models.alive["customers"].sum() == models.customers

    def test_too_few_repeaters_leave_the_fits_and_no_model(self) -> None:
        program = make_shop(purchases=Purchases(min_repeaters=5_000))
        found = make_shop_report(150, program=program).purchases
        assert found is not None
        assert found.models is not None
        assert found.models.used is None
        assert found.models.matrix.is_empty()
        assert found.histories is not None
        assert found.histories.lines.is_empty()


class TestHistories:
    @pytest.fixture(scope="class")
    def histories(self, view: PurchaseView) -> Histories:
        assert view.histories is not None
        return view.histories

    def test_one_customer_stands_for_each_typical_segment(self, histories: Histories) -> None:
        assert histories.customers["segment"].to_list() == [
            "champions", "loyal", "new", "cannot_lose", "at_risk", "lost",
        ]  # fmt: skip
        assert histories.customers["customer_id"].is_unique().all()

    def test_a_date_knows_nothing_of_later_purchases(self, histories: Histories) -> None:
        champion = histories.customers["customer_id"].item(0)
        days = histories.days.filter(pl.col("customer_id") == champion).sort("day")
        cut = days["day"].to_list()[-2]
        whole = chances_over_time(days, CDNOW, AS_OF, 90)
        early = chances_over_time(days.filter(pl.col("day") < cut), CDNOW, AS_OF, 90)
        both = whole.join(early, on=["customer_id", "day"]).filter(pl.col("day") <= cut)
        assert both.height > 3
        assert both["alive_prob"].to_list() == pytest.approx(both["alive_prob_right"].to_list())

    def test_a_purchase_brings_p_alive_up_on_the_day_after(self, histories: Histories) -> None:
        champion = histories.customers["customer_id"].item(0)
        days = histories.days.filter(pl.col("customer_id") == champion).sort("day")["day"].to_list()
        line = dict(
            chances_over_time(histories.days.filter(pl.col("customer_id") == champion), CDNOW, AS_OF, 90)
            .select("day", "alive_prob")
            .iter_rows()
        )
        assert line[days[-1] + timedelta(days=1)] > line[days[-1]]

    def test_a_line_has_a_limited_number_of_dates(self, histories: Histories) -> None:
        sizes = histories.lines.group_by("customer_id").len()["len"]
        assert max(sizes) < 400


class TestStake:
    @pytest.fixture(scope="class")
    def found(self, view: PurchaseView) -> Stake:
        assert view.stake is not None
        return view.stake

    def test_segments_stages_and_decisions_each_hold_all_of_it(self, found: Stake) -> None:
        for groups in (found.by_segment, found.by_stage, found.covered):
            assert groups["value_at_stake"].sum() == pytest.approx(found.total)
            assert groups["customers"].sum() == found.customers

    def test_the_curve_runs_from_nobody_to_everybody(self, found: Stake) -> None:
        assert found.curve.row(0) == (0, 0.0, 0.0)
        assert found.curve.row(-1) == (found.customers, 1.0, pytest.approx(1.0))
        assert found.curve["value_share"].is_sorted()
        assert found.curve.height <= 101

    def test_the_first_tenth_holds_what_its_customers_hold(self) -> None:
        scores = pl.DataFrame(
            {
                "customer_id": [str(number) for number in range(10)],
                "stage": ["fiel"] * 10,
                "prob": [0.5] * 10,
                "value_at_stake": [10.0, *([1.0] * 8), None],
                "reason_1": [None] * 10,
            }
        )
        found = stake(scores, scores.select("customer_id"), None)
        assert (found.customers, found.total) == (9, 18.0)
        assert found.held_by(1 / 9) == pytest.approx(10 / 18)
        assert found.top["customer_id"].to_list()[0] == "0"
        assert found.covered.is_empty()

    def test_money_is_counted_in_whole_smallest_units_as_the_plan_counts_it(self) -> None:
        scores = pl.DataFrame(
            {
                "customer_id": ["a", "b", "c"],
                "stage": ["fiel"] * 3,
                "prob": [0.5] * 3,
                "value_at_stake": [10.4, 20.4, 30.4],
                "reason_1": [None] * 3,
            }
        )
        planned = scores.select("customer_id", "value_at_stake", decision=pl.lit("grant"))
        found = stake(scores, scores.select("customer_id"), planned)
        assert found.total == 60.0
        assert found.by_stage["value_at_stake"].to_list() == [60.0]
        assert found.covered["value_at_stake"].to_list() == [60.0]

    def test_disagreements_are_those_of_their_table(self, view: PurchaseView) -> None:
        assert view.disagreement is not None
        assert view.disagreement.patterns["customers"].sum() == view.disagreement.customers > 0
        assert view.disagreement.top["value_at_stake"].is_sorted(descending=True)


def test_a_program_without_purchases_has_no_such_view(report: ReportData) -> None:
    assert report.purchases is None


def test_rows_of_another_date_are_not_read(shop: ReportData) -> None:
    other = {"as_of": pl.lit(AS_OF - timedelta(days=30))}
    assert shop.purchases is not None
    assert shop.purchases.models is not None
    fits = shop.purchases.models.fits.with_columns(**other)
    found = make_shop_report(120, purchase_fits=fits, hold_out=None).purchases
    assert found is not None
    assert found.models is not None
    assert found.models.fits.is_empty()
