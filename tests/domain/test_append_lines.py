import os

import filelock
import pytest

from ilp_models.domain import append_lines as module
from ilp_models.domain.append_lines import append_lines, check_writable, locked_file, read_lines
from ilp_models.domain.errors import InputError, StorageError


def test_lines_are_added_at_the_end(tmp_path):
    path = tmp_path / "new" / "register.jsonl"
    assert read_lines(path, "the register", "register") == b""
    with locked_file(path, "the register"):
        append_lines(path, b"one\n", "the register")
        append_lines(path, b"two\nthree\n", "the register")
    assert read_lines(path, "the register", "register") == b"one\ntwo\nthree\n"


def test_an_incomplete_write_is_removed_again(tmp_path, monkeypatch):
    path = tmp_path / "register.jsonl"
    path.write_bytes(b"one\n")
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda handle, lines: write(handle, lines[:2]))
    with pytest.raises(StorageError, match="no space for another line"):
        append_lines(path, b"two\n", "the register")
    assert path.read_bytes() == b"one\n"


def test_a_lock_that_another_holds_is_not_waited_for_without_end(tmp_path, monkeypatch):
    path = tmp_path / "register.jsonl"
    monkeypatch.setattr(module, "_LOCK_TIMEOUT_S", 0.01)
    with (
        filelock.FileLock(f"{path}.lock"),
        pytest.raises(StorageError, match="Another program uses the register"),
        locked_file(path, "the register"),
    ):
        pass


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match="Cannot write the register"),
        locked_file(tmp_path / "file/a", "the register"),
    ):
        pass


def test_what_cannot_be_written_is_found_before_any_work(tmp_path, monkeypatch):
    path = tmp_path / "new" / "register.jsonl"
    check_writable(path, "the register")
    assert not path.parent.exists()
    monkeypatch.setattr(module.os, "access", lambda place, _: place != tmp_path)
    with pytest.raises(StorageError, match="or name another file"):
        check_writable(path, "the register")


def test_a_folder_is_not_read_as_lines(tmp_path):
    with pytest.raises(InputError, match=r"register=.* is a folder"):
        read_lines(tmp_path, "the register", "register")
