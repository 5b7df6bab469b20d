from __future__ import annotations

from datetime import date
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from fiel.errors import ProgramError
from fiel.program import STAGES, Program, load_program, program_names, read_program
from fiel.settings import HOME, Settings

SMALLEST = {
    "name": "shop",
    "title": "A shop",
    "source": {"format": "event_table", "columns": {"customer": "id", "time": "at"}},
}


def written(folder, content, name: str = "shop"):
    path = folder / f"{name}.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return path


def changed(**more) -> dict:
    return SMALLEST | more


# ------------------------------------------------------------------------------------------ what a program says


def test_the_smallest_program_has_the_numbers_of_the_domain(tmp_path) -> None:
    program = read_program(written(tmp_path, SMALLEST))
    life = program.life_cycle
    assert (life.new_max_age, life.recent_max, life.loyal_max_gap) == (7, 7, 14)
    assert (life.won_back_max_gap, life.tourist_max, life.leaving_max) == (27, 14, 28)
    assert program.features.windows == (7, 14, 28, 56)
    assert program.features.frequency_window == 28
    assert program.target.horizon_days == 28
    assert (program.parts_of_day.morning, program.parts_of_day.afternoon) == ((7, 11), (12, 18))
    assert program.incentive.hold_out_share == 0.3
    assert program.model_name == "fiel-shop"


def test_every_program_that_is_shipped_loads() -> None:
    settings = Settings()
    names = program_names(settings)
    assert "teomewhy" in names
    for name in names:
        assert load_program(name, settings).name == name


