"""The whole chain on a small simulated operator: nobody is judged by a model that knows them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from fiel.errors import LakeError
from fiel.models.cross_fitted import CrossFitted
from fiel.models.parts import OOT
from fiel.segments.customer_model import CustomerModel
from fiel.segments.engagement import SEGMENTS
from fiel.simulate.telecom import Simulation, simulate
from fiel.simulate.telecom_churn import Effects
from fiel.vacuum import vacuum
from tasks.context import opened
from tests.conftest import ROOT
from tests.flows.published import shown

AS_OF = date(2025, 12, 1)
BY_AS_OF = (
    "out_engagement", "out_uplift", "out_qini", "out_event_counts", "out_popular_items", "out_message_input",
    "out_scores",
)  # fmt: skip
STRONG = Effects(leaving=((1, -1.2), (2, 0.9), (3, -0.6), (5, 0.6)), treatment=-0.8, treatment_by=((2, -0.6),))
"""Plain enough for a few thousand customers."""


@dataclass(frozen=True)
class Operator:
    """A simulated operator: its settings, its files, and what the first run of `loyalty` returned."""

    made: Simulation
    environment: dict[str, str]
    first: dict[str, Any]


def quick_program(folder: Path) -> Path:
    """The program file of telecom with a small training, on the first 20 numbers."""
    programs = ROOT / "deployments" / "programs"
    content = yaml.safe_load((programs / "telecom.yaml").read_text(encoding="utf-8"))
    content["training"] |= {"iterations": 40, "threads": 1, "folds": 2}
    content["promotion"] = {"bootstrap": 100}
    content["engagement"] |= {"numbers": 20, "factors": 6, "components": 12, "folds": 3, "bootstrap": 100}
    folder.mkdir(parents=True)
    (folder / "telecom.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    for file in programs.glob("telecom*.csv"):
        shutil.copy(file, folder)
    return folder


def run_all(root: Path, source: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """`loyalty` in a lake of its own below `root`: its settings and what it returned."""
    environment = {"FIEL_LAKE": str(root / "lake"), "FIEL_PROGRAMS": str(quick_program(root / "programs"))}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        from flows.loyalty import loyalty

        return environment, loyalty(program="telecom", source=str(source))


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Operator:
    root = tmp_path_factory.mktemp("operator")
    made = simulate(
        root / "source", customers=4_000, sessions=1_500, end=date(2025, 11, 30), effects=STRONG, broken_share=0.002
    )
    return Operator(made, *run_all(root, root / "source"))


@pytest.fixture
def in_operator(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """The shared operator with its settings in force. Tests that change it use `own_operator`."""
    for name, value in operator.environment.items():
        monkeypatch.setenv(name, value)
    return operator


@pytest.fixture
def own_operator(in_operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """The operator with a lake, models and ledger of its own."""
    lake = Path(in_operator.environment["FIEL_LAKE"])
    for name in (lake.name, f"{lake.name}.state"):
        shutil.copytree(lake.with_name(name), tmp_path / name)
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / lake.name))
    return in_operator


def _read(table: str) -> pl.DataFrame:
    with opened("telecom") as context:
        return context.lake.read(table, AS_OF)


def _state() -> dict[str, Any]:
    """Everything that a re-run must leave as it is."""
    with opened("telecom") as context:
        found: dict[str, Any] = {"tables": context.lake.versions()}
        for place in ("exports", "reports", "models", "engagement"):
            folder = Path(context.lake.file_path(place))
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            found[place] = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        found["versions"] = [info.version for info in context.registry.versions()]
        found["promotions"] = context.store.promotions("telecom")
        found["published"] = context.store.score_set("telecom")
    return found


def _fitted_files() -> dict[str, bytes]:
    """Every file that holds something fitted beside the champion, and the champion's own digest."""
    with opened("telecom") as context:
        champion = context.registry.champion()
        info = context.registry.version(champion.version)
        names = ["engagement/parameters.json"]
        names += [f"out_of_fold/{fold}.cb" for fold in range(3)]
        names += [f"uplift/{fold}-{arm}.cb" for fold in range(4) for arm in ("control", "treated")]
        found = {name: context.registry.run_file(info.run_id, name) for name in names}
        return found | {"champion": champion.digest.encode()}


