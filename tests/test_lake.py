from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from fiel.errors import LakeError, SchemaError
from fiel.lake import Lake
from fiel.settings import HOME
from fiel.tables import TABLES

DAY = date(2025, 3, 1)


@pytest.fixture(params=["local", "s3"])
def lake(request, tmp_path) -> Lake:
    """A lake in a folder, and one on S3 (moto's server)."""
    if request.param == "local":
        return Lake(str(tmp_path / "lake"), "shop")
    return Lake(f"{request.getfixturevalue('s3_bucket')}/lakes", "shop")


@pytest.fixture
def local_lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "shop")


def links(*users: str, customer: str = "c") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": list(users),
            "customer_id": customer,
            "known_from": DAY,
            "known_until": None,
            "first_version": "v1",
        },
        schema=TABLES["core_links"].declared,
    )


def calendar(as_of: date, live_days: int = 20) -> pl.DataFrame:
    return pl.DataFrame(
        {"as_of": [as_of], "as_of_weekday": [1], "live_days_d28": [live_days], "planned_break_days": [0]},
        schema=TABLES["feat_calendar"].declared,
    )


def courses(as_of: date, customers: int = 1, **shares: float) -> pl.DataFrame:
    counts = {name: 0 for name in TABLES["feat_courses"].declared if name.startswith("courses_")}
    frame = pl.DataFrame(
        {"customer_id": [f"c{n:06d}" for n in range(customers)], "as_of": as_of, "learning_recency_days": 3} | counts,
        schema=TABLES["feat_courses"].declared,
    )
    return frame.with_columns(**{f"course_share_{key}": pl.lit(share) for key, share in shares.items()})


# ------------------------------------------------------------------------------------------ write and read


def test_a_written_table_is_read_back_sorted_by_its_key(lake) -> None:
    assert not lake.exists("core_links")
    lake.write("core_links", links("u2", "u1"))
    assert lake.exists("core_links")
    assert lake.read("core_links").equals(links("u1", "u2"))
    assert lake.scan("core_links").collect().sort("user_id").equals(links("u1", "u2"))
    assert lake.versions() == {"core_links": lake.version("core_links")}


def test_equal_rows_in_any_order_make_no_new_version(lake) -> None:
    first = lake.write("core_links", links("u1", "u2"))
    assert lake.write("core_links", links("u2", "u1")) == first
    assert lake.write("core_links", links("u1", "u2", "u3")) == first + 1


def test_an_earlier_version_stays_readable(lake) -> None:
    first = lake.write("core_links", links("u1"))
    lake.write("core_links", links("u2"))
    assert lake.read("core_links", version=first).equals(links("u1"))
    assert lake.read("core_links").equals(links("u2"))


def test_a_table_may_be_empty(lake) -> None:
    first = lake.write("core_links", links())
    assert lake.read("core_links").equals(links())
    assert lake.write("core_links", links()) == first
    lake.write("core_links", links("u1"))
    lake.write("core_links", links())
    assert lake.read("core_links").is_empty()


def test_replacing_a_partition_leaves_the_others(lake) -> None:
    one, two = DAY, DAY + timedelta(days=1)
    lake.replace("feat_calendar", calendar(one, 1), one)
    lake.replace("feat_calendar", calendar(two, 2), two)
    last = lake.replace("feat_calendar", calendar(one, 9), one)
    assert lake.partitions("feat_calendar") == [one, two]
    assert lake.read("feat_calendar", two).equals(calendar(two, 2))
    assert lake.read("feat_calendar").get_column("live_days_d28").to_list() == [9, 2]
    assert lake.replace("feat_calendar", calendar(two, 2), two) == last


def test_a_new_generated_column_is_empty_in_older_partitions_and_rewrites_none(lake) -> None:
    one, two = DAY, DAY + timedelta(days=1)
    lake.replace("feat_courses", courses(one, sql=0.5), one)
    second = lake.replace("feat_courses", courses(two, sql=0.5, dbt=1.0), two)
    assert lake.read("feat_courses", one).get_column("course_share_dbt").to_list() == [None]
    assert lake.replace("feat_courses", courses(one, sql=0.5), one) == second
    assert lake.replace("feat_courses", courses(two, dbt=1.0, sql=0.5), two) == second


def test_what_made_a_table_or_a_partition_is_told(lake) -> None:
    one, two = DAY, DAY + timedelta(days=1)
    lake.write("core_links", links("u1"), {"fiel_run": "r1"})
    lake.replace("feat_calendar", calendar(one), one, {"fiel_run": "r2"})
    lake.replace("feat_calendar", calendar(two), two, {"fiel_run": "r3"})
    made = {
        "links": lake.provenance("core_links"),
        "one": lake.provenance("feat_calendar", one),
        "two": lake.provenance("feat_calendar", two),
    }
    assert {name: commit["fiel_run"] for name, commit in made.items()} == {"links": "r1", "one": "r2", "two": "r3"}
    assert lake.provenance("feat_calendar", DAY - timedelta(days=1)) is None
    assert lake.provenance("core_events") is None


