"""What a new version changed of rows that an earlier one held."""

from __future__ import annotations

import json

import polars as pl

from fiel.core import Core
from fiel.program import Program
from tests.sources.conftest import NOW, Place, teomewhy_program
from tests.sources.tiny import Change, Rows, add, after, drop, row

OTHER_BALANCE = {"clientes": row(1, qtdePontos="61")}
"""A change that makes a new version and nothing else."""


def moved(old: str, new: str) -> Change:
    """All transactions of one customer now are another's."""

    def change(header: list[str], rows: Rows) -> tuple[list[str], Rows]:
        return header, [[r[0], new if r[1] == old else r[1], *r[2:]] for r in rows]

    return change


def changes(place: Place) -> list[tuple[str, str, str]]:
    return list(place.lake.read("core_changes").select("kind", "table_name", "key").iter_rows())


def customer(place: Place, name: str) -> dict[str, object]:
    return place.lake.read("core_customers").filter(pl.col("customer_id") == name).row(0, named=True)


def test_another_balance_is_no_change_of_anything(place: Place) -> None:
    first = place.ingest(place.write())
    second = place.ingest(place.write("second", changes=OTHER_BALANCE))
    kinds = ("merged", "vanished", "returned", "restated", "deleted", "renamed", "new_customers", "new_events")
    assert [second.counts[kind] for kind in kinds] == [0] * len(kinds)
    assert changes(place) == []
    unmoved = ("core_events", "core_event_lines", "core_customer_days", "core_products", "core_changes")
    assert all(first.table_versions[name] == second.table_versions[name] for name in unmoved)
    assert customer(place, "ana")["first_version"] == first.source_version
    assert customer(place, "ana")["last_version"] == second.source_version


def test_a_customer_whose_events_are_now_anothers_is_merged(place: Place) -> None:
    place.ingest(place.write())
    merge = {"clientes": drop("caio"), "transacoes": moved("caio", "ana")}
    summary = place.ingest(place.write("second", changes=merge))
    caio = customer(place, "caio")
    assert (caio["status"], caio["merged_into"]) == ("merged", "ana")
    assert summary.counts["merged"] == 1
    assert summary.counts["restated"] == 0
    assert changes(place) == [("merged", "core_customers", "caio")]
    assert "caio" not in place.lake.read("core_events").get_column("customer_id")


def test_a_merge_is_followed_when_the_survivor_is_merged_too(place: Place) -> None:
    place.ingest(place.write())
    place.ingest(place.write("second", changes={"clientes": drop("caio"), "transacoes": moved("caio", "bia")}))
    both = after(moved("caio", "bia"), moved("bia", "ana"))
    place.ingest(place.write("third", changes={"clientes": drop("caio", "bia"), "transacoes": both}))
    assert customer(place, "caio")["merged_into"] == "ana"
    assert customer(place, "bia")["merged_into"] == "ana"
    assert [kind for kind, _, _ in changes(place)] == ["merged", "merged"]


def test_a_customer_that_is_gone_with_its_events_has_vanished_and_leaves_the_core(place: Place) -> None:
    first = place.ingest(place.write())
    gone = {
        "clientes": drop("caio", "duda"),
        "transacoes": drop("t08", "t09"),
        "transacao_produto": drop("l08"),
    }
    summary = place.ingest(place.write("second", changes=gone))
    assert summary.counts["vanished"] == 2
    assert summary.counts["deleted"] == 0
    assert customer(place, "caio")["status"] == "vanished"
    assert "caio" not in place.lake.read("core_events").get_column("customer_id")
    earlier = place.lake.read("core_events", version=first.table_versions["core_events"])
    assert "caio" in earlier.get_column("customer_id")  # the earlier version is still there


def test_a_customer_that_comes_back_has_returned(place: Place) -> None:
    source = place.write()
    first = place.ingest(source)
    gone = {"clientes": drop("duda")}
    place.ingest(place.write("second", changes=gone))
    summary = place.ingest(place.write("third", changes=OTHER_BALANCE))
    assert summary.counts["returned"] == 1
    assert customer(place, "duda")["status"] == "present"
    assert customer(place, "duda")["first_version"] == first.source_version
    assert {kind for kind, _, _ in changes(place)} == {"vanished", "returned"}


def test_a_transaction_with_other_values_is_restated_and_the_new_values_win(place: Place) -> None:
    place.ingest(place.write())
    restated = {"transacoes": row(5, QtdePontos="57", DtCriacao="2026-01-11 12:00:00.000")}
    summary = place.ingest(place.write("second", changes=restated))
    told = place.lake.read("core_changes").row(0, named=True)
    assert summary.counts["restated"] == 1
    assert (told["kind"], told["key"]) == ("restated", "t05")
    assert json.loads(told["before"])["value"] == "50"
    assert json.loads(told["after"])["value"] == "57"
    assert place.lake.read("core_events").filter(pl.col("event_id") == "t05").get_column("value").item() == 57


def test_a_transaction_that_moved_between_customers_who_both_stay_is_restated(place: Place) -> None:
    place.ingest(place.write())
    summary = place.ingest(place.write("second", changes={"transacoes": row(1, IdCliente="bia")}))
    assert (summary.counts["restated"], summary.counts["merged"]) == (1, 0)


def test_a_line_that_changed_came_or_went_is_told_apart_from_events(place: Place) -> None:
    place.ingest(place.write())
    lines = after(row(1, IdProduto="11"), drop("l02"), add(["l99", "t10", "5", "1", "1"]))
    summary = place.ingest(place.write("second", changes={"transacao_produto": lines}))
    assert (summary.counts["restated"], summary.counts["restated_lines"], summary.counts["deleted_lines"]) == (0, 2, 1)
    assert sorted(changes(place)) == [
        ("deleted", "core_event_lines", "t02/l02"),
        ("restated", "core_event_lines", "t01/l01"),
        ("restated", "core_event_lines", "t10/l99"),
    ]


