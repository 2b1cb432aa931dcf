import os

import pytest

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.local_file import companion_files, file_in_folder, is_address, local_file


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("https://example.org/a.csv", True),
        ("PG:dbname=x", True),
        ("/vsicurl/https://x", True),
        ("\\\\server\\share", True),
        ("<OGRVRTDataSource>", True),
        ("data/a.csv", False),
        ("C:\\data\\a.csv", False),  # one letter is a drive
    ],
)
def test_addresses_are_recognised_by_their_start(path, expected):
    assert is_address(path) is expected


def test_the_path_of_a_file_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "a.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert local_file("a.csv", "data.path=") == tmp_path / "a.csv"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no.csv", "there is no such file"),
        (".", "is a folder, not a regular file"),
        ("https://example.org/a.csv", "is an address, not a local file. Download"),
        ("/dev/null", "is a device"),
        ("/proc/self/status", "is a file of the operating system"),
    ],
)
def test_what_is_no_local_file_is_refused(name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        local_file(name, "data.path=")
    assert str(caught.value).startswith(f"data.path={name}")


def test_companions_are_the_files_of_the_same_name(tmp_path):
    for name in ("a.shp", "A.dbf", "a.shp-wal", "b.dbf", "ab.dbf"):
        (tmp_path / name).touch()
    (tmp_path / "a.d").mkdir()
    names = [one.name for one in companion_files(tmp_path / "a.shp", "")]
    assert names == ["A.dbf", "a.shp", "a.shp-wal"]
    os.mkfifo(tmp_path / "a.prj")
    with pytest.raises(InputError, match="is a named pipe"):
        companion_files(tmp_path / "a.shp", "")


def test_a_listed_file_lies_in_its_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.csv").touch()
    (tmp_path / "secret.csv").touch()
    assert file_in_folder(tmp_path / "run", "a.csv") == tmp_path / "run" / "a.csv"
    (tmp_path / "run" / "link.csv").symlink_to(tmp_path / "secret.csv")
    for name in ("../secret.csv", "..\\secret.csv", "/etc/passwd", "C:\\a.csv", "", "a\x00b", "link.csv"):
        with pytest.raises(StorageError, match="which is outside the folder"):
            file_in_folder(tmp_path / "run", name)
    with pytest.raises(StorageError, match="is missing or cannot be read"):
        file_in_folder(tmp_path / "run", "b.csv")
