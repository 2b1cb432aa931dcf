import stat

import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.pipeline.atomic_files import FIGURES, keep_private, write_all_or_none


def figure(path):
    (path.parent / FIGURES).mkdir()
    (path.parent / FIGURES / "a.png").write_text("figure")
    path.write_text("page")


def broken(_):
    raise OSError(28, "No space left on device")


def test_all_files_are_there_with_their_figures(tmp_path):
    files = write_all_or_none(tmp_path / "new", {"a.csv": lambda path: path.write_text("a"), "b.html": figure}, "It")
    names = [str(path.relative_to(tmp_path / "new")) for path in files]
    assert names == ["figures/a.png", "a.csv", "b.html"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.csv", "b.html", "figures"]


def test_an_error_leaves_the_earlier_files_as_they_were(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(StorageError, match=r"The report was not written to .*No space left"):
        write_all_or_none(tmp_path, {"a.csv": lambda path: path.write_text("new"), "b.csv": broken}, "The report")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"


def test_files_can_be_for_their_owner_only(tmp_path):
    (path,) = write_all_or_none(tmp_path, {"a.csv": lambda one: one.write_text("a")}, "It", owner_only=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folder_of_a_run_can_be_for_its_owner_only(tmp_path):
    keep_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    keep_private(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
