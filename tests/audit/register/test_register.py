import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilp_models.audit.register.register import Register, RegisterEntry, _canonical, _digest
from ilp_models.domain.errors import InputError, StorageError

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
LINES = 5


def entry(hours=0, **changed):
    given_ = {"act": "decided", "who": "r.viewer", "decision": "ab" * 32, "moment": START + timedelta(hours=hours)}
    return RegisterEntry(**given_ | changed)


def filled(folder, lines=LINES):
    register = Register(folder / "register.jsonl")
    digests = [register.append(entry(hours, content={"areas": hours})) for hours in range(lines)]
    return register, digests


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("register")
    return filled(folder)[0].path.read_bytes(), Register(folder / "changed.jsonl")


def broken(register, content):
    register.path.write_bytes(content)
    with pytest.raises(StorageError, match=r"line \d"):
        register.verify()


def test_a_complete_register_is_read(tmp_path):
    register, digests = filled(tmp_path)
    state = register.verify()
    assert (state.entries, state.digest) == (LINES, digests[-1])
    assert (state.first, state.last) == ("2026-01-05T08:00:00.000000+00:00", "2026-01-05T12:00:00.000000+00:00")


@given(place=st.integers(min_value=0), byte=st.integers(0, 255))
def test_an_edit_of_one_byte_is_detected(whole, place, byte):
    content, register = whole
    place %= len(content)
    if content[place] != byte:
        broken(register, content[:place] + bytes([byte]) + content[place + 1 :])


@given(gone=st.integers(0, LINES - 2))
def test_a_removed_line_is_detected(whole, gone):
    content, register = whole
    lines = content.splitlines(keepends=True)
    broken(register, b"".join(lines[:gone] + lines[gone + 1 :]))


@given(order=st.permutations(range(LINES)))
def test_reordered_lines_are_detected(whole, order):
    content, register = whole
    lines = content.splitlines(keepends=True)
    if order != sorted(order):
        broken(register, b"".join(lines[place] for place in order))


@given(at=st.integers(0, LINES), copied=st.integers(0, LINES - 1))
def test_an_inserted_line_is_detected(whole, at, copied):
    content, register = whole
    lines = content.splitlines(keepends=True)
    broken(register, b"".join([*lines[:at], lines[copied], *lines[at:]]))


def test_lines_removed_at_the_end_are_detected_with_a_stored_digest(tmp_path):
    register, digests = filled(tmp_path)
    register.path.write_bytes(b"".join(register.path.read_bytes().splitlines(keepends=True)[:-1]))
    assert register.verify().entries == LINES - 1
    assert replace(register, last=digests[-2]).verify().entries == LINES - 1
    with pytest.raises(StorageError, match="were removed or rewritten"):
        replace(register, last=digests[-1]).verify()


def test_an_older_digest_is_valid_after_more_entries(tmp_path):
    register, digests = filled(tmp_path)
    assert replace(register, last=digests[0]).verify().entries == LINES


def test_an_incomplete_line_stops_the_register(tmp_path):
    register, _ = filled(tmp_path)
    incomplete = register.path.read_bytes()[:-20]
    register.path.write_bytes(incomplete)
    with pytest.raises(StorageError, match=r"line 5: the line is incomplete .*remove this line"):
        register.append(entry(9))
    assert register.path.read_bytes() == incomplete


def test_an_earlier_time_is_refused(tmp_path):
    register, _ = filled(tmp_path)
    with pytest.raises(InputError, match="Set the clock right"):
        register.append(entry(1))
    assert register.verify().entries == LINES


@pytest.mark.parametrize("changed", [{"act": "forgotten"}, {"who": ""}, {"moment": datetime(2026, 1, 5)}])  # noqa: DTZ001
def test_an_incomplete_entry_is_refused(changed):
    with pytest.raises(InputError):
        entry(**changed)


def test_content_that_is_not_json_is_refused(tmp_path):
    register, _ = filled(tmp_path)
    with pytest.raises(InputError, match="not plain JSON"):
        register.append(entry(9, content={"areas": {1, 2}}))
    assert register.verify().entries == LINES


def add_ten(path, who):
    for _ in range(10):
        Register(path).append(entry(who=who))


def test_two_processes_can_write_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "register.jsonl"
    both = [context.Process(target=add_ten, args=(path, who)) for who in ("one", "two")]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert Register(path).verify().entries == 20


def crafted(register, **changed):
    """Add a line with correct digests and invalid content; ``...`` removes a field."""
    state = register.verify()
    plain = {"act": "decided", "who": "x", "decision": "y", "content": {}, "moment": state.last}
    plain |= {"number": state.entries + 1, "previous": state.digest} | changed
    plain = {name: value for name, value in plain.items() if value is not ...}
    line = _canonical(plain | {"digest": _digest(_canonical(plain))})
    register.path.write_bytes(register.path.read_bytes() + line + b"\n")


@pytest.mark.parametrize(
    "changed",
    [
        *({name: ...} for name in ("who", "act", "decision", "content")),
        *({"content": wrong} for wrong in (None, [1], "x")),
        *({"moment": wrong} for wrong in ("z", "2099-01-01")),
        {"act": "danced"},
    ],
)
def test_a_line_with_correct_digests_and_invalid_content_is_detected(tmp_path, changed):
    register, _ = filled(tmp_path)
    crafted(register, **changed)
    with pytest.raises(StorageError, match=f"line {LINES + 1}: the line is not a register entry"):
        register.verify()


def test_unreadable_lines_are_detected(tmp_path):
    register = Register(tmp_path / "register.jsonl")
    for line in (b"[" * 1_000_000, b"\0" * 99, b'{"a":' + b"9" * 9999 + b"}"):
        broken(register, line + b"\n")


def test_links_to_one_register_share_its_lock(tmp_path):
    register, _ = filled(tmp_path)
    link = tmp_path / "elsewhere" / "link.jsonl"
    link.parent.mkdir()
    link.symlink_to(register.path)
    Register(link).append(entry(LINES))
    assert register.verify().entries == LINES + 1
    assert not link.with_name("link.jsonl.lock").exists()
