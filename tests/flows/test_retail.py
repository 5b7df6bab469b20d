"""The whole chain on a small simulated shop: what the purchase-based half adds; a second run changes nothing."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from fiel.errors import RegistryError
from fiel.features.rfm_segments import SEGMENTS
from fiel.simulate.retail import simulate
from fiel.vacuum import vacuum
from flows.console import show_leakage, show_status
from tasks.context import opened
from tests.conftest import ROOT
from tests.flows.published import shown

END, AS_OF = date(2025, 6, 30), date(2025, 7, 1)
PAST = date(2025, 2, 20)
"""A date whose outcome is known at AS_OF for both targets, and that no model was trained on."""
FURTHER = "purchase_30"
BY_AS_OF = (
    "feat_rfm",
    "feat_purchase",
    "feat_purchase_fits",
    "out_segments",
    "out_cluster_profiles",
    "out_segment_moves",
    "out_hold_out",
    "out_scores",
    "out_probs",
    "out_disagreements",
    "out_plan",
)


@dataclass(frozen=True)
class Shop:
    """A simulated shop: its settings, its source files, and what the first run of `loyalty` returned."""

    source: Path
    environment: dict[str, str]
    first: dict[str, Any]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Shop:
    root = tmp_path_factory.mktemp("shop")
    simulate(root / "source", customers=1_200, start=date(2024, 1, 1), end=END, layout="csv")
    environment = {"FIEL_LAKE": str(root / "lake"), "FIEL_PROGRAMS": str(_quick_program(root / "programs"))}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        from flows.loyalty import loyalty

        first = loyalty(program="retail", source=str(root / "source"))
    return Shop(root / "source", environment, first)


@pytest.fixture
def in_shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shared shop with its settings in force. Tests that change it use `own_shop`."""
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    return shop


