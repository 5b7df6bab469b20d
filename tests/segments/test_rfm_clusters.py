"""Clusters on recency, frequency, monetary value: the groups that are there, in words, the same in any row order."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiel.features.rfm_segments import segment_expr
from fiel.program import Clusters, Program
from fiel.segments.rfm_clusters import WITHOUT, rfm_clusters
from fiel.tables import TABLES

from ..features.shops import RETAIL

AS_OF = date(2011, 9, 10)
KINDS = {"regular": (6, 14, 500_000), "fading": (70, 5, 120_000), "fresh": (9, 1, 30_000), "gone": (280, 1, 20_000)}
"""Days since the last purchase, purchase days and pence of the middle customer of each kind."""


def program(k_min: int = 3, k_max: int = 8, bootstraps: int = 5) -> Program:
    return RETAIL.model_copy(update={"clusters": Clusters(k_min=k_min, k_max=k_max, bootstraps=bootstraps)})


def people(each: int = 50, without: int = 0, seed: int = 11) -> pl.DataFrame:
    """feat_rfm rows of so many customers of each kind, whose name their id begins with."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for kind, middle in KINDS.items():
        drawn = np.rint(np.array(middle) * rng.lognormal(0, 0.15, (each, 3))).astype(int).clip(1)
        rows += [(f"{kind}-{place}", *map(int, values)) for place, values in enumerate(drawn)]
    rows += [(f"without-{place}", None, 0, -500) for place in range(without)]
    columns = ["customer_id", "days_since_last", "purchase_days_d365", "revenue_net_d365"]
    types = {"customer_id": pl.String} | dict.fromkeys(columns[1:], pl.Int64)
    recency, frequency = pl.col("days_since_last"), pl.col("purchase_days_d365")
    scores = {"r_score": pl.when(recency < 30).then(5).when(recency < 150).then(2).otherwise(1)} | {
        "f_score": pl.when(frequency > 9).then(5).when(frequency > 2).then(3).otherwise(1)
    }
    return (
        pl.DataFrame(rows, schema=types, orient="row")
        .with_columns(as_of=pl.lit(AS_OF), m_score=pl.lit(3, pl.Int64), **scores)
        .with_columns(pl.col("r_score", "f_score").cast(pl.Int64))
        .with_columns(rfm_segment=segment_expr(pl.col("r_score"), pl.col("f_score")))
    )


def kinds(segments: pl.DataFrame) -> dict[str, list[int]]:
    """The clusters of each kind of customer."""
    kind = pl.col("customer_id").str.split("-").list.first()
    found = segments.group_by(kind=kind).agg(pl.col("cluster").unique().sort())
    return dict(found.iter_rows())


def test_each_kind_of_customer_is_a_cluster_numbered_by_its_value() -> None:
    segments, _ = rfm_clusters(people(), program())
    assert kinds(segments) == {"regular": [1], "fading": [2], "fresh": [3], "gone": [4]}


def test_the_tables_are_as_declared() -> None:
    for table, frame in zip(
        ("out_segments", "out_cluster_profiles"), rfm_clusters(people(without=3), program()), strict=True
    ):
        TABLES[table].check(frame.schema)
        TABLES[table].schema.validate(frame)


def test_a_cluster_is_told_in_words_and_numbers() -> None:
    _, profiles = rfm_clusters(people(), program())
    assert profiles["cluster_name"].to_list() == [
        "recent, frequent, high value",
        "less recent, occasional, middling value",
        "less recent, once, middling value",
        "long ago, once, low value",
    ]
    assert profiles["customers"].to_list() == [50] * 4
    assert profiles["median_days_since_last"].to_list() == pytest.approx([6, 70, 9, 280], rel=0.2)
    assert profiles["share"].sum() == pytest.approx(1)
    assert profiles["revenue_share"].sum() == pytest.approx(1)


def test_numbers_are_those_of_the_customers_in_the_cluster() -> None:
    frame = people(without=3)
    segments, profiles = rfm_clusters(frame, program())
    joined = frame.join(segments.select("customer_id", "cluster"), on="customer_id")
    money = sum(frame["revenue_net_d365"])
    for row in profiles.iter_rows(named=True):
        own = joined.filter(cluster=row["cluster"])
        assert row["customers"] == own.height
        assert row["share"] == own.height / frame.height
        assert row["median_revenue_net"] == np.median(own["revenue_net_d365"].to_numpy())
        assert row["revenue_share"] == sum(own["revenue_net_d365"]) / money


def test_groups_that_are_there_are_stable_and_like_the_segments_that_cut_there() -> None:
    _, profiles = rfm_clusters(people(), program())
    found = profiles.row(0, named=True)
    assert (found["k"], found["ari_mean"], found["ari_low"], found["segments_ari"]) == (4, 1.0, 1.0, 1.0)
    assert found["silhouette"] > 0.7


def test_the_order_of_the_rows_changes_nothing() -> None:
    frame = people(without=4)
    one, other = rfm_clusters(frame, program()), rfm_clusters(frame.sample(fraction=1, shuffle=True, seed=2), program())
    assert one[0].equals(other[0])
    assert one[1].equals(other[1])


def test_the_names_of_the_customers_change_nothing() -> None:
    frame = people()
    renamed = frame.with_columns(pl.col("customer_id").str.reverse())
    one, other = rfm_clusters(frame, program()), rfm_clusters(renamed, program())
    assert one[1].equals(other[1])
    named = one[0].with_columns(pl.col("customer_id").str.reverse()).sort("customer_id")
    assert named.equals(other[0])