def test_a_transaction_that_is_gone_while_its_customer_stays_is_deleted(place: Place) -> None:
    place.ingest(place.write())
    gone = {"transacoes": drop("t10"), "transacao_produto": drop("l10")}
    summary = place.ingest(place.write("second", changes=gone))
    assert summary.counts["deleted"] == 1
    assert changes(place) == [("deleted", "core_events", "t10")]


def test_a_version_that_lost_many_events_is_told(place: Place) -> None:
    place.ingest(place.write())
    gone = {"transacoes": drop("t10", "t11", "t12"), "transacao_produto": drop("l10", "l11")}
    summary = place.ingest(place.write("second", changes=gone))
    assert any("3 of the 12 events" in warning for warning in summary.warnings)
    assert any("an older version came after a newer one" in warning for warning in summary.warnings)


def test_a_renamed_product_keeps_the_name_and_category_first_seen(place: Place) -> None:
    place.ingest(place.write())
    renamed = {"produtos": row(3, DescNomeProduto="Reembolso", DescCategoriaProduto="outro")}
    summary = place.ingest(place.write("second", changes=renamed))
    line = place.lake.read("core_event_lines").filter(pl.col("line_id") == "l07").row(0, named=True)
    assert summary.counts["renamed"] == 1
    assert line["product_name"] == "Reembolso: Troca de Pontos StreamElements"
    assert line["category"] == "streamelements"
    assert line["is_operator"]  # so no customer day moves
    again = place.ingest(place.write("third", changes=renamed | OTHER_BALANCE))
    assert again.counts["renamed"] == 0  # the same new name is told once


def test_a_product_that_was_unknown_takes_the_first_name_that_comes(place: Place) -> None:
    place.ingest(place.write(changes={"produtos": drop("5")}))
    place.ingest(place.write("second"))
    product = place.lake.read("core_products").filter(pl.col("product_id") == "5").row(0, named=True)
    assert (product["product_name"], product["category"]) == ("ChatMessage", "chat")


def test_an_event_of_a_day_that_was_complete_already_is_late(place: Place) -> None:
    place.ingest(place.write())
    late = {"transacoes": add(["t00", "ana", "2026-01-08 12:00:00.000", "1", "twitch"])}
    summary = place.ingest(place.write("second", changes=late))
    assert (summary.counts["new_events"], summary.counts["late_events"]) == (1, 1)


def test_earlier_changes_stay_before_the_new_ones(place: Place) -> None:
    place.ingest(place.write())
    second = place.ingest(place.write("second", changes={"clientes": drop("duda")}))
    third = place.ingest(place.write("third", changes={"clientes": drop("duda"), "transacoes": row(1, QtdePontos="2")}))
    told = set(place.lake.read("core_changes").select("source_version", "kind").iter_rows())
    assert told == {(second.source_version, "vanished"), (third.source_version, "restated")}


def test_other_rules_of_the_program_are_no_restatements(place: Place) -> None:
    source = place.write()
    place.ingest(source)
    other = teomewhy_program(source={"origins": {"twitch": "stream"}}, target={"live_origins": ["stream"]})
    summary = place.ingest(source, other)
    assert summary.changed
    assert summary.counts["restated"] == 0
    assert changes(place) == []
    assert any("rules changed" in warning for warning in summary.warnings)
    assert set(place.lake.read("core_events").get_column("origin")) == {"stream", "cursos"}


def test_an_ingest_of_the_first_version_again_restores_it(place: Place) -> None:
    first, merge = place.write(), {"clientes": drop("caio"), "transacoes": moved("caio", "ana")}
    place.ingest(first)
    before = place.lake.read("core_customer_days")
    place.ingest(place.write("second", changes=merge))
    summary = place.ingest(first)
    assert summary.counts["returned"] == 1
    assert place.lake.read("core_customer_days").equals(before)
    assert customer(place, "caio")["merged_into"] is None


def test_a_simulated_next_version_is_followed_change_by_change(place: Place) -> None:
    from fiel.program import load_program
    from fiel.simulate.teomewhy import simulate
    from fiel.simulate.versions import next_version

    program: Program = load_program("teomewhy", place.settings)
    first = simulate(place.folder / "one", customers=300)
    wanted = {"merges": 2, "vanished": 3, "restated": 4, "changed_products": 1}
    second = next_version(first, place.folder / "two", days=2, **wanted)
    place.ingest(first.folder, program, now=NOW)
    summary = place.ingest(second.folder, program, now=NOW)
    counted = [summary.counts[name] for name in ("merged", "vanished", "restated", "renamed", "deleted")]
    assert counted == [2, 3, 4, 1, 0]
    by_kind = {kind: {c.id for c in second.changes if c.kind == kind} for kind in ("merge", "vanish", "restate")}
    told = place.lake.read("core_changes").filter(pl.col("table_name") != "core_event_lines")
    for ours, theirs in (("merged", "merge"), ("vanished", "vanish"), ("restated", "restate")):
        assert set(told.filter(pl.col("kind") == ours).get_column("key")) == by_kind[theirs]
    survivors = {change.id: change.to for change in second.changes if change.kind == "merge"}
    merged = Core.open(place.lake)["customers"].filter(pl.col("status") == "merged").collect()
    assert dict(merged.select("customer_id", "merged_into").iter_rows()) == survivors