def test_history_is_kept_for_ten_years(local_lake) -> None:
    local_lake.write("core_links", links("u1"))
    kept = DeltaTable(local_lake.path("core_links")).metadata().configuration
    assert kept["delta.logRetentionDuration"] == "interval 3650 days"
    assert kept["delta.deletedFileRetentionDuration"] == "interval 3650 days"


def test_plain_files_are_written_whole_and_read_back(lake) -> None:
    address = lake.file_path("exports", "2025-03-01", "manifest.json")
    assert lake.get(address) is None
    lake.put(address, b"{}")
    lake.put(address, b'{"a": 1}')
    assert lake.get(address) == b'{"a": 1}'


def test_two_programs_in_one_lake_do_not_meet(tmp_path) -> None:
    one, two = Lake(str(tmp_path), "one"), Lake(str(tmp_path), "two")
    one.write("core_links", links("u1"))
    assert not two.exists("core_links")


# ------------------------------------------------------------------------------------------ what it refuses


def wrong_type(name: str, dtype: pl.DataType) -> pl.DataFrame:
    return calendar(DAY).with_columns(pl.col(name).cast(dtype))


REFUSED = {
    "a float for an integer": (wrong_type("live_days_d28", pl.Float64()), SchemaError, "live_days_d28 is Float64"),
    "a text for an integer": (wrong_type("live_days_d28", pl.String()), SchemaError, "live_days_d28 is String"),
    "an unsigned integer": (wrong_type("live_days_d28", pl.UInt32()), SchemaError, "live_days_d28 is UInt32"),
    "a missing column": (calendar(DAY).drop("live_days_d28"), SchemaError, "live_days_d28 is missing"),
    "an undeclared column": (calendar(DAY).with_columns(x=1), SchemaError, "x is not declared"),
    "rows of another date": (calendar(DAY + timedelta(days=1)), LakeError, "rows of other dates"),
    "no rows": (calendar(DAY).clear(), LakeError, "refusing to empty"),
}


