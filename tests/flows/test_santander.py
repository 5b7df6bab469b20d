"""The whole chain on a small simulated bank: an undated table, profit, grades; a second run changes nothing."""

from __future__ import annotations

import hashlib
import io
import json
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

from fiel.errors import CycleConflictError, TimeError
from fiel.models.parts import CustomerParts
from fiel.simulate.santander import simulate
from flows.console import show_leakage, show_status, show_summary
from tasks.context import opened
from tests.conftest import ROOT
from tests.flows.published import shown

AS_OF = date(2016, 3, 2)
CUSTOMERS = 10_000
CAP = 1_000
"""Points that a cycle may grant here: fewer than there are customers whom it pays to treat."""


@dataclass(frozen=True)
class Bank:
    """A simulated bank: its settings, its source files, and what the first run of `loyalty` returned."""

    source: Path
    environment: dict[str, str]
    first: dict[str, Any]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Bank:
    root = tmp_path_factory.mktemp("bank")
    simulate(root / "source", customers=CUSTOMERS)
    environment = {"FIEL_LAKE": str(root / "lake"), "FIEL_PROGRAMS": str(_quick_program(root / "programs"))}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        from flows.loyalty import loyalty

        first = loyalty(program="santander", source=str(root / "source"))
    return Bank(root / "source", environment, first)


@pytest.fixture
def in_bank(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The shared bank with its settings in force. Tests that change it use `own_bank`."""
    for name, value in bank.environment.items():
        monkeypatch.setenv(name, value)
    return bank


@pytest.fixture
def own_bank(in_bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The bank with a lake, models and ledger of its own."""
    lake = Path(in_bank.environment["FIEL_LAKE"])
    for name in (lake.name, f"{lake.name}.state"):
        shutil.copytree(lake.with_name(name), tmp_path / name)
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / lake.name))
    return in_bank


