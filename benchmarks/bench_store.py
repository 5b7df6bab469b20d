"""Publishing a million scores with their documents, and reading them back, on PostgreSQL and on SQLite.

    python -m benchmarks.bench_store [--customers 1000000] [--only postgresql]

A private PostgreSQL is started for it (as it comes, but fsync on). Printed: seconds of the first load of the scores
alone and with documents, of a load in which 5 % of the customers changed, and of one in which nothing did; the peer is
`executemany` of the same scores (a sample of 20,000) in the same run. Then the reader: one customer, 1,000 customers,
and pages of the ranking (first, deep, filtered by a stage at the far end, a search), in milliseconds. The limits: 60 s
for a million scores into PostgreSQL; 150 ms for any page; 1 ms (PostgreSQL) and 0.2 ms (SQLite) for a customer's p50.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fiel.store import Publication, Store
from fiel.store.reader import RankingQuery, Reader
from fiel.store.schema import SCORE_SETS, SCORES
from tests.postgres import PostgresServer

AS_OF = date(2025, 9, 1)
NEXT = date(2025, 9, 8)
FEATURES = tuple(f"feature_{number:02d}" for number in range(80))
STAGES = ("curious", "fiel", "disenchanted", "zombie", "newcomer", "reborn")
SEGMENTS = ("champions", "promising", "at risk", "hibernating", "lost")
SAMPLE = 20_000
_IN_TARGET = pl.col("stage").is_in(["curious", "fiel", "newcomer"])

LIMIT_LOAD_SECONDS = 60.0
LIMIT_PAGE_MS = 150.0
LIMIT_CUSTOMER_MS = {"postgresql": 1.0, "sqlite": 0.2}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--only", choices=("postgresql", "sqlite"))
    given = arguments.parse_args()
    content = made_up(given.customers)
    size = content.documents.select((pl.col("features").str.len_bytes() + pl.col("document").str.len_bytes()).mean())
    print(f"{given.customers:,} customers, {len(FEATURES)} features, {size.item():,.0f} bytes of documents a customer")
    misses: list[str] = []
    for name in ("postgresql", "sqlite"):
        if given.only in (None, name):
            with database(name) as (address, spent):
                misses += measured(name, address, content, spent)
    if misses and given.customers >= 1_000_000:
        raise SystemExit("too slow: " + "; ".join(misses))


def measured(name: str, address: str, content: Publication, spent: Callable[[], float]) -> list[str]:
    """Load and read one database; what missed its limit."""
    print(f"\n{name}")
    count = content.scores.height
    store = Store(address)
    alone = replace(content, documents=content.documents.clear(), feature_names=())
    rate = executemany_rate(store, content.scores.head(SAMPLE))

    def said(what: str, work: Callable[[], Any]) -> float:
        return timed(what, count, rate, spent, work)

    seconds = said("scores alone, first load", lambda: store.publish(alone))
    said("the same with documents", lambda: store.publish(content))
    said("5 % of the customers changed", lambda: store.publish(changed(content)))
    said("nothing changed", lambda: store.publish(changed(content)))
    later = replace(content, as_of=NEXT, known_through=NEXT, scores=content.scores.with_columns(as_of=pl.lit(NEXT)))
    said("the next set, scores and documents", lambda: store.publish(later))
    said("the next set again, the older dropped", lambda: store.publish(changed(later), keep_sets=1))
    store.close()
    misses = [] if name == "sqlite" or seconds <= LIMIT_LOAD_SECONDS else [f"{seconds:.0f} s for the scores"]
    return misses + read(name, Reader(address), content.scores)


def read(name: str, reader: Reader, scores: pl.DataFrame) -> list[str]:
    """Latencies of the reader; what missed its limit."""
    ids = scores.get_column("customer_id").sample(5_000, seed=3, with_replacement=True).to_list()
    times = latencies([lambda wanted=wanted: reader.customer("club", wanted) for wanted in ids])
    p50, p99 = statistics.median(times), float(np.quantile(times, 0.99))
    print(f"  one customer                           p50 {p50:8.3f} ms   p99 {p99:8.3f} ms")
    many = statistics.median(latencies([lambda: reader.customers("club", ids[:1_000])] * 5))
    print(f"  1,000 customers in one call            p50 {many:8.1f} ms")
    misses = [f"{name}: a customer in {p50:.2f} ms"] if p50 > LIMIT_CUSTOMER_MS[name] else []
    for what, query in queries(reader, scores).items():
        times = latencies([lambda query=query: reader.ranking("club", query)] * 7)
        print(f"  {what:38} p50 {statistics.median(times):8.1f} ms   worst {max(times):8.1f} ms")
        if statistics.median(times) > LIMIT_PAGE_MS:
            misses.append(f"{name}: {what} in {statistics.median(times):.0f} ms")
    return misses


def queries(reader: Reader, scores: pl.DataFrame) -> dict[str, RankingQuery]:
    """The pages that are asked for; the deep one begins in the middle of the ranking."""
    page = reader.ranking("club", RankingQuery())
    steps = min(40, scores.height // 20_000)
    for _ in range(steps):
        page = reader.ranking("club", RankingQuery(cursor=page.next_cursor))
    prefix = scores.get_column("customer_id")[scores.height // 2]
    deep = reader.ranking("club", RankingQuery(size=10_000))
    for _ in range(min(50, scores.height // 20_000)):
        deep = reader.ranking("club", RankingQuery(size=10_000, cursor=deep.next_cursor))
    return {
        "first page by prob": RankingQuery(),
        "a page in the middle": RankingQuery(cursor=deep.next_cursor, size=50),
        "the page before it": RankingQuery(cursor=deep.previous_cursor, size=50),
        "lowest prob first": RankingQuery(descending=False),
        "by value at stake": RankingQuery(sort="value_at_stake"),
        "by value, one stage (at its end)": RankingQuery(sort="value_at_stake", stage="curious"),
        "by prob, one stage (at its end)": RankingQuery(stage="zombie"),
        "by prob, one segment (at its end)": RankingQuery(segment="lost"),
        "by prob, stage and segment, none": RankingQuery(stage="zombie", segment="champions"),
        "by loss_prob, one segment": RankingQuery(sort="loss_prob", segment="lost"),
        "unscored, by value": RankingQuery(sort="value_at_stake", is_scored=False),
        "by id, one stage": RankingQuery(sort="customer_id", descending=False, stage="reborn"),
        "search of 2 letters, by prob": RankingQuery(search=prefix[:2]),
        "search of 5 letters, by prob": RankingQuery(search=prefix[:5]),
        "search of 1 letter, by prob, one stage": RankingQuery(search=prefix[:1], stage="zombie"),
        "search of 3 letters, one stage": RankingQuery(search=prefix[:3], stage="zombie"),
        "search of nobody": RankingQuery(search="nobody"),
    }


def made_up(count: int) -> Publication:
    """Customers with hashed ids, of a program with purchases: probability goes with the stage, as it does in life.

    As in every score set a customer has a chance either to gain or to lose the target, and no program has value at
    stake (purchases) and expected profit (an undated table's economics) at once.
    """
    rng = np.random.default_rng(7)
    stage = rng.integers(0, len(STAGES), count)
    prob = np.clip(rng.beta(2, 3, count) * 0.3 + 0.12 * (len(STAGES) - 1 - stage), 0, 1)
    segment = np.clip((len(SEGMENTS) * (1 - prob) + rng.normal(0, 0.5, count)).astype(int), 0, len(SEGMENTS) - 1)
    scores = pl.DataFrame(
        {
            "stage": pl.Series(STAGES).gather(stage),
            "segment": pl.Series(SEGMENTS).gather(segment),
            "prob": prob,
            "value_at_stake": rng.gamma(1.2, 400, count) * (1 - prob),
            "alive_prob": rng.random(count),
            "value": rng.gamma(1.2, 900, count),
        }
    ).select(
        customer_id=pl.int_range(pl.len()).hash(seed=11).cast(pl.String).str.zfill(20)
        + pl.int_range(pl.len()).hash(seed=5).cast(pl.String).str.zfill(20),
        as_of=pl.lit(AS_OF),
        stage="stage",
        next_stage=pl.lit("zombie"),
        next_stage_date=pl.lit(date(2025, 9, 20)),
        stage_after_visit=pl.lit("fiel"),
        value_cluster=pl.lit("high"),
        in_population=pl.int_range(pl.len()) % 10 > 0,
        prob=pl.when(pl.int_range(pl.len()) % 10 > 0).then("prob"),
        gain_prob=pl.when((pl.int_range(pl.len()) % 10 > 0) & ~_IN_TARGET).then("prob"),
        loss_prob=pl.when((pl.int_range(pl.len()) % 10 > 0) & _IN_TARGET).then(1 - pl.col("prob")),
        reason_1=pl.lit("Came on 11 days of the last 28, more than 9 of 10 customers"),
        reason_2=pl.lit("Spent 1,240 points, and has 380 left"),
        reason_3=pl.lit("The last visit was 2 days ago"),
        model_version=pl.lit("7"),
        model_digest=pl.lit("3f" * 32),
        segment="segment",
        risk=pl.lit("low"),
        value_at_stake="value_at_stake",
        expected_profit=pl.lit(None, pl.Float64),
        alive_prob="alive_prob",
        value="value",
        is_cross_fitted=pl.lit(True),
    )
    documents = scores.select("customer_id", features=_features(), document=_document())
    return Publication("club", AS_OF, "7", AS_OF, scores, documents, FEATURES, {"overview": {"customers": count}})


def _features() -> pl.Expr:
    """Eighty values, of which a third are null and a third fractions."""
    kinds = [
        (pl.col("prob").fill_null(0.5) * (number + 1)).cast(pl.String) if number % 3 == 0
        else pl.lit("null") if number % 3 == 1
        else (pl.col("value") * number).cast(pl.Int64).cast(pl.String)
        for number in range(len(FEATURES))
    ]  # fmt: skip
    return pl.concat_str([pl.lit("["), pl.concat_str(kinds, separator=","), pl.lit("]")])


def _document() -> pl.Expr:
    days = ",".join(f'["2025-{6 + day // 28:02d}-{1 + day % 28:02d}",{day % 3 + 1},{day * 7}]' for day in range(40))
    spans = '["curious","2025-01-01","2025-03-02"],["fiel","2025-03-03","2025-09-01"]'
    return pl.concat_str(
        pl.lit('{"first_date":"2025-01-01","last_date":"2025-08-30","spans":[' + spans + '],"days":[' + days),
        pl.lit('],"purchase":{"alive_prob":'), pl.col("alive_prob").cast(pl.String),
        pl.lit(',"value_expected":{"90":'), pl.col("value").cast(pl.String), pl.lit('}},"segments":{"rfm_segment":"'),
        pl.col("segment"), pl.lit('"}}'),
    )  # fmt: skip


def changed(content: Publication) -> Publication:
    """The same, but one customer in twenty has another probability and another document."""
    touched = pl.col("customer_id").hash(seed=1) % 20 == 0
    return replace(
        content,
        scores=content.scores.with_columns(prob=pl.when(touched).then(pl.col("prob") * 0.9).otherwise("prob")),
        documents=content.documents.with_columns(
            document=pl.when(touched)
            .then(pl.col("document").str.replace("curious", "reborn", literal=True))
            .otherwise("document")
        ),
    )


def executemany_rate(store: Store, sample: pl.DataFrame) -> float:
    """Rows a second of SQLAlchemy's `executemany` of the same rows: the peer."""
    names = [column.name for column in SCORES.c if column.name in sample.columns]
    rows = sample.select(names).with_columns(program=pl.lit("peer")).to_dicts()
    with store.database.write("peer") as connection:
        facts = {"model_version": "7", "content_digest": "0", "customers": 0, "loaded_at": _instant()}
        connection.execute(
            SCORE_SETS.insert().values(program="peer", as_of=AS_OF, feature_names=[], counts=[], **facts)
        )
        started = time.perf_counter()
        connection.execute(SCORES.insert(), rows)
        seconds = time.perf_counter() - started
        connection.execute(SCORES.delete().where(SCORES.c.program == "peer"))
        connection.execute(SCORE_SETS.delete().where(SCORE_SETS.c.program == "peer"))
    print(f"  executemany of {len(rows):,} scores          {seconds:8.2f} s   {len(rows) / seconds:10,.0f} rows/s")
    return len(rows) / seconds


def _instant() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def timed(what: str, count: int, peer: float, spent: Callable[[], float], work: Callable[[], Any]) -> float:
    """Do the work; say its seconds (on the clock, and of processor, which a busy machine does not stretch)."""
    started, before = time.perf_counter(), spent()
    work()
    seconds, processor = time.perf_counter() - started, spent() - before
    rate = count / seconds
    print(
        f"  {what:38} {seconds:8.2f} s  {processor:8.2f} s of processor   {rate:10,.0f} rows/s   "
        f"{rate / peer:6.1f} x executemany",
        flush=True,
    )
    return seconds


def latencies(works: list[Callable[[], Any]]) -> list[float]:
    """Milliseconds of each; the first is done once before, so that connections and plans are there."""
    works[0]()
    found = []
    for work in works:
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) * 1_000)
    return found


@contextmanager
def database(name: str) -> Iterator[tuple[str, Callable[[], float]]]:
    """Address of an empty database, and the seconds of processor taken so far, a server's too."""
    if name == "postgresql":
        with PostgresServer("fsync=on") as server:
            yield server.database(), lambda: time.process_time() + server.processor_seconds()
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'store.db'}", time.process_time


if __name__ == "__main__":
    main()