class TestTheFirstRun:
    def test_it_is_as_of_the_versions_date(self, in_operator: Operator) -> None:
        assert in_operator.first["as_of"] == AS_OF.isoformat()
        assert in_operator.first["promotion"]["champion"] == in_operator.first["train"]["version"]

    def test_every_event_of_the_log_is_in_the_lake_once_and_every_repeat_and_broken_line_is_counted(
        self, in_operator: Operator
    ) -> None:
        made = in_operator.made
        with opened("telecom") as context:
            log = context.lake.read("core_interactions")
            intake = context.lake.read("core_intake").filter(pl.col("table_name") == "interactions.jsonl")
            counts = json.loads(context.lake.read("core_versions")["counts"][0])
            assert not Path(context.lake.file_path("staging")).exists()
        assert log.height == made.events == counts["kept_interactions"]
        assert log.select("session", "occurred_at", "aid", "kind").is_duplicated().sum() == 0
        assert counts["repeated_rows"] == made.repeats > 0
        assert counts["rejected"] == made.broken_lines > 0
        by_step = dict(intake.group_by("step").agg(pl.col("rows").sum()).iter_rows())
        assert by_step["read"] == by_step["kept"] + by_step["rejected"] + by_step["set_aside"]

    def test_every_customer_is_in_one_segment_and_one_risk_group(self, in_operator: Operator) -> None:
        found = _read("out_engagement")
        assert (found.height, found["customer_id"].n_unique()) == (4_000, 4_000)
        assert set(found["segment"]) == set(SEGMENTS)
        assert found["engagement"].is_between(0, 100).all()
        cuts = {"low": (0, 0.05), "medium": (0.05, 0.1), "high": (0.1, 0.3), "critical": (0.3, 1)}
        for prob, group in found.select("prob", "risk_group").iter_rows():
            low, high = cuts[group]
            assert low <= prob <= high

    def test_value_and_uplift_are_what_they_say(self, in_operator: Operator) -> None:
        found = _read("out_engagement")
        for row in found.head(200).to_dicts():
            assert row["value"] == pytest.approx((1 - row["prob"]) * row["engagement"] * 1000)
            assert row["uplift"] == pytest.approx(row["prob_control"] - row["prob_treated"])
        deciles = found.group_by("uplift_decile").agg(pl.len(), pl.col("uplift").mean()).sort("uplift_decile")
        assert deciles["uplift_decile"].to_list() == list(range(1, 11))
        assert deciles["uplift"].is_sorted(descending=True)

    def test_the_segments_are_named_by_their_rank_in_value(self, in_operator: Operator) -> None:
        medians = dict(_read("out_engagement").group_by("segment").agg(pl.col("value").median()).iter_rows())
        assert [medians[name] for name in SEGMENTS] == sorted(medians.values())

    def test_scores_segments_and_messages_have_the_same_probability(self, in_operator: Operator) -> None:
        found = _read("out_engagement").select("customer_id", "prob")
        for table in ("out_scores", "out_message_input"):
            assert _read(table).select("customer_id", "prob").sort("customer_id").equals(found)

    def test_the_report_has_its_pages(self, in_operator: Operator) -> None:
        page = Path(in_operator.first["report"]["report"]).read_text(encoding="utf-8")
        assert {"engagement", "treatment", "interactions", "treat", "model"} <= set(
            re.findall(r'<section id="(\w+)"', page)
        )
        figures = set(re.findall(r'id="figure-([\w-]+)"', page))
        assert {
            "segments-risk", "uplift-segment", "uplift-decile", "qini", "events-hour", "events-weekday"
        } <= figures  # fmt: skip
        assert "No customer was seen both treated and not" in page

    def test_it_leaves_an_artifact(self, in_operator: Operator) -> None:
        with get_client(sync_client=True) as client:
            key = ArtifactFilterKey(any_=["telecom-engagement"])
            (found, *_) = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
        assert "What the treatment did" in str(found.data)
        assert "premium" in str(found.data)


class TestNobodyIsJudgedByAModelThatKnowsThem:
    def test_each_customer_is_asked_of_the_model_without_their_fold(self, in_operator: Operator) -> None:
        with opened("telecom") as context:
            champion = context.registry.champion()
            info = context.registry.version(champion.version)

            def read(path: str) -> bytes:
                return context.registry.run_file(info.run_id, path)

            stored = CustomerModel.of_files(read)
            fitted = CrossFitted.of_files(read, stored.folds)
            snapshot = context.lake.read("feat_snapshot", AS_OF)
        found = _read("out_engagement")
        assert set(found.filter(pl.col("part") == OOT)["fold"]) == {None}
        assert set(found.filter(pl.col("part") != OOT)["fold"]) == {0, 1, 2}
        asked = [*fitted.models, champion.model]
        for fold, model in zip([0, 1, 2, None], asked, strict=True):
            rows = found.filter(pl.col("fold").eq_missing(fold))
            features = snapshot.join(rows.select("customer_id"), on="customer_id").sort("customer_id")
            expected = [float(row[1]) for row in model.predict_proba(_inputs(model, features))]
            assert rows["prob"].to_list() == pytest.approx(expected)

    def test_a_model_that_knows_its_customers_would_flatter_itself(self, in_operator: Operator) -> None:
        labels = _labels()
        with opened("telecom") as context:
            champion = context.registry.champion()
            snapshot = context.lake.read("feat_snapshot", AS_OF).join(labels, on="customer_id").sort("customer_id")
        known = _read("out_engagement").filter(pl.col("part") != OOT)
        rows = snapshot.join(known.select("customer_id", out="prob"), on="customer_id")
        told = pl.Series(champion.predict(rows))
        from fiel.models.metrics import auc

        truth = rows["label"].cast(pl.Float64).to_numpy()
        assert auc(truth, told.to_numpy()) > auc(truth, rows["out"].to_numpy()) + 0.01

    def test_the_treatment_is_no_feature_of_any_model(self, in_operator: Operator) -> None:
        with opened("telecom") as context:
            champion = context.registry.champion()
            info = context.registry.version(champion.version)
            stored = CustomerModel.of_files(lambda path: context.registry.run_file(info.run_id, path))
        assert stored.uplift is not None
        features = {*champion.features, *stored.uplift.learners[0].features}
        assert not features & {"t", "y", "is_treated", "label", "x_t", "c_t", "x_y"}