@pytest.mark.parametrize(("frame", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_partition_is_refused_and_the_table_stays(local_lake, frame, error, message) -> None:
    version = local_lake.replace("feat_calendar", calendar(DAY), DAY)
    with pytest.raises(error, match=message) as refused:
        local_lake.replace("feat_calendar", frame, DAY)
    assert "feat_calendar" in str(refused.value)
    assert local_lake.version("feat_calendar") == version
    assert local_lake.read("feat_calendar").equals(calendar(DAY))


def test_a_partitioned_table_is_not_overwritten_whole(local_lake) -> None:
    with pytest.raises(LakeError, match="partitioned by as_of"):
        local_lake.write("feat_calendar", calendar(DAY))


def test_an_unknown_table_is_refused(local_lake) -> None:
    with pytest.raises(LakeError, match="there is no table 'core_evnets'"):
        local_lake.scan("core_evnets")


@pytest.mark.parametrize(("table", "command"), [("core_links", "ingest"), ("feat_activity", "features")])
def test_reading_what_was_never_written_says_which_command_makes_it(local_lake, table, command) -> None:
    with pytest.raises(LakeError, match=f"fiel run {command} --program shop"):
        local_lake.read(table)


def test_a_version_that_is_not_there_is_an_error_that_names_the_table(local_lake) -> None:
    local_lake.write("core_links", links("u1"))
    with pytest.raises(LakeError, match="core_links"):
        local_lake.read("core_links", version=77)


# ------------------------------------------------------------------------------------------ nothing half written


def child(code: str, *arguments: str, **more) -> subprocess.Popen:
    """A Python process of its own that runs `code` with the names of this module at hand."""
    lines = "from tests.test_lake import *\n" + textwrap.dedent(code)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIEL_")}
    return subprocess.Popen(
        [sys.executable, "-c", lines, *arguments],
        env=environment | {"PYTHONPATH": str(HOME)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_a_writer_killed_at_any_moment_leaves_a_whole_version(local_lake) -> None:
    local_lake.replace("feat_courses", courses(DAY, 20_000, sql=0.0), DAY)
    writer = child(
        """
        lake = Lake(sys.argv[1], "shop")
        for turn in range(1, 10_000):
            lake.replace("feat_courses", courses(DAY, 20_000, sql=turn / 10_000), DAY)
            print(turn, flush=True)
        """,
        local_lake.address,
    )
    written = [int(writer.stdout.readline()) for _ in range(3)][-1]
    time.sleep(0.03)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    found = local_lake.read("feat_courses", DAY)
    assert found.height == 20_000
    shares = found.get_column("course_share_sql").unique().to_list()
    assert len(shares) == 1
    assert shares[0] >= written / 10_000
    version = local_lake.replace("feat_courses", courses(DAY, 5, sql=0.5), DAY)
    assert version == local_lake.version("feat_courses")
    assert local_lake.read("feat_courses", DAY).height == 5


def test_a_full_disk_is_a_clear_error_and_the_earlier_version_stays(local_lake) -> None:
    local_lake.replace("feat_courses", courses(DAY, 100, sql=0.5), DAY)
    before = local_lake.version("feat_courses")
    writer = child(
        """
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            Lake(sys.argv[1], "shop").replace("feat_courses", courses(DAY, 200_000, sql=0.25), DAY)
        except LakeError as error:
            print(error)
        """,
        local_lake.address,
    )
    told, trouble = writer.communicate(timeout=60)
    assert "cannot be written" in told, trouble
    assert "the earlier version is still there" in told
    assert local_lake.version("feat_courses") == before
    assert local_lake.read("feat_courses", DAY).height == 100


def test_a_plain_file_on_a_full_disk_leaves_the_earlier_one(local_lake) -> None:
    address = local_lake.file_path("exports", "x.csv")
    local_lake.put(address, b"old")
    writer = child(
        """
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            Lake(sys.argv[1], "shop").put(sys.argv[2], b"new" * 100_000)
        except LakeError as error:
            print(error)
        """,
        local_lake.address,
        address,
    )
    told, trouble = writer.communicate(timeout=60)
    assert "x.csv cannot be written" in told, trouble
    assert local_lake.get(address) == b"old"
    assert [path.name for path in Path(address).parent.iterdir()] == ["x.csv"]


def test_a_lake_that_cannot_be_written_is_a_clear_error(tmp_path) -> None:
    (tmp_path / "lake").write_text("a file where the lake should be")
    lake = Lake(str(tmp_path / "lake"), "shop")
    with pytest.raises(LakeError, match=r"core_links"):
        lake.write("core_links", links("u1"))
    with pytest.raises(LakeError, match=r"x\.csv cannot be written"):
        lake.put(lake.file_path("x.csv"), b"x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_a_clear_error(tmp_path) -> None:
    (tmp_path / "lake").mkdir(mode=0o500)
    with pytest.raises(LakeError, match="cannot be written"):
        Lake(str(tmp_path / "lake"), "shop").write("core_links", links("u1"))


def test_a_damaged_table_is_a_clear_error(local_lake) -> None:
    local_lake.write("core_links", links("u1"))
    for part in Path(local_lake.path("core_links")).glob("*.parquet"):
        part.unlink()
    with pytest.raises(LakeError, match="core_links cannot be read"):
        local_lake.read("core_links")


# ------------------------------------------------------------------------------------------ several writers


def test_writers_on_different_partitions_all_succeed_from_the_first_write_on(lake) -> None:
    days = [DAY + timedelta(days=n) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda day: lake.replace("feat_calendar", calendar(day), day), days))
    assert lake.partitions("feat_calendar") == days
    assert lake.read("feat_calendar").height == 6


def test_writers_on_one_partition_leave_the_rows_of_one_of_them(local_lake) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda turn: local_lake.replace("feat_courses", courses(DAY, turn + 1, sql=turn / 10), DAY), range(4)
            )
        )
    found = local_lake.read("feat_courses", DAY)
    share = found.get_column("course_share_sql").unique().item()
    assert found.height == round(share * 10) + 1


# ------------------------------------------------------------------------------------------ S3 that refuses


def test_s3_without_credentials_is_refused_at_once(monkeypatch) -> None:
    started = time.monotonic()
    with pytest.raises(LakeError, match="no AWS credentials are set: set AWS_ACCESS_KEY_ID"):
        Lake("s3://bucket/lake", "shop")
    assert time.monotonic() - started < 1


def test_a_bucket_that_does_not_exist_is_a_clear_error(s3_bucket) -> None:
    lake = Lake("s3://no-such-bucket/lake", "shop")
    with pytest.raises(LakeError, match="core_links") as refused:
        lake.write("core_links", links("u1"))
    assert "\x1b" not in str(refused.value)
    with pytest.raises(LakeError, match=r"x\.csv"):
        lake.put(lake.file_path("x.csv"), b"x")


def test_an_endpoint_that_does_not_answer_is_a_clear_error(s3_bucket, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    lake = Lake(s3_bucket, "shop")
    with pytest.raises(LakeError, match="core_links"):
        lake.exists("core_links")