def _quick_program(folder: Path) -> Path:
    """The program file of santander with a small training and a small cap."""
    content = yaml.safe_load((ROOT / "deployments" / "programs" / "santander.yaml").read_text(encoding="utf-8"))
    params = {"depth": 3, "learning_rate": 0.12, "rsm": 0.3}
    content["training"] |= {"iterations": 150, "threads": 1, "folds": 2, "params": params}
    content["promotion"] = {"bootstrap": 100}
    content["incentive"] |= {"cap_cycle_points": CAP, "budget_points": CAP + 500}
    folder.mkdir()
    (folder / "santander.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder


def _read(table: str) -> pl.DataFrame:
    with opened("santander") as context:
        return context.lake.read(table, AS_OF)


def _table(bank: Bank, name: str) -> pl.DataFrame:
    """A table of the training's run."""
    with opened("santander") as context:
        content = context.registry.run_file(bank.first["train"]["run"], f"tables/{name}.csv")
    return pl.read_csv(io.BytesIO(content))


def _state() -> dict[str, Any]:
    """Everything that a re-run must leave as it is."""
    found: dict[str, Any] = {}
    with opened("santander") as context:
        found["tables"] = context.lake.versions()
        found["entries"] = context.store.entries("santander").rows()
        found["published"] = context.store.score_set("santander")
        for place in ("exports", "reports", "models"):
            folder = Path(context.lake.file_path(place))
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            found[place] = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        found["models"] = (
            [info.version for info in context.registry.versions()],
            context.registry.champion().version,
            context.store.promotions("santander"),
        )
    return found


class TestTheFirstRun:
    def test_it_is_for_the_day_on_which_the_source_was_published(self, in_bank: Bank) -> None:
        assert in_bank.first["as_of"] == AS_OF.isoformat()

    def test_everyone_is_scored_also_those_whose_outcome_is_not_known(self, in_bank: Bank) -> None:
        scores = _read("out_scores")
        assert scores.height == scores["prob"].is_not_null().sum() == CUSTOMERS
        with opened("santander") as context:
            known = context.lake.read("core_labels")["label"].is_not_null().sum()
        assert known < CUSTOMERS

    def test_expected_profit_is_ninety_for_a_right_treatment_less_ten_for_a_wrong_one(self, in_bank: Bank) -> None:
        scores = _read("out_scores")
        expected = [90 * prob - 10 * (1 - prob) for prob in scores["prob"]]
        assert scores["expected_profit"].to_list() == pytest.approx(expected)

    def test_grade_one_is_whom_it_pays_to_treat_and_the_others_are_quartiles(self, in_bank: Bank) -> None:
        scores = _read("out_scores")
        assert (
            scores.filter(pl.col("grade") == 1)["customer_id"]
            .sort()
            .equals(scores.filter(pl.col("prob") > 0.1)["customer_id"].sort())
        )
        rest = scores.filter(pl.col("grade") > 1)
        sizes = dict(rest["grade"].value_counts().iter_rows())
        assert set(sizes) == {2, 3, 4, 5}
        assert max(sizes.values()) - min(sizes.values()) < 0.05 * CUSTOMERS
        least = rest.group_by("grade").agg(least=pl.col("prob").min(), most=pl.col("prob").max()).sort("grade")
        assert (least["least"].head(3).to_numpy() >= least["most"].tail(3).to_numpy()).all()

    def test_only_grade_one_is_granted_and_the_limits_hold(self, in_bank: Bank) -> None:
        plan = _read("out_plan").join(_read("out_scores").select("customer_id", "grade"), on="customer_id")
        granted = plan.filter(pl.col("decision") == "grant")
        assert granted.height == CAP // 10
        assert granted["grade"].unique().to_list() == [1]
        assert granted["points"].sum() == CAP
        assert granted["points"].unique().to_list() == [10]
        assert plan.filter(pl.col("decision") == "held_out")["grade"].unique().to_list() in ([1], [])
        assert plan.filter(pl.col("grade") > 1)["decision"].unique().to_list() == ["excluded"]

    def test_the_promotion_was_decided_by_profit_with_a_paired_interval(self, in_bank: Bank) -> None:
        metrics = in_bank.first["promotion"]["metrics"]
        estimate, low, high = metrics["profit_difference"]
        rows, ours, theirs = metrics["rows"], metrics["challenger"]["profit"], metrics["champion"]["profit"]
        assert estimate == pytest.approx((ours - theirs) / rows)
        assert low < estimate < high
        assert "profit for each customer" in in_bank.first["promotion"]["reason"]

    def test_the_threshold_is_chosen_by_theory_and_by_validation(self, in_bank: Bank) -> None:
        found = {row["by"]: row for row in _table(in_bank, "thresholds").to_dicts()}
        assert set(found) == {"theory", "validation", "hindsight"}
        assert found["theory"]["threshold"] == pytest.approx(0.1)
        assert found["validation"]["valid_profit"] >= found["theory"]["valid_profit"]
        assert found["hindsight"]["oot_profit"] >= max(found[by]["oot_profit"] for by in ("theory", "validation"))

    def test_what_was_dropped_is_constant_or_repeated_in_the_training_part(self, in_bank: Bank) -> None:
        dropped = _table(in_bank, "dropped_columns")
        with opened("santander") as context:
            parts = CustomerParts.of_program(context.program)
            labelled = context.lake.read("core_labels").filter(pl.col("label").is_not_null()).select("customer_id")
        assert parts is not None
        rows = parts.rows(_read("feat_snapshot").join(labelled, on="customer_id"), "train")
        assert dropped.height >= 34 + 29
        for column, reason, same_as in dropped.iter_rows():
            values = rows[column].to_list()
            if reason == "constant":
                assert len(set(values)) == 1, column
            else:
                assert values == rows[same_as].to_list(), column

    def test_the_report_has_its_pages(self, in_bank: Bank) -> None:
        page = Path(in_bank.first["report"]["report"]).read_text(encoding="utf-8")
        assert {"treat", "rewards", "model", "data", "profile"} <= set(re.findall(r'<section id="(\w+)"', page))
        figures = set(re.findall(r'id="figure-([\w-]+)"', page))
        assert {"profit", "gains", "reliability", "importances", "compare-profit"} <= figures
        for words in ("Grades by expected profit", "The threshold", "Columns that say nothing"):
            assert words in page, words
        page = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
        for words in ("desencantado", "out of time", "life cycle", "active day"):
            assert words not in page, words

    def test_it_leaves_artifacts(self, in_bank: Bank) -> None:
        with get_client(sync_client=True) as client:
            for what in ("dropped-columns", "promotion", "data-profile"):
                key = ArtifactFilterKey(any_=[f"santander-{what}"])
                assert client.read_artifacts(artifact_filter=ArtifactFilter(key=key)), what


def test_the_service_is_shown_grades_profit_and_all_attributes(in_bank: Bank) -> None:
    with opened("santander") as context, shown("santander") as found:
        one = context.lake.read("out_scores", AS_OF).filter(pl.col("grade") == 1).row(0, named=True)
        scores = found.scores(one["customer_id"])
        assert (scores["segment"], scores["expected_profit"]) == ("grade 1", one["expected_profit"])
        assert set(context.registry.champion().inputs) <= set(found.features(one["customer_id"]))
        figures = {item["key"]: item["value"] for item in found.part("overview")["key_figures"]}
        assert figures["worth_treating"] == context.lake.read("out_scores", AS_OF)["grade"].eq(1).sum()


def test_running_it_again_changes_nothing(in_bank: Bank) -> None:
    from flows.loyalty import loyalty

    before = _state()
    again = loyalty(program="santander", source=str(in_bank.source))
    assert again["ingest"]["changed"] is False
    assert again["features"]["built"] == []
    assert again["train"]["trained"] is False
    assert again["cycle"].get("changed", False) is False
    assert _state() == before


def test_a_run_that_died_again_and_again_is_made_good_by_running_it_again(
    own_bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flows.loyalty as flow

    scores, plan = _read("out_scores"), _read("out_plan")
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "other"))

    def dies(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    for dies_before in ("train_challenger", "promote_challenger", "plan_cycle", "apply_if_due", "write_report"):
        with monkeypatch.context() as patch:
            patch.setattr(flow, dies_before, dies)
            with pytest.raises(RuntimeError, match="killed"):
                flow.loyalty(program="santander", source=str(own_bank.source))
    done = flow.loyalty(program="santander", source=str(own_bank.source))
    same = ["customer_id", "prob", "expected_profit", "grade", "model_digest"]
    assert _read("out_scores").select(same).equals(scores.select(same))
    assert _read("out_plan").equals(plan)
    with opened("santander") as context:
        entries = context.store.entries("santander")
        assert entries.filter(pl.col("kind") == "grant")["points"].sum() == CAP
    assert Path(done["report"]["report"]).is_file()


def test_no_attribute_knows_an_outcome_or_another_customer(in_bank: Bank, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_leakage("santander", [])
    said = capsys.readouterr().out
    assert "attributes: holds" in said
    assert "snapshot: holds" in said


def test_another_date_is_refused(own_bank: Bank) -> None:
    from flows.score import score

    with pytest.raises(TimeError, match="known as of one date only, 2016-03-02"):
        score(program="santander", as_of="2016-02-01")


def test_the_status_names_champion_and_cycle(in_bank: Bank, capsys: pytest.CaptureFixture[str]) -> None:
    show_status("santander")
    said = capsys.readouterr().out
    assert re.search(r"champion +fiel-santander version \d+ \(catboost\)", said)
    assert re.search(r"cycle +2016-03-02: 100 grants, 1,000 BRL", said)


def test_the_summary_speaks_of_profit_and_the_test_part_and_of_no_stages(
    in_bank: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    show_summary("loyalty", "santander", in_bank.first)
    said = capsys.readouterr().out
    assert re.search(r"on the test part +AUC +log loss +profit, BRL", said)
    earned = in_bank.first["promotion"]["metrics"]["challenger"]["profit"]
    assert re.search(rf"challenger +0\.\d{{3}} +0\.\d{{3}} +{earned:,.0f}\n", said)
    for words in ("out of time", "stage rule"):
        assert words not in said, words


def test_new_files_under_the_date_of_a_cycle_that_was_paid_pay_nobody_else(own_bank: Bank, tmp_path: Path) -> None:
    from flows.loyalty import loyalty

    with opened("santander") as context:
        before = context.store.entries("santander")
    simulate(tmp_path / "more", customers=CUSTOMERS + 500)
    with pytest.raises(CycleConflictError, match="cycle santander 2016-03-02 is already applied"):
        loyalty(program="santander", source=str(tmp_path / "more"))
    assert _read("out_scores").height == CUSTOMERS + 500
    with opened("santander") as context:
        assert context.store.entries("santander").equals(before)


@pytest.fixture(scope="module")
def snapshots(bank: Bank) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bank.environment.items():
            patch.setenv(name, value)
        with opened("santander") as context:
            labels = context.lake.read("core_labels").filter(pl.col("label").is_not_null())
        yield _read("feat_snapshot"), labels.select("customer_id", pl.lit(AS_OF).alias("as_of"), "label")


class TestWhatATrainingReads:
    """The test part is rewritten: no column, no tree and no calibration may move; with the training part they do."""

    def learned(self, snapshots: pl.DataFrame, labels: pl.DataFrame) -> tuple[str, str, str]:
        """Digest of the model, its recipe, and the columns that it dropped."""
        from fiel.models.cohorts import split_customers
        from fiel.models.retraining import train

        with opened("santander") as context:
            program = context.program
        found = train(snapshots, labels, program, split=split_customers(program, AS_OF))
        return found.digest, json.dumps(found.recipe_json(), sort_keys=True), found.dropped.write_csv()

    def rewritten(self, frame: pl.DataFrame, part: str, **other: pl.Expr) -> pl.DataFrame:
        """`frame` with other values for the customers of a part."""
        with opened("santander") as context:
            parts = CustomerParts.of_program(context.program)
        assert parts is not None
        there = parts.of(frame["customer_id"]) == part
        return frame.with_columns(pl.when(there).then(expr).otherwise(name).alias(name) for name, expr in other.items())

    def test_neither_outcomes_nor_attributes_of_the_test_part(
        self, in_bank: Bank, snapshots: tuple[pl.DataFrame, pl.DataFrame]
    ) -> None:
        rows, labels = snapshots
        as_it_is = self.learned(rows, labels)
        flipped = self.rewritten(labels, "oot", label=(1 - pl.col("label")).cast(labels.schema["label"]))
        assert self.learned(rows, flipped) == as_it_is
        number = pl.col("customer_id").cast(pl.Float64)
        constant = [name for name in rows.columns if name.startswith(("x_ind_var2_", "x_saldo_var2_"))]
        other = self.rewritten(rows, "oot", x_var15=-number, x_var38=number, **dict.fromkeys(constant, number))
        assert self.learned(other, labels) == as_it_is

    def test_but_the_training_part(self, in_bank: Bank, snapshots: tuple[pl.DataFrame, pl.DataFrame]) -> None:
        rows, labels = snapshots
        number = pl.col("customer_id").cast(pl.Float64)
        other = self.rewritten(rows, "train", x_ind_var2_0=number)
        dropped = [self.learned(frame, labels)[2] for frame in (rows, other)]
        assert "x_ind_var2_0," in dropped[0]
        assert "x_ind_var2_0," not in dropped[1]
