"""Folders, files and S3 prefixes as sources: naming their content, copying it, refusing."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import pytest

from fiel.core import Core
from fiel.errors import SourceAccessError, SourceError, SourceUnavailableError
from fiel.lake import Lake
from fiel.settings import Settings
from fiel.sources.files import by_patterns, copy_part, resolve_files
from fiel.sources.ingest import ingest, resolve
from tests.sources.conftest import NOW, Place, teomewhy_program

EVERYTHING = by_patterns(["*"], [".csv"])


def upload(folder: Path, address: str) -> None:
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    for path in folder.rglob("*"):
        if path.is_file():
            boto3.client("s3").upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder)}")


def test_the_version_follows_the_content_and_not_the_time_or_the_place(place: Place) -> None:
    one, two = place.write("one"), place.write("two")
    os.utime(two / "loyalty-system" / "clientes.csv", (0, 0))
    first, second = (resolve(teomewhy_program(), str(folder), place.settings) for folder in (one, two))
    assert first.version == second.version
    with (two / "loyalty-system" / "clientes.csv").open("a") as more:
        more.write("eva;0;0;0;0;0;0;;\n")
    assert resolve(teomewhy_program(), str(two), place.settings).version != first.version


def test_only_the_files_of_the_source_count(place: Place) -> None:
    folder = place.write()
    before = resolve(teomewhy_program(), str(folder), place.settings)
    (folder / "notes.txt").write_text("mine")
    (folder / "loyalty-system" / ".hidden").write_text("mine")
    assert resolve(teomewhy_program(), str(folder), place.settings) == before


def test_files_lie_in_the_lake_exactly_as_received(place: Place) -> None:
    folder = place.write()
    version = place.ingest(folder).source_version.removeprefix("files=")
    landed = place.folder / "lake" / "tiny" / "raw" / "files" / version / "loyalty-system"
    for path in (folder / "loyalty-system").iterdir():
        assert (landed / path.name).read_bytes() == path.read_bytes()


def test_a_file_that_changes_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    part = resolve_files(str(tmp_path), EVERYTHING, Settings())
    (tmp_path / "a.csv").write_text("a\n2\n")
    with pytest.raises(SourceUnavailableError, match="changed while it was read"):
        copy_part(part, tmp_path / "copy")


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(SourceError, match="/no/such/folder does not exist: check --source"):
        resolve_files("/no/such/folder", EVERYTHING, Settings())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_an_access_error(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    with pytest.raises(SourceAccessError, match="change its permissions"):
        resolve_files(str(tmp_path / "closed"), EVERYTHING, Settings())


def test_permission_denied_is_an_access_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SourceAccessError, match="may not be read by this user: change its permissions"):
        resolve_files(str(tmp_path), EVERYTHING, Settings())


def test_a_source_outside_the_allowed_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "allowed" / "drop"
    inside.mkdir(parents=True)
    (inside / "a.csv").write_text("a\n1\n")
    (tmp_path / "a.csv").write_text("a\n1\n")
    monkeypatch.setenv("FIEL_SOURCE_ROOT", str(tmp_path / "allowed"))
    assert resolve_files(str(inside), EVERYTHING, Settings()).files
    for address in (tmp_path, inside / ".." / "..", "s3://bucket/drop"):
        with pytest.raises(SourceAccessError, match="not under FIEL_SOURCE_ROOT"):
            resolve_files(str(address), EVERYTHING, Settings())


def test_without_any_source_the_message_says_where_to_name_one(place: Place) -> None:
    nowhere = teomewhy_program().model_copy(
        update={"source": teomewhy_program().source.model_copy(update={"kaggle": ()})}
    )
    with pytest.raises(SourceError, match=r"give --source DIR .* or set source\.path or source\.kaggle"):
        place.ingest(None, nowhere)


def test_the_programs_own_path_is_used_when_none_is_given(place: Place) -> None:
    here = teomewhy_program(source={"path": str(place.write())})
    assert place.ingest(None, here).source_version.startswith("files=")


# --------------------------------------------------------------------------------------------------------------- S3


def test_a_prefix_gives_the_same_core_tables_as_the_folder(place: Place, s3_bucket: str) -> None:
    folder = place.write()
    upload(folder, f"{s3_bucket}/drop")
    place.ingest(folder)
    other = Lake(str(place.folder / "other"), "tiny")
    ingest(teomewhy_program(), other, place.settings, f"{s3_bucket}/drop/", now=NOW)
    for name in ("core_events", "core_event_lines", "core_customer_days"):
        assert other.read(name).equals(place.lake.read(name))


def test_an_unchanged_prefix_costs_a_listing_and_changes_nothing(place: Place, s3_bucket: str) -> None:
    upload(place.write(), f"{s3_bucket}/drop")
    assert place.ingest(f"{s3_bucket}/drop").changed
    before = place.lake.versions()
    assert not place.ingest(f"{s3_bucket}/drop").changed
    assert place.lake.versions() == before


def test_a_lake_on_s3_keeps_the_raw_files_and_gives_them_back(
    place: Place, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(f"{s3_bucket}/lake", "tiny")
    program, folder = teomewhy_program(), place.write()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = ingest(program, lake, place.settings, str(folder), now=NOW)
    version = first.source_version.removeprefix("files=")
    kept = lake.get(lake.file_path("raw", "files", version, "loyalty-system", "clientes.csv"))
    assert kept == (folder / "loyalty-system" / "clientes.csv").read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another-machine"))
    other = teomewhy_program(day_time_zone="UTC")
    monkeypatch.setattr("fiel.sources.raw.copy_part", lambda *_: pytest.fail("fetched again from the source"))
    second = ingest(other, lake, place.settings, str(folder), now=NOW)
    assert second.changed
    assert Core.open(lake).source_version == first.source_version


def test_s3_without_credentials_is_refused_early(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceAccessError, match="AWS_ACCESS_KEY_ID"):
        resolve_files("s3://bucket/drop", EVERYTHING, Settings())


def test_a_bucket_that_is_not_there_is_an_access_error(s3_bucket: str) -> None:
    with pytest.raises(SourceError, match="s3://no-such-bucket-at-all/drop"):
        resolve_files("s3://no-such-bucket-at-all/drop", EVERYTHING, Settings())


def test_a_prefix_without_objects_is_told(s3_bucket: str) -> None:
    with pytest.raises(SourceError, match=r"holds no objects|no such bucket or object"):
        resolve_files(f"{s3_bucket}/nothing", EVERYTHING, Settings())


def test_s3_that_refuses_is_an_access_error(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    import fiel.sources.files as files

    class Refusing:
        def invalidate_cache(self) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {}}, "ListObjectsV2")

    monkeypatch.setattr(files, "_file_system", Refusing)
    with pytest.raises(SourceAccessError, match=r"S3 refuses \(AccessDenied\): check credentials"):
        resolve_files(f"{s3_bucket}/drop", EVERYTHING, Settings())


def test_s3_that_is_down_is_unavailable(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(SourceUnavailableError, match=r"127\.0\.0\.1:1 does not answer"):
        resolve_files(f"{s3_bucket}/drop", EVERYTHING, Settings())
