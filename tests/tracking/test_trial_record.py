"""The record of trials: nothing is lost, two programs can write, and a damaged file is named before any work."""

import multiprocessing
import os
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.tracking.trial_record import COLUMNS, TrialLine, TrialRecord

NAN = float("nan")
LINE = TrialLine(
    when="2026-01-05T08:00:00+00:00",
    who="A. Analyst",
    task="backtest",
    run="outputs/backtest/1",
    forecaster="ewma",
    settings='{"half_life": 8}',
    recipe="ab12",
    data="cd34",
    units="ef56",
    first_period="2025-01-06",
    last_period="2026-01-04",
    periods=52,
    score="deviance",
    value=0.25,
    low=0.2,
    high=NAN,
    baseline="ewma",
    skill=0.0,
    skill_low=NAN,
    skill_high=NAN,
    reason="",
    code="none",
)


def append_many(path, name):
    for number in range(40):
        TrialRecord(path).append([replace(LINE, forecaster=name, periods=number)])


def test_lines_of_two_programs_are_all_there(tmp_path):
    path = str(tmp_path / "deep" / "trials.csv")
    context = multiprocessing.get_context("spawn")
    programs = [context.Process(target=append_many, args=(path, name)) for name in ("a", "b")]
    for one in programs:
        one.start()
    for one in programs:
        one.join()
        assert one.exitcode == 0
    table = TrialRecord(path).read()
    for name in "ab":
        assert table.loc[table["forecaster"] == name, "periods"].tolist() == list(range(40))


@settings(max_examples=30)
@given(st.text(max_size=40), st.floats(-1e6, 1e6), st.text(max_size=20))
def test_any_text_stays_on_its_own_line(tmp_path_factory, reason, value, name):
    record = TrialRecord(str(tmp_path_factory.mktemp("any") / "trials.csv"))
    record.append([replace(LINE, reason=reason, value=value, forecaster=name), LINE])
    table = record.read()
    assert len(table) == 2
    assert table["value"][0] == pytest.approx(value, rel=1e-9)
    assert not table["forecaster"][0].startswith(("=", "+", "@"))
    assert tuple(table.iloc[1].drop(["high", "skill_low", "skill_high"])) == tuple(
        getattr(LINE, one) for one in COLUMNS if one not in ("high", "skill_low", "skill_high")
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("setting,score\n1,2\n", "line 1: the columns are not those"),
        (f"{','.join(COLUMNS)}\n1,2", "line 2: the line is incomplete"),
        ("\udcff\n", "codec"),
    ],
)
def test_a_file_of_another_kind_is_refused_before_any_work(tmp_path, content, message):
    path = tmp_path / "trials.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    for act in (TrialRecord(str(path)).check, lambda: TrialRecord(str(path)).append([LINE])):
        with pytest.raises(InputError, match=rf"{path.name}.*{message}.*set trials\.path=FILE"):
            act()
    assert path.read_bytes() == content.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(("row", "message"), [("1,2", "line 3: 2 columns"), (None, r"line 3: value='much'")])
def test_a_damaged_line_is_named(tmp_path, row, message):
    path = tmp_path / "trials.csv"
    record = TrialRecord(str(path))
    record.append([LINE])
    good = path.read_text().splitlines()[1]
    path.write_text(path.read_text() + (row or good.replace("0.25", "much")) + "\n")
    with pytest.raises(InputError, match=message):
        record.read()


def test_the_folder_of_an_experiment_takes_the_record(tmp_path):
    record = TrialRecord(str(tmp_path / "run.csv"), str(tmp_path / "slug"), who="B")
    assert record.file == tmp_path / "run.csv"
    (tmp_path / "slug").mkdir()
    record.append([replace(LINE, who=record.person)])
    assert list(pd.read_csv(tmp_path / "slug" / "trials.csv")["who"]) == ["B"]
    assert not (tmp_path / "run.csv").exists()


def test_a_place_that_cannot_be_written_is_named_before_any_work(tmp_path, monkeypatch):
    record = TrialRecord(str(tmp_path / "new" / "trials.csv"))
    record.check()
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)  # a test may run as root
    with pytest.raises(StorageError, match="Cannot write the record of trials"):
        record.check()


def test_an_address_is_refused():
    with pytest.raises(InputError, match=r"trials\.path=https://x is an address"):
        TrialRecord("https://x")
