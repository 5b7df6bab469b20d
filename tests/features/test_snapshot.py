"""The snapshot joins the groups that a program asks for, and knows nothing at or after as_of."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.core import Core
from fiel.errors import ProgramError, TimeError
from fiel.features.groups import GROUPS, groups_of
from fiel.features.snapshot import build_group, build_snapshots, categorical_features, model_features, snapshot
from fiel.program import Program
from fiel.tables import TABLES

from .frames import FAR, TEOMEWHY, core_of, event, history_core, line, on, program, rows, table

Tables = dict[date, dict[str, pl.DataFrame]]
OF_EVENTS = {
    name: group for name, group in GROUPS.items() if not group.is_undated and name not in ("quarters", "context")
}
"""Groups that a program of daily events can have."""
EVERYTHING = program(features=TEOMEWHY.features.model_dump() | {"groups": list(OF_EVENTS)})
"""The teomewhy program with every registered group."""


def built(core: Core, *dates: date, rules: Program = TEOMEWHY) -> Tables:
    return dict(build_snapshots(core, dates, rules))


def community(days: range, known_through: date = FAR) -> Core:
    """Four customers with events, lines and one linked learner, active on different days of `days`."""
    events, lines, completions = [], [], []
    for number, customer in enumerate(("ana", "bia", "caio", "davi")):
        for day in days[number :: 3 * number + 2]:
            name = f"{customer}-{day}"
            events += [event(customer, f"{on(day)} {8 + number:02}:30", 5 * day - 40, event_id=name)]
            lines += [line(name, customer, on(day), ("ChatMessage", "R Lover")[day % 2])]
    for day in days[::9]:
        completions += [{"user_id": "u", "course_slug": "sql", "episode": day + 1, "day": on(day)}]
    episodes = [{"course_slug": "sql", "episode": day + 1, "known_from": on(day)} for day in days[::9]]
    return core_of(
        events,
        known_through,
        event_lines=table("event_lines", lines),
        links=table("links", [{"user_id": "u", "customer_id": "ana", "known_from": on(2)}]),
        completions=table("completions", completions),
        course_episodes=table("course_episodes", episodes),
    )


def test_each_as_of_yields_the_tables_of_the_program_in_their_schemas() -> None:
    found = built(community(range(60)), on(50), on(20), on(50))
    assert list(found) == [on(20), on(50)]
    for as_of, tables in found.items():
        assert list(tables) == [*(group.table for group in groups_of(TEOMEWHY)), "feat_snapshot"]
        for name, frame in tables.items():
            TABLES[name].check(frame.schema)
            assert frame["as_of"].unique().to_list() == [as_of]
            assert frame.equals(frame.sort(TABLES[name].key))
            assert not frame.select(pl.struct(TABLES[name].key).is_duplicated().any()).item()


def test_the_chunks_give_what_each_group_gives_on_the_core_itself() -> None:
    core, dates = community(range(80)), [on(day) for day in (10, 25, 40, 41, 80)]
    found = built(core, *dates, rules=EVERYTHING)
    lazy = {name: group.build(core, dates, EVERYTHING) for name, group in OF_EVENTS.items()}
    direct = {group.table: lazy[name] for name, group in OF_EVENTS.items()}
    direct["feat_snapshot"] = snapshot(lazy, core, dates, EVERYTHING)
    for name, frame in direct.items():
        together = pl.concat([tables[name] for tables in found.values()])
        assert together.equals(frame.collect().sort("as_of", *TABLES[name].key).select(together.columns)), name


def test_customers_whose_ids_share_a_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    core = community(range(40))
    expected = built(core, on(30))[on(30)]
    monkeypatch.setattr(pl.Series, "hash", lambda ids: pl.zeros(len(ids), eager=True))
    found = built(core, on(30))[on(30)]
    assert all(found[name].equals(expected[name]) for name in expected)


def test_one_group_alone_is_what_it_is_in_the_snapshot() -> None:
    core, dates = community(range(60)), [on(20), on(50)]
    found = dict(build_group(core, GROUPS["activity"], dates, TEOMEWHY))
    assert all(found[as_of].equals(built(core, *dates)[as_of]["feat_activity"]) for as_of in dates)


def test_running_it_twice_gives_equal_frames() -> None:
    once, again = (built(community(range(80)), on(30), on(60), rules=EVERYTHING) for _ in range(2))
    assert all(frame.equals(again[as_of][name]) for as_of, tables in once.items() for name, frame in tables.items())


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 70), st.integers(0, 40))
def test_features_do_not_change_when_later_days_are_appended(as_of: int, more: int) -> None:
    now = built(community(range(as_of)), on(as_of))[on(as_of)]
    later = built(community(range(as_of + more)), on(as_of))[on(as_of)]
    assert all(now[name].equals(later[name]) for name in now)


def test_later_dates_in_the_same_pass_change_no_earlier_one() -> None:
    core = community(range(80))
    alone = built(core, on(30), rules=EVERYTHING)[on(30)]
    together = built(core, on(30), on(45), on(60), on(80), rules=EVERYTHING)[on(30)]
    assert all(alone[name].equals(together[name]) for name in alone)


def test_a_row_for_every_customer_with_an_active_day_before_as_of() -> None:
    core = history_core({"ana": {0, 40}, "bia": {9}, "caio": {10}})
    assert built(core, on(10))[on(10)]["feat_snapshot"]["customer_id"].to_list() == ["ana", "bia"]


def test_the_population_has_a_live_event_and_is_not_a_zumbi() -> None:
    core = core_of(
        [
            event("ana", f"{on(30)} 12:00"),
            event("bia", f"{on(0)} 12:00"),
            event("caio", f"{on(30)} 12:00", is_live=False),
            event("davi", f"{on(5)} 12:00"),
            event("davi", f"{on(31)} 12:00", is_live=False),
            event("eva", f"{on(30)} 12:00", is_live=False),
            event("eva", f"{on(40)} 12:00"),
        ]
    )
    found = built(core, on(40))[on(40)]["feat_snapshot"]
    assert rows(found, "in_population") == {"ana": True, "bia": False, "caio": False, "davi": True, "eva": False}


def test_the_stages_left_out_of_the_population_are_the_program_s() -> None:
    core = history_core({"ana": {0}, "bia": {39}})
    target = TEOMEWHY.target.model_dump() | {"exclude_stages": ["curioso"]}
    found = built(core, on(40), rules=program(target=target))[on(40)]["feat_snapshot"]
    assert rows(found, "in_population") == {"ana": True, "bia": False}


def test_value_clusters_look_at_the_frequency_window() -> None:
    core = core_of(
        [
            event("ana", f"{on(12)} 12:00", 1_500),
            event("bia", f"{on(11)} 12:00", 1_500),
            event("caio", f"{on(39)} 12:00", 749),
        ]
    )
    found = built(core, on(40))[on(40)]["feat_snapshot"]
    assert rows(found, "value_cluster") == {"ana": "hyper", "bia": "none", "caio": "lurker"}


def test_only_the_groups_of_the_program_are_joined() -> None:
    features = TEOMEWHY.features.model_dump() | {"groups": ["life_cycle"]}
    tables = built(community(range(40)), on(30), rules=program(features=features))[on(30)]
    assert list(tables) == ["feat_life_cycle", "feat_snapshot"]
    assert "stage" in tables["feat_snapshot"].columns
    assert "age_days" not in tables["feat_snapshot"].columns


def test_a_group_that_does_not_exist_is_named() -> None:
    features = TEOMEWHY.features.model_dump() | {"groups": ["activity", "horoscope"]}
    with pytest.raises(ProgramError, match=r"features\.groups.*'horoscope'.*known are: activity, life_cycle"):
        built(community(range(40)), on(30), rules=program(features=features))


@pytest.mark.parametrize(("offset", "message"), [(0, "before anything is known"), (42, "past what the data know")])
def test_dates_that_the_data_do_not_reach_are_refused(offset: int, message: str) -> None:
    with pytest.raises(TimeError, match=message):
        built(community(range(40), known_through=on(40)), on(20), on(offset))


def test_a_model_may_use_neither_keys_nor_dates_nor_what_follows_by_rule() -> None:
    frame = built(community(range(60)), on(50))[on(50)]["feat_snapshot"]
    usable = model_features(TEOMEWHY, frame.columns)
    assert set(frame.columns) - set(usable) == {
        "customer_id",
        "as_of",
        "in_population",
        "next_stage",
        "next_stage_date",
        "stage_after_visit",
    }
    assert not [name for name in usable if frame.schema[name].is_temporal()]
    never = program(features=TEOMEWHY.features.model_dump() | {"never": ["age_days"]})
    assert set(usable) - set(model_features(never, frame.columns)) == {"age_days"}


def test_the_categories_are_the_text_columns_that_a_model_may_use_and_have_no_blanks() -> None:
    frame = built(community(range(60)), on(50))[on(50)]["feat_snapshot"]
    usable = model_features(TEOMEWHY, frame.columns)
    text = [name for name in usable if frame.schema[name] == pl.String]
    assert categorical_features(TEOMEWHY, usable) == text
    assert frame.select(text).null_count().sum_horizontal().item() == 0


def test_no_dates_no_snapshots() -> None:
    assert built(community(range(10))) == {}


def test_every_registered_group_has_a_table_with_its_key() -> None:
    for group in GROUPS.values():
        assert ("customer_id" in TABLES[group.table].key) == group.per_customer
        assert TABLES[group.table].by_as_of


def test_a_day_is_enough() -> None:
    core = history_core({"ana": {0}}, known_through=on(0))
    (found,) = built(core, on(1)).values()
    assert found["feat_snapshot"].height == 1
    assert core.first_day + timedelta(days=1) == on(1)
