"""The points system and the course platform: drift between versions, rules, and what becomes of each row."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime

import polars as pl
import pytest

from fiel.sources.landing import operator_events
from fiel.tables import CORE_TABLES
from tests.sources.conftest import Place, teomewhy_program
from tests.sources.tiny import LOYALTY, Change, add, after, drop, each, rename, row

DRIFTS: dict[str, dict[str, object]] = {
    "commas": {"separator": ","},
    "everything quoted": {"quoting": csv.QUOTE_ALL},
    "commas and quotes": {"separator": ",", "quoting": csv.QUOTE_ALL},
    "sqlite": {"layout": "sqlite"},
    "all tables in one folder": {"flat": True},
    "one database in one folder": {"flat": True, "layout": "sqlite"},
    "descProduto": {"changes": {"produtos": rename(DescNomeProduto="descProduto")}},
    "DescProduto and DescCateogriaProduto": {
        "changes": {"produtos": rename(DescNomeProduto="DescProduto", DescCategoriaProduto="DescCateogriaProduto")}
    },
    "other case of keys": {
        "changes": {
            "clientes": rename(idCliente="IdCliente"),
            "transacoes": rename(IdTransacao="idTransacao", IdCliente="idCliente"),
            "transacao_produto": rename(idTransacaoProduto="IdTransacaoProduto", IdTransacao="idTransacao"),
        }
    },
    "times with +0000 UTC": {"changes": {"transacoes": each("DtCriacao", lambda text: f"{text} +0000 UTC")}},
    "times with Z and T": {"changes": {"transacoes": each("DtCriacao", lambda text: text.replace(" ", "T") + "Z")}},
    "times with an offset": {"changes": {"transacoes": each("DtCriacao", lambda text: f"{text}+00:00")}},
    "points as decimals": {"changes": {"transacoes": each("QtdePontos", lambda text: f"{text}.0")}},
    "blanks around values": {"changes": {"transacoes": each("IdCliente", lambda text: f" {text} ")}},
    "origin in capitals": {"changes": {"transacoes": each("DescSistemaOrigem", str.upper)}},
    "columns in another order": {
        "changes": {"transacoes": lambda header, rows: (header[::-1], [r[::-1] for r in rows])}
    },
    "one column more": {"changes": {"clientes": lambda header, rows: ([*header, "flNovo"], [[*r, "0"] for r in rows])}},
}


def without_versions(place: Place) -> dict[str, pl.DataFrame]:
    frames = {name: place.read(name) for name in CORE_TABLES}
    return {
        name: frame.drop("source_version", "first_version", "last_version", strict=False)
        for name, frame in frames.items()
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    place = Place(tmp_path_factory.mktemp("plain"))
    place.land(place.write())
    return without_versions(place)


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=list(DRIFTS))
def test_every_drift_gives_the_same_core_tables(
    drift: dict[str, object], place: Place, plain: dict[str, pl.DataFrame]
) -> None:
    summary = place.land(place.write(**drift))
    assert summary.rejected_by_rule == {}
    for name, frame in without_versions(place).items():
        if name != "core_profile":  # it shows the files as they are spelled
            assert frame.equals(plain[name]), name


def test_days_are_cut_in_the_programs_zone(plain: dict[str, pl.DataFrame]) -> None:
    days = dict(plain["core_events"].select("event_id", "day").iter_rows())
    assert days["t03"] == date(2026, 1, 5)
    assert days["t04"] == date(2026, 1, 6)


def test_a_customer_day_holds_integer_sums_of_what_was_no_operator_event(plain: dict[str, pl.DataFrame]) -> None:
    found = plain["core_customer_days"].filter(pl.col("customer_id") == "ana", pl.col("day") == date(2026, 1, 5))
    assert found.to_dicts() == [
        {
            "customer_id": "ana",
            "day": date(2026, 1, 5),
            "transactions": 3,
            "live_transactions": 3,
            "value_net": 52,
            "value_earned": 52,
            "value_spent": 0,
            "active_seconds": 13 * 3600 + 59 * 60 + 59,  # 13:00:00.1 to 02:59:59.999
            "transactions_morning": 1,  # 10:00 in Sao Paulo
            "transactions_afternoon": 1,  # 12:30
            "transactions_night": 1,  # 23:59:59
        }
    ]


def test_a_refund_counts_in_no_customer_day(plain: dict[str, pl.DataFrame]) -> None:
    events = plain["core_events"].filter("is_operator").get_column("event_id").to_list()
    day = plain["core_customer_days"].filter(pl.col("customer_id") == "bia", pl.col("day") == date(2026, 1, 12))
    assert events == ["t07"]
    assert day.select("transactions", "value_net", "value_spent").row(0) == (1, -100, 100)


def test_only_live_origins_are_live(plain: dict[str, pl.DataFrame]) -> None:
    assert plain["core_events"].filter(~pl.col("is_live")).get_column("event_id").to_list() == ["t09"]


def test_product_ids_stay_text_and_categories_are_mapped(plain: dict[str, pl.DataFrame]) -> None:
    sword = plain["core_event_lines"].filter(pl.col("line_id") == "l10").row(0, named=True)
    assert (sword["product_id"], sword["product_name"], sword["category"]) == (
        "001 - Espada Longa",
        "Espada Longa",
        "rpg",
    )


def test_known_through_is_the_day_before_the_last_unless_the_last_is_complete(place: Place) -> None:
    source = place.write()
    assert place.land(source).known_through == date(2026, 1, 31)
    assert place.land(source, teomewhy_program(source={"last_day_complete": True})).known_through == date(2026, 2, 1)


@pytest.mark.parametrize(
    ("line", "operator"),
    [
        (["x1", "t08", "7", "1", "5"], True),  # category churn_model
        (["x1", "t08", "grant-1", "1", "5"], True),  # category fiel
        (["x1", "t08", "14", "1", "5"], True),  # the refund, by name
        (["x1", "t08", "fiel-score-1", "1", "5"], True),  # a product of our own policy that the catalogue lacks
        (["x1", "t08", "11", "1", "5"], False),
    ],
    ids=lambda value: value[2] if isinstance(value, list) else "",
)
def test_operator_events_are_known_by_any_of_their_lines(place: Place, line: list[str], operator: bool) -> None:
    changes = {
        "transacao_produto": add(line),
        "produtos": add(["7", "Churn_2pp", "", "churn_model"], ["grant-1", "A grant", "", "fiel"]),
    }
    policy = {"buckets": [{"product": "fiel-score-1", "from_prob": 0.5, "to_prob": 1.0, "points": 10}]}
    place.land(place.write(changes=changes), teomewhy_program(incentive=policy))
    found = place.read("core_events").filter(pl.col("event_id") == "t08").row(0, named=True)
    days = place.read("core_customer_days").filter(pl.col("customer_id") == "caio").get_column("day").to_list()
    assert found["is_operator"] is operator
    assert days == ([date(2026, 1, 21)] if operator else [date(2026, 1, 20), date(2026, 1, 21)])


def test_an_origin_can_make_an_operator_event(place: Place) -> None:
    place.land(place.write(), teomewhy_program(operator_events={"origins": ["cursos"]}))
    events = place.read("core_events").filter("is_operator").get_column("event_id").to_list()
    assert events == ["t09"]


REJECTED: dict[str, tuple[str, Change, str, int]] = {
    "unreadable date": ("transacoes", row(1, DtCriacao="31/02/2026 10:00"), "time_unparseable", 1),
    "no date": ("transacoes", row(2, DtCriacao=""), "time_missing", 2),
    "date in the future": ("transacoes", row(3, DtCriacao="2031-01-01 00:00:00.000"), "time_in_future", 3),
    "no customer": ("transacoes", row(4, IdCliente=""), "customer_missing", 4),
    "points in words": ("transacoes", row(5, QtdePontos="dez"), "value_unparseable", 5),
    "half a point": ("transacoes", row(5, QtdePontos="0.5"), "value_unparseable", 5),
    "points beyond all sense": ("transacoes", row(5, QtdePontos="9" * 16), "value_unparseable", 5),
    "no points": ("transacoes", row(5, QtdePontos=""), "value_missing", 5),
    "no id": ("transacoes", row(5, IdTransacao=" "), "event_missing", 5),
    "a field too many": (
        "transacoes",
        add(["x", "ana", "2026-01-09 00:00:00", "1", "twitch", "?"]),
        "too_many_fields",
        13,
    ),
    "a line of no transaction": ("transacao_produto", add(["x", "t77", "5", "1", "1"]), "transaction_unknown", 11),
    "a line without id": ("transacao_produto", row(1, idTransacaoProduto=""), "line_missing", 1),
    "a quantity in words": ("transacao_produto", row(1, QtdeProduto="um"), "quantity_unparseable", 1),
    "a balance in words": ("clientes", row(1, qtdePontos="muitos"), "balance_unparseable", 1),
    "a product without id": ("produtos", row(1, IdProduto=""), "product_missing", 1),
}


@pytest.mark.parametrize(("table", "change", "rule", "number"), REJECTED.values(), ids=list(REJECTED))
def test_a_bad_row_is_set_aside_with_its_rule_and_content(
    table: str, change: Change, rule: str, number: int, place: Place
) -> None:
    summary = place.land(place.write(changes={table: change}))
    found = place.read("core_rejected").filter(pl.col("rule") == rule).row(0, named=True)
    assert (found["table_name"], found["row"]) == (table, number)
    assert found["source_version"].startswith("files=")
    assert json.loads(found["content"])
    assert summary.rejected_by_rule[f"{table}: {rule}"] == 1


def test_lines_of_a_rejected_transaction_go_with_it_and_the_rest_stays(place: Place) -> None:
    summary = place.land(place.write(changes={"transacoes": row(1, DtCriacao="?")}))
    assert summary.rejected_by_rule == {
        "transacao_produto: transaction_rejected": 1,
        "transacoes: time_unparseable": 1,
    }
    assert place.read("core_events").height == len(LOYALTY["transacoes"][1]) - 1


def test_an_equal_repeat_is_counted_and_no_reject(place: Place) -> None:
    again = LOYALTY["transacoes"][1][4]
    summary = place.land(place.write(changes={"transacoes": add(list(again))}))
    assert summary.counts["repeated_rows"] == 1
    assert summary.rejected_by_rule == {}


@pytest.mark.parametrize("first", [True, False])
def test_of_two_rows_that_contradict_each_other_the_same_one_stays_in_any_order(place: Place, first: bool) -> None:
    other = ["t05", "bia", "2026-01-10 13:00:00.000", "70", "twitch"]
    change: Change = (lambda h, r: (h, [other, *r])) if first else add(other)
    summary = place.land(place.write(changes={"transacoes": change}))
    kept = place.read("core_events").filter(pl.col("event_id") == "t05")
    assert summary.rejected_by_rule == {"transacoes: duplicate_key": 1}
    assert kept.get_column("value").to_list() == [50]  # the earlier one


def test_a_transaction_of_an_unlisted_customer_is_kept_and_makes_it_known(place: Place) -> None:
    summary = place.land(place.write(changes={"clientes": drop("caio")}))
    caio = place.read("core_customers").filter(pl.col("customer_id") == "caio").row(0, named=True)
    assert summary.counts["customers_without_record"] == 1
    assert caio["status"] == "present"
    assert caio["balance_points"] is None
    assert any("no row in the customer table" in warning for warning in summary.warnings)


def test_an_unknown_product_is_kept_without_a_name_and_told(place: Place) -> None:
    summary = place.land(place.write(changes={"transacao_produto": row(1, IdProduto="404")}))
    line = place.read("core_event_lines").filter(pl.col("line_id") == "l01").row(0, named=True)
    assert (line["product_id"], line["product_name"]) == ("404", None)
    assert summary.rejected_by_rule == {}
    assert any("catalogue lacks" in warning and "404" in warning for warning in summary.warnings)


def test_an_unmapped_category_is_kept_as_it_is_and_told(place: Place) -> None:
    summary = place.land(place.write(changes={"produtos": row(1, DescCategoriaProduto="Conversa")}))
    product = place.read("core_products").filter(pl.col("product_id") == "5").row(0, named=True)
    assert (product["category"], product["source_category"]) == ("Conversa", "Conversa")
    assert any("source.categories" in warning and "Conversa" in warning for warning in summary.warnings)


def test_a_transaction_without_an_origin_is_kept_as_unknown(place: Place) -> None:
    place.land(place.write(changes={"transacoes": row(1, DescSistemaOrigem="")}))
    assert place.read("core_events").row(0, named=True)["origin"] == "unknown"


def test_a_lonely_last_day_is_told(place: Place) -> None:
    change = add(["x", "ana", "2026-02-25 12:00:00.000", "1", "twitch"])
    summary = place.land(place.write(changes={"transacoes": change}))
    assert any("24 days after the one before it" in warning for warning in summary.warnings)


def test_old_customers_have_no_creation_stamp(place: Place) -> None:
    place.land(place.write(changes={"clientes": each("DtCriacao", lambda text: text and f"{text} +0000 UTC")}))
    stamps = dict(place.read("core_customers").select("customer_id", "source_created_at").iter_rows())
    assert stamps["caio"] == datetime(2026, 1, 10, 12)
    assert stamps["duda"] is None


def test_a_program_with_the_points_system_only_has_empty_course_tables(plain: dict[str, pl.DataFrame]) -> None:
    names = ("core_links", "core_course_episodes", "core_completions", "core_skills", "core_rewards")
    assert all(plain[name].is_empty() for name in names)


def test_several_changes_at_once_are_all_told(place: Place) -> None:
    changes = {"transacoes": after(row(1, DtCriacao="?"), row(2, QtdePontos="?"), row(3, IdCliente=""))}
    summary = place.land(place.write(changes=changes))
    assert sum(summary.rejected_by_rule.values()) == 6  # three transactions and their lines


def test_a_grant_of_an_earlier_policy_stays_a_grant() -> None:
    """Its product is in no policy and no catalogue any more; the origin that it was sent with tells."""
    events = pl.DataFrame(
        [("g1", "ana", "fiel"), ("t1", "ana", "twitch")], schema=["event_id", "customer_id", "origin"], orient="row"
    )
    lines = pl.DataFrame({"event_id": ["g1"], "product_id": ["gone-2024"], "product_name": [None], "category": [None]})
    lines = lines.with_columns(pl.col("product_name", "category").cast(pl.String))
    assert operator_events(events, lines, teomewhy_program()).to_list() == ["g1"]
