import pytest

from ilp_models.data.file_format import find_files
from ilp_models.domain.errors import InputError


@pytest.fixture
def folder(tmp_path):
    for name in (
        "2021-02/b-street.csv",
        "2021-01/a-street.csv",
        "2021-01/a-outcomes.csv",
        "notes.md",
        "old.csv.gz",
        "e.parquet",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(path, pattern=None):
    return [file.path.name for file in find_files(path, pattern)]


def test_a_folder_returns_its_files_in_a_stable_order(folder):
    assert names(str(folder)) == ["a-outcomes.csv", "a-street.csv", "b-street.csv", "e.parquet", "old.csv.gz"]


def test_a_pattern_selects_files_of_a_folder_and_its_sub_folders(folder):
    assert names(str(folder), "*-street.csv") == ["a-street.csv", "b-street.csv"]


def test_globs_lists_and_repeated_paths(folder):
    glob = f"{folder}/2021-*/*-street.csv"
    assert names(glob) == ["a-street.csv", "b-street.csv"]
    assert names([f"{folder}/2021-02/b-street.csv", glob]) == ["b-street.csv", "a-street.csv"]


def test_a_relative_glob_starts_in_the_current_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names("2021-0[1]/*.csv") == ["a-outcomes.csv", "a-street.csv"]


def test_a_file_name_with_glob_characters_is_not_expanded(folder):
    (folder / "crimes[1].csv").touch()
    assert names(f"{folder}/crimes[1].csv") == ["crimes[1].csv"]


def test_the_bundled_file_is_in_the_package():
    (file,) = find_files("bundled:toronto_mci_2014_2021.parquet", None)
    assert file.is_parquet
    assert file.path.with_name("toronto_mci_2014_2021.LICENSE.txt").is_file()


@pytest.mark.parametrize(
    ("path", "pattern", "message"),
    [
        ("nowhere.csv", None, r"data.path=nowhere.csv: there is no such file or folder in "),
        ("*.nothing", None, r"no file matches this pattern"),
        ("bundled:paris.parquet", None, r"set bundled: and one of toronto_mci_2014_2021.parquet"),
        ([], None, r"empty list"),
        (".", "*.nothing", r"hold no file like \*.nothing; set data.pattern"),
    ],
)
def test_a_missing_path_is_refused(tmp_path, monkeypatch, path, pattern, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        find_files(path, pattern)