@pytest.fixture
def own_shop(in_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop with a lake, models and ledger of its own."""
    lake = Path(in_shop.environment["FIEL_LAKE"])
    for name in (lake.name, f"{lake.name}.state"):
        shutil.copytree(lake.with_name(name), tmp_path / name)
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / lake.name))
    return in_shop


def _quick_program(folder: Path) -> Path:
    """The program file of retail with a small training."""
    content = yaml.safe_load((ROOT / "deployments" / "programs" / "retail.yaml").read_text(encoding="utf-8"))
    content["training"] |= {"iterations": 60, "threads": 1}
    content["promotion"] = {"bootstrap": 100}
    content["clusters"] = {"k_max": 5, "bootstraps": 5}
    folder.mkdir()
    (folder / "retail.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder


def _read(table: str, as_of: date = AS_OF) -> pl.DataFrame:
    with opened("retail") as context:
        return context.lake.read(table, as_of)


def _state() -> dict[str, Any]:
    """Everything that a re-run must leave as it is."""
    found: dict[str, Any] = {}
    with opened("retail") as context:
        found["tables"] = context.lake.versions()
        found["entries"] = context.store.entries("retail").rows()
        found["published"] = context.store.score_set("retail")
        for place in ("exports", "reports", "models"):
            folder = Path(context.lake.file_path(place))
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            found[place] = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    for target in (None, FURTHER):
        with opened("retail", target) as context:
            found[context.program.ledger_name] = (
                [info.version for info in context.registry.versions()],
                context.registry.champion().version,
                context.store.promotions(context.program.ledger_name),
            )
    return found


class TestTheFirstRun:
    def test_it_is_for_the_day_after_the_last_complete_one(self, in_shop: Shop) -> None:
        assert in_shop.first["as_of"] == AS_OF.isoformat()

    def test_it_says_what_it_made_of_purchases(self, in_shop: Shop) -> None:
        first = in_shop.first
        assert set(first["segments"]["segments"]) == set(SEGMENTS)
        assert set(first["purchase_models"]["measures"]) == {"bg_nbd", "mbg_nbd", "pooled"}
        assert set(first["further_targets"]) == {FURTHER}
        assert first["disagreements"]["customers"] > 0
        assert first["plan"]["plan"]["by"] == "value_at_stake"

    def test_overlapping_invoices_of_its_two_files_count_once(self, in_shop: Shop) -> None:
        with opened("retail") as context:
            intake = context.lake.read("core_intake")
        assert intake["table_name"].n_unique() == 2
        assert intake.filter(pl.col("rule") == "repeated_invoices")["rows"].sum() > 0
        sums = {step: intake.filter(pl.col("step") == step).select("rows", "value").sum().row(0)
                for step in ("read", "rejected", "set_aside", "kept")}  # fmt: skip
        for column in (0, 1):
            assert sums["read"][column] == sum(sums[step][column] for step in ("rejected", "set_aside", "kept"))

    def test_every_table_of_purchases_is_there(self, in_shop: Shop) -> None:
        for table in BY_AS_OF:
            assert _read(table).height > 0, table

    def test_everyone_is_in_one_segment_and_one_cluster_and_came_from_one(self, in_shop: Shop) -> None:
        customers = _read("feat_snapshot").height
        segments = _read("out_segments")
        assert (segments.height, segments["customer_id"].n_unique()) == (customers, customers)
        assert _read("out_cluster_profiles")["customers"].sum() == customers
        assert _read("out_segment_moves")["customers"].sum() == customers

    def test_the_value_at_stake_is_what_a_customer_who_stays_away_would_have_spent(self, in_shop: Shop) -> None:
        if_alive = _read("feat_snapshot").select("customer_id", "value_if_alive_d90")
        scored = _read("out_scores").filter(pl.col("prob").is_not_null()).join(if_alive, on="customer_id")
        known = scored.filter(pl.col("value_if_alive_d90").is_not_null())
        lost = [(1 - prob) * value for prob, value in known.select("prob", "value_if_alive_d90").iter_rows()]
        assert known["value_at_stake"].to_list() == pytest.approx(lost)
        taken_back = scored.filter(pl.col("value_if_alive_d90").is_null())
        assert 0 < taken_back.height < 50
        assert taken_back["value_at_stake"].is_null().all()

    def test_the_plan_keeps_the_policys_limits(self, in_shop: Shop) -> None:
        granted = _read("out_plan").filter(pl.col("decision") == "grant")
        assert granted.height > 0
        assert granted["points"].sum() <= 6_000
        assert granted["prob"].is_between(0.2, 0.6, closed="left").all()
        assert (granted["points"] * 100 * 10 <= granted["value_at_stake"]).all()
        least = {5: 5_000, 10: 10_000, 20: 20_000}
        assert all(stake >= least[points] for points, stake in granted.select("points", "value_at_stake").iter_rows())

    def test_the_further_target_is_asked_of_the_same_population(self, in_shop: Shop) -> None:
        probs = _read("out_probs")
        assert probs["target"].unique().to_list() == [FURTHER]
        population = _read("out_scores").filter("in_population")
        assert set(probs["customer_id"]) == set(population["customer_id"])

    def test_the_sooner_purchase_is_the_less_likely_one(self, in_shop: Shop) -> None:
        with opened("retail") as context:
            main = context.registry.champion().version
        scores = _read("out_scores").filter("in_population")
        assert scores["model_version"].unique().to_list() == [main]
        assert _read("out_probs")["prob"].mean() < scores["prob"].mean()  # type: ignore[operator]

    def test_the_purchase_model_stands_beside_the_classifier(self, in_shop: Shop) -> None:
        metrics = in_shop.first["promotion"]["metrics"]
        assert {"challenger", "stage_rule", "purchase_model", "purchase_model_auc_difference"} <= set(metrics)

    def test_the_report_has_its_pages(self, in_shop: Shop) -> None:
        page = Path(in_shop.first["report"]["report"]).read_text(encoding="utf-8")
        sections = set(re.findall(r'<section id="(\w+)"', page))
        assert {"stake", "segments", "purchases", "profile"} <= sections
        figures = set(re.findall(r'id="figure-([\w-]+)"', page))
        assert {
            "rfm-grid", "segment-moves", "cluster-scatter", "matrix-alive", "matrix-expected", "tracking-so-far",
            "tracking-weekly", "hold-out", "histories", "stake-segments", "disagreement", "cohort-retention",
            "cohort-revenue", "rows-by-rule", "money-by-rule",
        } <= figures  # fmt: skip

    def test_it_leaves_artifacts(self, in_shop: Shop) -> None:
        wanted = ("segments", "purchase-models", "disagreements", "data-profile", "promotion-purchase-30")
        with get_client(sync_client=True) as client:
            for what in wanted:
                key = ArtifactFilterKey(any_=[f"retail-{what}"])
                assert client.read_artifacts(artifact_filter=ArtifactFilter(key=key)), what


def test_the_service_is_shown_segments_purchases_and_both_targets(in_shop: Shop) -> None:
    snapshot, probs = _read("feat_snapshot"), _read("out_probs")
    who = str(probs.sort("customer_id")["customer_id"][0])
    row = snapshot.filter(pl.col("customer_id") == who).row(0, named=True)
    with shown("retail") as found:
        scores, document = found.scores(who), found.document(who)
        assert (scores["segment"], scores["alive_prob"]) == (row["rfm_segment"], row["purchase_alive_prob"])
        assert document["purchase"]["alive_prob"] == row["purchase_alive_prob"]
        assert document["purchase"]["purchases_expected"]["90"] == row["purchases_expected_d90"]
        assert document["probs"] == {FURTHER: probs.filter(pl.col("customer_id") == who)["prob"].item()}
        assert found.part("purchase_model")["name"] in ("bg_nbd", "mbg_nbd", "pooled")
        assert [target["target"] for target in found.part("champion")["targets"]] == ["purchase_90", FURTHER]
        assert {item["group"] for item in found.part("figures")} >= {"stages", "activity", "value", "segments", "model"}


def test_running_it_again_changes_nothing(in_shop: Shop) -> None:
    from flows.loyalty import loyalty

    before = _state()
    again = loyalty(program="retail", source=str(in_shop.source))
    assert again["ingest"]["changed"] is False
    assert again["features"]["built"] == []
    assert again["cycle"]["changed"] is False
    assert again["purchase_models"]["run"] == in_shop.first["purchase_models"]["run"]
    assert _state() == before


def test_a_run_that_died_after_the_promotions_leaves_the_same_cards_when_it_is_run_again(in_shop: Shop) -> None:
    from flows.retrain import retrain

    with opened("retail") as context:
        names = [f"{AS_OF}.json", f"{AS_OF}.{FURTHER}.json"]
        cards = [Path(context.lake.file_path("models", name)) for name in names]
    before = [card.read_bytes() for card in cards]
    for card in cards:
        card.unlink()
    retrain(program="retail", as_of=AS_OF.isoformat())
    assert [card.read_bytes() for card in cards] == before


def test_no_feature_of_the_shop_knows_the_future(in_shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_leakage("retail", ["2024-09-15", "2025-04-01"])
    said = capsys.readouterr().out
    for name in ("rfm", "purchase", "feat_purchase_fits", "snapshot"):
        assert f"{name}: holds" in said


class TestAPastDate:
    """The stage flows, as the deployments run them, for a date of the past."""

    @pytest.fixture(scope="class")
    def past(self, shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
        root = tmp_path_factory.mktemp("past")
        lake = Path(shop.environment["FIEL_LAKE"])
        for name in (lake.name, f"{lake.name}.state"):
            shutil.copytree(lake.with_name(name), root / name)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (shop.environment | {"FIEL_LAKE": str(root / lake.name)}).items():
                patch.setenv(name, value)
            from flows.score import score
            from flows.segments import segments

            yield {
                "segments": segments(program="retail", as_of=PAST.isoformat()),
                "score": score(program="retail", as_of=PAST.isoformat()),
                "lake": str(root / lake.name),
            }

    @pytest.fixture(autouse=True)
    def _its_lake(self, in_shop: Shop, past: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIEL_LAKE", past["lake"])

    def test_segments_are_those_of_the_customers_known_then(self, past: dict[str, Any]) -> None:
        known = _read("feat_snapshot", PAST).height
        assert sum(past["segments"]["segments"]["segments"].values()) == known < _read("feat_snapshot").height
        assert _read("out_hold_out", PAST)["calibrated_until"].unique().to_list() == [date(2024, 11, 22)]

    def test_a_scored_date_says_on_whom_the_opinions_differ(self) -> None:
        found = _read("out_disagreements", PAST)
        assert found.height > 0
        assert set(found["customer_id"]) <= set(_read("out_scores", PAST).filter("in_population")["customer_id"])


def test_forecasts_of_each_target_are_measured_once_their_own_horizon_is_over(own_shop: Shop) -> None:
    from flows.score import score

    # The further target's model has learned from outcomes until the end of May, the main one's until the end of March.
    days = {"2025-06-01": {FURTHER}, "2025-04-01": {"purchase_90"}}
    for day in days:
        score(program="retail", as_of=day)
    with opened("retail") as context:
        quality = context.lake.read("out_quality")
    for day, targets in days.items():
        measured = quality.filter(pl.col("as_of") == date.fromisoformat(day))
        assert set(measured["target"]) == targets, day


def test_a_rollback_of_the_further_target_leaves_the_main_one(own_shop: Shop) -> None:
    from flows.cli import main

    with opened("retail") as context:
        before = context.registry.champion().version
    words = ["rollback", "retail", "--target", FURTHER, "--reason", "a test", "--by", "me"]
    with pytest.raises(SystemExit, match="0"):
        main(words)
    with opened("retail", FURTHER) as context:
        assert context.registry.champion().kind == "stage_rule"
    with opened("retail") as context:
        assert context.registry.champion().version == before
        assert len(context.store.promotions("retail")) == 2


def test_the_status_names_the_champion_of_every_target(own_shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    with opened("retail", FURTHER) as context:
        further = context.registry.champion().version
    show_status("retail")
    said = capsys.readouterr().out
    assert re.search(r"champion +fiel-retail version \d+ \(catboost\)", said)
    assert re.search(rf"champion +fiel-retail-{FURTHER} version {further} \(catboost\)", said)
    assert re.search(r"cycle +2025-07-01: \d+ grants, [\d,]+ GBP", said)


def test_vacuum_keeps_what_both_targets_and_the_cycle_were_made_from(own_shop: Shop) -> None:
    from flows.score import score
    from flows.segments import segments

    segments(program="retail", as_of=PAST.isoformat())
    score(program="retail", as_of=PAST.isoformat())
    with opened("retail") as context:
        before = {table: context.lake.read(table) for table in context.lake.versions()}
        vacuum(context.lake, context.registry, apply=True)
        for table, frame in before.items():
            assert context.lake.read(table).equals(frame), table
    for target in (None, FURTHER):
        with opened("retail", target) as context:
            for info in context.registry.versions():
                for table, version in info.table_versions.items():
                    context.lake.read(table, version=version)


def test_nothing_to_go_back_to_is_said(own_shop: Shop) -> None:
    from datetime import UTC, datetime

    from fiel.models.promotion import rollback

    with opened("retail", FURTHER) as context:
        rollback(context.registry, context.store, by="me", at=datetime.now(UTC), reason="first")
        with pytest.raises(RegistryError, match=f"fiel-retail-{FURTHER} has no version to roll back to"):
            rollback(context.registry, context.store, by="me", at=datetime.now(UTC), reason="second")