def test_teomewhy_is_the_program_of_the_domain() -> None:
    program = load_program("teomewhy", Settings())
    assert program.day_time_zone == "America/Sao_Paulo"
    assert program.source.time_zone == "UTC"
    assert program.operator_events.categories == ("fiel", "churn_model")
    assert program.operator_events.products == ("Reembolso: Troca de Pontos StreamElements",)
    assert program.courses_undated_until == date(2025, 2, 4)
    assert program.target.live_origins == ("twitch",)
    assert program.target.exclude_stages == ("zumbi",)
    assert not program.incentive.penalties
    assert program.incentive.invented
    products = [bucket.product for bucket in program.incentive.buckets]
    assert products == ["fiel-score-0.1", "fiel-score-0.25", "fiel-score-0.5", "fiel-score-0.75", "fiel-score-1"]
    edges = [(bucket.from_prob, bucket.to_prob) for bucket in program.incentive.buckets]
    assert edges == [(0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]


def test_the_stages_are_the_seven_of_the_domain() -> None:
    assert sorted(STAGES) == sorted(["curioso", "fiel", "turista", "desencantado", "zumbi", "reconquistado", "reborn"])


def test_every_field_is_described_for_whoever_fills_in_the_form() -> None:
    def models(annotation) -> list[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return [annotation]
        return [model for part in get_args(annotation) for model in models(part)]

    def undescribed(model: type[BaseModel], place: str) -> list[str]:
        found = []
        for name, field in model.model_fields.items():
            if not field.description:
                found.append(f"{place}.{name}")
            for inner in models(field.annotation):
                found += undescribed(inner, f"{place}.{name}")
        return found

    assert undescribed(Program, "program") == []


# ------------------------------------------------------------------------------------------ what it refuses

REFUSED = {
    "unknown key": (changed(titel="x"), "`titel` is not known: did you mean `title`"),
    "unknown nested key": (
        changed(features={"window": [7]}),
        "`features.window` is not known: did you mean `windows`",
    ),
    "unknown deep key": (
        changed(source=SMALLEST["source"] | {"columns": {"customer": "id", "time": "at", "valeu": "v"}}),
        "`source.columns.valeu` is not known",
    ),
    "missing field": ({"name": "shop", "source": SMALLEST["source"]}, "field `title`"),
    "time zone that is none": (changed(day_time_zone="Brasilia"), "field `day_time_zone`"),
    "format that is none": (changed(source={"format": "excel"}), "field `source.format`"),
    "event table without columns": (changed(source={"format": "event_table"}), "source.columns is needed"),
    "share above one": (changed(incentive={"hold_out_share": 1.3}), "field `incentive.hold_out_share`"),
    "window of no days": (changed(features={"windows": [0, 28]}), "field `features.windows.0`"),
    "frequency window that is none": (changed(features={"windows": [7, 14]}), "frequency_window must be one of"),
    "thresholds out of order": (changed(life_cycle={"tourist_max": 5}), "recent_max < tourist_max < leaving_max"),
    "gap thresholds out of order": (changed(life_cycle={"loyal_max_gap": 30}), "loyal_max_gap <= won_back_max_gap"),
    "one active day would have no stage": (changed(life_cycle={"new_max_age": 3}), "recent_max <= new_max_age"),
    "overlapping buckets": (
        changed(
            incentive={
                "buckets": [
                    {"product": "a", "from_prob": 0, "to_prob": 0.5, "points": 1},
                    {"product": "b", "from_prob": 0.4, "to_prob": 1, "points": 1},
                ]
            }
        ),
        "incentive buckets a and b overlap",
    ),
    "empty bucket": (
        changed(incentive={"buckets": [{"product": "a", "from_prob": 0.5, "to_prob": 0.5, "points": 1}]}),
        "from_prob must be below to_prob",
    ),
    "fractional points": (
        changed(incentive={"buckets": [{"product": "a", "from_prob": 0, "to_prob": 1, "points": 1.5}]}),
        "field `incentive.buckets.0.points`",
    ),
    "name with capitals": (changed(name="Shop"), "field `name`"),
    "name that is not the file's": (changed(name="store"), "make them equal"),
    "a list": ("- a\n- b\n", "a program file is a mapping"),
    "an empty file": ("", "a program file is a mapping"),
    "broken YAML": ("name: [shop", "not valid YAML"),
    "text that is not UTF-8": (b"name: shop\ntitle: \xff\xfe\n", "shop.yaml"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_program_file_is_refused_with_file_and_field(tmp_path, content, message) -> None:
    path = tmp_path / "shop.yaml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        written(tmp_path, content)
    with pytest.raises(ProgramError) as refused:
        read_program(path)
    assert message in str(refused.value)
    assert "shop.yaml" in str(refused.value)


def test_an_unknown_program_names_the_known_ones_and_the_nearest(tmp_path) -> None:
    written(tmp_path, SMALLEST)
    with pytest.raises(ProgramError, match=r"did you mean 'shop'\? known are: shop"):
        load_program("shopp", Settings(FIEL_PROGRAMS=str(tmp_path)))


# ------------------------------------------------------------------------------------------ digests


def test_equal_programs_have_equal_digests_and_a_changed_one_another(tmp_path) -> None:
    one = read_program(written(tmp_path, SMALLEST))
    again = read_program(written(tmp_path, dict(reversed(list(SMALLEST.items())))))
    other = read_program(written(tmp_path, changed(life_cycle={"leaving_max": 30})))
    assert one.digest() == again.digest()
    assert one.digest() != other.digest()
    assert one.digest("life_cycle") != other.digest("life_cycle")
    assert one.digest("source", "features") == other.digest("source", "features")


def test_programs_are_looked_for_at_home_by_default() -> None:
    assert Settings().programs == HOME / "deployments" / "programs"


# ------------------------------------------------------------------------------------------------ several targets


def targets(*more: dict, **main: object) -> dict:
    return changed(target={"name": "purchase_90", "kind": "purchase", "horizon_days": 90, **main}, more_targets=more)


SOON = {"name": "purchase_30", "kind": "purchase", "horizon_days": 30}


def test_a_further_target_has_a_model_and_a_ledger_of_its_own() -> None:
    program = Program.model_validate(targets(SOON))
    soon = program.with_target("purchase_30")
    assert program.target_names == ("purchase_90", "purchase_30")
    assert (soon.target.horizon_days, soon.target_names) == (30, ("purchase_30",))
    assert (soon.model_name, soon.ledger_name) == ("fiel-shop-purchase_30", "shop.purchase_30")
    assert soon.experiment_name == program.experiment_name == "fiel-shop"


def test_the_main_target_keeps_the_names_that_it_had_alone() -> None:
    program = Program.model_validate(targets(SOON))
    assert program.with_target("purchase_90") is program
    assert (program.model_name, program.ledger_name) == ("fiel-shop", "shop")


def test_a_program_of_a_further_target_stays_one_when_it_is_copied() -> None:
    soon = Program.model_validate(targets(SOON)).with_target("purchase_30")
    assert soon.model_copy(update={"simulated": True}).ledger_name == "shop.purchase_30"


def test_a_target_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ProgramError, match="no target 'purchase_3': did you mean 'purchase_30'"):
        Program.model_validate(targets(SOON)).with_target("purchase_3")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (targets(SOON | {"name": "purchase_90"}), "two targets are called 'purchase_90'"),
        (targets(SOON, SOON), "two targets are called 'purchase_30'"),
        (targets(SOON | {"name": "Purchase 30"}), "more_targets.0.name"),
        (targets(SOON | {"name": "p" * 40}, name="q") | {"name": "s" * 19}, None),
        (targets(SOON | {"name": "p" * 40}) | {"name": "s" * 30}, "at most 29 characters"),
        (targets(SOON | {"live_origins": ["shop"]}), "live_origins have to be those of the main target"),
        (targets(SOON | {"exclude_stages": []}), "exclude_stages has to hold zumbi too"),
        (targets(SOON | {"exclude_stages": ["turista", "zumbi"]}), None),
    ],
)
def test_targets_that_cannot_be_told_apart_or_have_a_wider_population_are_refused(tmp_path, content, said) -> None:
    path = written(tmp_path, content, content["name"])
    if said is None:
        assert len(read_program(path).more_targets) == 1
        return
    with pytest.raises(ProgramError, match=said):
        read_program(path)