def test_rewriting_the_test_part_moves_nothing_that_is_fitted(
    in_operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, found = _fitted_files(), _read("out_engagement")
    source = tmp_path / "source"
    shutil.copytree(in_operator.made.folder, source)
    test_rows = found.filter(pl.col("part") == OOT)["customer_id"].cast(pl.Int64)
    table = pl.read_csv(source / "churn.csv").with_row_index("row", 1)
    is_test = pl.col("row").cast(pl.Int64).is_in(test_rows.implode())
    is_few = is_test & (pl.col("row") % 100 == 7)
    rewritten = table.with_columns(
        *(
            pl.when(is_test).then(1.2 * pl.col(f"PC{n}") + 0.01).otherwise(f"PC{n}").alias(f"PC{n}")
            for n in range(1, 161)
        ),
        y=pl.when(is_few).then(1 - pl.col("y")).otherwise("y"),
        t=pl.when(is_test).then(1 - pl.col("t")).otherwise("t"),
    ).drop("row")
    assert rewritten.filter(table["y"] != rewritten["y"]).height > 3
    rewritten.write_csv(source / "churn.csv")
    environment, _ = run_all(tmp_path, source)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    after = _fitted_files()
    assert [name for name in before if before[name] != after[name]] == []
    again = _read("out_engagement")
    kept = ["customer_id", "engagement", "prob", "value", "segment", "uplift"]
    trained = pl.col("part") != OOT
    assert again.filter(trained).select(kept).equals(found.filter(trained).select(kept))
    assert not again.filter(~trained)["engagement"].equals(found.filter(~trained)["engagement"])


def test_the_service_is_shown_segments_messages_and_whose_score_is_not_the_champions(in_operator: Operator) -> None:
    with opened("telecom") as context, shown("telecom") as found:
        rows = context.lake.read("out_engagement", AS_OF)
        for part, is_cross_fitted in (("train", True), ("valid", True), (OOT, False)):
            one = rows.filter(pl.col("part") == part).row(0, named=True)
            scores = found.scores(one["customer_id"])
            assert scores["is_cross_fitted"] is is_cross_fitted
            assert (scores["prob"], scores["segment"], scores["risk"]) == (
                one["prob"], one["segment"], one["risk_group"]
            )  # fmt: skip
            assert scores["value"] == one["value"]


def test_running_it_again_changes_nothing(in_operator: Operator) -> None:
    from flows.loyalty import loyalty
    from flows.segments import segments

    before = _state()
    again = loyalty(program="telecom", source=str(in_operator.made.folder))
    assert again["ingest"]["changed"] is False
    assert again["engagement"] == in_operator.first["engagement"]
    assert _state() == before
    assert segments(program="telecom")["engagement"] == in_operator.first["engagement"]
    assert _state() == before


def test_a_run_that_died_in_the_segments_is_finished_by_the_next(
    own_operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tasks.engagement
    from flows.segments import segments

    wanted = {name: _read(name) for name in BY_AS_OF}
    with opened("telecom") as context:
        card = context.lake.file_path("engagement", f"{AS_OF}.json")
        content = context.lake.get(card)
        Path(card).unlink()
        for table in ("out_engagement", "out_uplift", "out_qini"):
            context.lake.replace(table, context.lake.read(table, AS_OF).head(3), AS_OF)

    def dies(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(tasks.engagement, "event_counts", dies)
        with pytest.raises(RuntimeError, match="killed"):
            segments(program="telecom")
    segments(program="telecom")
    assert {name: _read(name) for name in BY_AS_OF}.keys() == wanted.keys()
    for name, frame in wanted.items():
        assert _read(name).equals(frame), name
    with opened("telecom") as context:
        assert context.lake.get(card) == content


def test_with_the_base_rate_as_champion_everyone_has_the_same_probability(own_operator: Operator) -> None:
    from flows.cli import main
    from flows.report import report
    from flows.score import score
    from flows.segments import segments

    with pytest.raises(SystemExit, match="0"):
        main(["rollback", "telecom", "--reason", "a test", "--by", "me"])
    score(program="telecom")
    segments(program="telecom")
    found = _read("out_engagement")
    assert found["prob"].n_unique() == 1
    assert set(found["segment"]) == set(SEGMENTS)
    medians = dict(found.group_by("segment").agg(pl.col("engagement").median()).iter_rows())
    assert [medians[name] for name in SEGMENTS] == sorted(medians.values())
    page = Path(report(program="telecom")["report"]).read_text(encoding="utf-8")
    assert "No model has beaten the base rate" in page


def test_other_weights_of_engagement_take_effect_without_another_champion(
    own_operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.retrain import retrain
    from flows.segments import segments

    before = _read("out_engagement")
    with opened("telecom") as context:
        champion = context.registry.champion().version
    programs = quick_program(tmp_path / "programs")
    content = yaml.safe_load((programs / "telecom.yaml").read_text(encoding="utf-8"))
    content["engagement"]["weights"] = [1.0]
    (programs / "telecom.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    monkeypatch.setenv("FIEL_PROGRAMS", str(programs))
    retrain(program="telecom")
    segments(program="telecom")
    with opened("telecom") as context:
        assert context.registry.champion().version == champion
    found = _read("out_engagement")
    assert found["prob"].equals(before["prob"])
    known = found.filter(pl.col("part") != OOT)
    first = known["component_1"]
    low, high = float(first.min()), float(first.max())  # type: ignore[arg-type]
    assert known["engagement"].to_list() == pytest.approx([100 * (one - low) / (high - low) for one in first])


def test_segments_before_any_score_say_what_to_run(
    in_operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.ingest import ingest
    from flows.segments import segments

    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    ingest(program="telecom", source=str(in_operator.made.folder))
    with pytest.raises(LakeError, match=r"no scores of 2025-12-01.*fiel run retrain --program telecom"):
        segments(program="telecom")


def test_a_version_without_log_and_links_empties_their_tables(own_operator: Operator, tmp_path: Path) -> None:
    from flows.ingest import ingest
    from flows.report import report
    from flows.segments import segments

    source = tmp_path / "source"
    shutil.copytree(own_operator.made.folder, source)
    (source / "links.csv").unlink()
    (source / "interactions.jsonl").unlink()
    ingest(program="telecom", source=str(source))
    with opened("telecom") as context:
        assert context.lake.read("core_interactions").is_empty()
        assert context.lake.read("core_links_sessions").is_empty()
    segments(program="telecom")
    assert _read("out_event_counts").is_empty()
    assert _read("out_popular_items").is_empty()
    page = Path(report(program="telecom")["report"]).read_text(encoding="utf-8")
    assert '<section id="interactions"' not in page
    assert '<section id="engagement"' in page


def test_events_of_the_day_of_as_of_and_later_are_not_counted(
    in_operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.ingest import ingest
    from tasks.engagement import popular_items

    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    source = tmp_path / "source"
    shutil.copytree(in_operator.made.folder, source)
    late = {"session": 10**9, "events": [{"aid": 3, "ts": 1_764_547_200_000, "type": "clicks"}]}  # 2025-12-01 00:00
    with (source / "interactions.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(late) + "\n")
    found = ingest(program="telecom", source=str(source))
    assert any("days of the interaction log lie after 2025-11-30" in warning for warning in found["warnings"])
    with opened("telecom") as context:
        log = context.lake.scan("core_interactions")
        seen = popular_items(log, 100_000, AS_OF)["sessions"].sum()
        assert popular_items(log, 100_000)["sessions"].sum() == seen + 1


def test_vacuum_keeps_what_the_scores_were_made_from(own_operator: Operator) -> None:
    with opened("telecom") as context:
        before = {table: context.lake.read(table) for table in context.lake.versions()}
        vacuum(context.lake, context.registry, apply=True)
        for table, frame in before.items():
            assert context.lake.read(table).equals(frame), table


def _labels() -> pl.DataFrame:
    with opened("telecom") as context:
        return context.lake.read("core_labels").select("customer_id", "label")


def _inputs(model: Any, rows: pl.DataFrame) -> pl.DataFrame:
    from fiel.models.classifier import features_of, model_input

    return model_input(rows, *features_of(model))