def test_equal_customers_are_in_one_cluster() -> None:
    frame = people(each=30)
    twins = pl.concat([frame, frame.with_columns(pl.col("customer_id") + "-twin")])
    segments, _ = rfm_clusters(twins, program())
    pairs = segments.with_columns(pl.col("customer_id").str.strip_suffix("-twin")).group_by("customer_id")
    assert pairs.agg(pl.col("cluster").n_unique())["cluster"].to_list() == [1] * frame.height


def test_customers_without_a_standing_purchase_are_the_last_cluster_and_move_no_other() -> None:
    segments, profiles = rfm_clusters(people(without=20), program())
    alone = rfm_clusters(people(), program())[1]
    assert kinds(segments)["without"] == [5]
    last = profiles.row(-1, named=True)
    assert (last["cluster"], last["cluster_name"], last["customers"]) == (5, WITHOUT, 20)
    assert (last["median_days_since_last"], last["median_revenue_net"], last["k"]) == (None, -500, 4)
    same = ["cluster", "cluster_name", "customers", "median_revenue_net", "k", "silhouette", "ari_mean", "segments_ari"]
    assert profiles.head(4).select(same).equals(alone.select(same))


def test_a_negative_net_value_is_nothing_and_not_an_error() -> None:
    frame = people()
    poor = frame.with_columns(
        pl.when(pl.col("customer_id").str.starts_with("gone"))
        .then(-900)
        .otherwise("revenue_net_d365")
        .alias("revenue_net_d365")
    )
    segments, profiles = rfm_clusters(poor, program())
    assert kinds(segments)["gone"] == [4]
    assert profiles["median_revenue_net"].to_list()[-1] == -900


def test_customers_whose_purchases_all_lie_before_the_window_are_called_that() -> None:
    frame = people()
    old = pl.col("customer_id").str.starts_with("gone")
    nothing = [pl.when(old).then(0).otherwise(name).alias(name) for name in ("purchase_days_d365", "revenue_net_d365")]
    days = pl.when(old).then(pl.col("days_since_last") + 400).otherwise("days_since_last").alias("days_since_last")
    _, profiles = rfm_clusters(frame.with_columns(*nothing, days), program())
    assert profiles["cluster_name"].to_list()[-1] == "long ago, nothing in the window"


@pytest.mark.parametrize("k", range(2, 11))
def test_no_two_clusters_have_one_name(k: int) -> None:
    _, profiles = rfm_clusters(people(without=2), program(k, k, 2))
    assert profiles["cluster"].to_list() == list(range(1, k + 2))
    assert profiles["cluster_name"].n_unique() == k + 1


def test_the_scale_of_money_is_the_program_s_unit() -> None:
    """Pence of a program in GBP and whole points of another cluster alike where they are worth as many units."""
    frame = people()
    units = frame.with_columns(pl.col("revenue_net_d365") // 100)
    whole = frame.with_columns(units["revenue_net_d365"] * 100)
    unit = program().model_copy(update={"value": RETAIL.value.model_copy(update={"scale": 1})})
    assert rfm_clusters(whole, program())[0].equals(rfm_clusters(units, unit)[0])


@pytest.mark.parametrize("each", [0, 1])
def test_hardly_anybody_is_no_error(each: int) -> None:
    segments, profiles = rfm_clusters(people(each=each, without=2).head(max(each, 1)), program())
    TABLES["out_segments"].schema.validate(segments)
    TABLES["out_cluster_profiles"].schema.validate(profiles)
    assert profiles["cluster_name"].to_list() == (
        [WITHOUT] if each == 0 else ["less recent, occasional, middling value"]
    )
    assert profiles["silhouette"].is_null().all()


def test_nobody_is_two_empty_tables() -> None:
    segments, profiles = rfm_clusters(people(each=0), program())
    assert segments.is_empty()
    assert profiles.is_empty()
    TABLES["out_segments"].check(segments.schema)
    TABLES["out_cluster_profiles"].check(profiles.schema)


@pytest.mark.real_data
def test_the_real_customers_fall_into_stable_clusters_that_a_person_can_name(real_data: Path) -> None:
    """Purchases counted here by hand from the file: whole invoices, cancellations only in the money."""
    rows = (
        pl.scan_parquet(real_data / "online_retail" / "online_retail.parquet")
        .filter(pl.col("CustomerID").is_not_null(), pl.col("UnitPrice") > 0, pl.col("InvoiceDate").dt.date() < AS_OF)
        .with_columns(
            day=pl.col("InvoiceDate").dt.date(),
            pence=(pl.col("Quantity") * pl.col("UnitPrice") * 100).round().cast(pl.Int64),
            bought=~pl.col("InvoiceNo").cast(pl.String).str.starts_with("C"),
        )
    )
    day = pl.col("day").filter("bought")
    frame = (
        rows.group_by(customer_id=pl.col("CustomerID").cast(pl.String))
        .agg(
            days_since_last=(pl.lit(AS_OF) - day.max()).dt.total_days(),
            purchase_days_d365=day.n_unique().cast(pl.Int64),
            revenue_net_d365=pl.col("pence").sum(),
        )
        .with_columns(as_of=pl.lit(AS_OF), rfm_segment=pl.lit("lost"))
        .collect()
    )
    _, profiles = rfm_clusters(frame, program(bootstraps=10))
    buyers = profiles.filter(pl.col("cluster_name") != WITHOUT)
    assert (buyers["k"][0], buyers["cluster_name"][0], buyers["cluster_name"][-1]) == (
        4,
        "recent, frequent, high value",
        "long ago, once, low value",
    )
    assert buyers["ari_low"][0] > 0.75
    assert buyers["revenue_share"][0] > 3 * buyers["share"][0]
