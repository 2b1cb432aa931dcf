"""Paths that a user names, and paths in the manifest of a run folder: only local regular files, and none outside."""

import hashlib
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.audit.sensitivity.reporting_rates import ReportingRates
from ilp_models.data.file_format import find_files
from ilp_models.data.layers import FeatureQuery, read_features
from ilp_models.domain.errors import IlpError, InputError, StorageError
from ilp_models.domain.local_file import file_in_folder, local_file
from ilp_models.domain.text_table import read_text_table
from ilp_models.grid.polygons import PolygonFile, read_polygons
from ilp_models.model.bundle import read_bundle
from ilp_models.pipeline.audit_archive import read_audit_input, write_audit_input
from ilp_models.pipeline.overrides import read_overrides
from ilp_models.pipeline.run_folder import RunFolder
from tests.audit import audit_inputs as inputs

READERS = {
    "records": lambda path: find_files(path, None),
    "layer": lambda path: read_features(Path(path), FeatureQuery("layers.bars", (), (), {}), None),
    "polygons": lambda path: read_polygons(path, "EPSG:32617"),
    "polygons declared": PolygonFile,
    "groups": GroupTable,
    "census table": read_text_table,
    "crosswalk": Crosswalk,
    "reporting rates": ReportingRates,
    "overrides": read_overrides,
}
pytestmark = pytest.mark.skipif(os.name != "posix", reason="named pipes and devices are of POSIX")


def no_file(kind, folder):
    """Return the path of something that is not a regular file."""
    path = folder / "crime.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(folder / "pipe")
        path.symlink_to(folder / "pipe")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(str(path))
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    else:
        return kind
    return str(path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "kind",
    [
        "pipe",
        "link to a pipe",
        "socket",
        "loop",
        "link to a device",
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "/proc/self/cwd/../environ",
        "/proc/kmsg",
        "https://example.invalid/crime.csv",
        "s3://bucket/crime.parquet",
        "/vsicurl/http://example.invalid/a.csv",
        "file:///etc/passwd",
        "~no-user-of-this-name/crime.csv",
        "a\x00b",
        "x" * 5000,
    ],
)
def test_only_regular_files_are_opened(kind, reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        READERS[reader](no_file(kind, tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "kind", ["pipe", "link to a pipe", "socket", "loop", "link to a device", "/dev/zero", "s3://bucket/register.jsonl"]
)
def test_a_register_is_a_regular_file(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, entry = Path(no_file(kind, tmp_path)), RegisterEntry("decided", "who", "seal", datetime.now(UTC))
    for use in (lambda: Register(path).verify(), lambda: Register(path).append(entry)):
        with pytest.raises(InputError, match="register="):
            use()
    assert not list(tmp_path.rglob("register.jsonl"))


def test_a_link_to_a_regular_file_is_that_file(tmp_path):
    (tmp_path / "blob").write_text("a,b\n1,2\n")
    (tmp_path / "crime.csv").symlink_to(tmp_path / "blob")
    assert local_file(tmp_path / "crime.csv", "").name == "crime.csv"
    assert read_text_table(str(tmp_path / "crime.csv")).shape == (1, 2)


def test_pipes_in_a_folder_of_records_are_not_opened(tmp_path):
    (tmp_path / "may.csv").write_text("a\n1\n")
    os.mkfifo(tmp_path / "june.csv")
    assert [file.path.name for file in find_files(str(tmp_path), None)] == ["may.csv"]


def test_the_name_of_a_table_does_not_unpack_it(tmp_path):
    path = tmp_path / "groups.csv.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(IlpError):
        read_overrides(str(path))


OUTSIDE = [
    "../outside.parquet",
    "a/../../outside.parquet",
    "..\\outside.parquet",
    "C:\\x.parquet",
    "\\\\host\\x.parquet",
    "",
]


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run" / "audit"
    write_audit_input(AuditInput(*inputs.city(), inputs.grid()), folder, {})
    return folder


@pytest.mark.parametrize("name", [*OUTSIDE, "absolute"])
def test_a_manifest_names_no_file_outside_its_folder(name, run, tmp_path):
    outside = run.parent / "outside.parquet"
    outside.write_bytes((run / "cells.parquet").read_bytes())
    name = str(outside) if name == "absolute" else name
    path = run / "subject.json"
    plain = json.loads(path.read_text())
    plain["files"][name] = hashlib.sha256(outside.read_bytes()).hexdigest()
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageError, match="outside the folder"):
        read_audit_input(run)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["link outside", "linked folder", "pipe", "device"])
def test_a_listed_file_is_a_regular_file_of_the_folder(kind, run):
    path, outside = run / "cells.parquet", run.parent / "outside"
    name = path.name
    if kind == "linked folder":
        outside.mkdir()
        path.rename(outside / path.name)
        (run / "inner").symlink_to(outside)
        name = "inner/cells.parquet"
    else:
        path.rename(outside)
        os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero" if kind == "device" else outside)
    with pytest.raises(StorageError, match=r"outside the folder|named pipe"):
        file_in_folder(run, name)
    with pytest.raises(StorageError, match="complete copy"):
        read_audit_input(run)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["forecast.parquet", "decision.json", "audit/subject.json", "model/bundle.json"])
def test_pipes_and_links_in_a_run_folder_do_not_block(name, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("{}")
    for number, make in enumerate([os.mkfifo, lambda path: path.symlink_to(outside)]):
        run = tmp_path / f"run{number}"
        (run / name).parent.mkdir(parents=True)
        make(run / name)
        read = {
            "forecast.parquet": lambda run=run: RunFolder.from_path(run),
            "decision.json": lambda run=run: RunFolder(run, None, None, None).decision(),
            "audit/subject.json": lambda run=run: read_audit_input(run / "audit"),
            "model/bundle.json": lambda run=run: read_bundle(run / "model"),
        }[name]
        with pytest.raises(IlpError):
            read()
