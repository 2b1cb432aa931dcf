"""Attacks on matrices of groups: injected formulas and markup, huge and odd files, and runs that are interrupted."""

import json
import multiprocessing
import os
import random
import time
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ilp_models as ilp
from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.matrix_file import MAX_BYTES
from tests.report.html_page import Page
from tests.strategy.group_files import FIELDS, SMALL, rows_of, text_of, write_matrix

HOSTILE = [
    "=HYPERLINK(1)",
    "+1",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
]
FILES = ("groups.html", "groups.csv", "pairs.csv", "requirements.csv", "disagreement.csv", "groups.json")


def assessment_of(path, scheme=SMALL):
    return ilp.assess_groups(ilp.read_group_matrix(path, scheme=scheme), ranking=ilp.RankDraws(1000))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["purpose", "recipients", "complaints", "authorised_by"])
def test_declarations_are_text_in_every_file(tmp_path, undrawn, text, field):
    path = write_matrix(tmp_path, fields={**FIELDS, field: text})
    written = ilp.write_group_assessment(assessment_of(path), tmp_path / "out")
    page = Page(written[0].read_text())
    assert page.all("script") == []
    assert [one for one in page.all("img") if not one["src"].startswith("data:")] == []
    assert text in page.text
    for table in written[1:-1]:
        cells = pd.read_csv(table, dtype=str, keep_default_na=False).to_numpy().ravel()
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    stored = json.loads(written[-1].read_text())["authorisation"][field]
    assert stored == ([text] if field == "recipients" else text)


def test_definitions_and_names_of_attributes_are_text_on_the_page(tmp_path, undrawn):
    mark = {"name": "v <script>", "definition": "</td><script>alert(1)</script>", "weight": 1, "component": "c <b>"}
    scheme = ilp.GroupScheme("s <i>", [mark])
    rows = [
        [group, "5", scorer, mark["name"], "low", "R-1", "low"] for group in ("G01", "G02") for scorer in ("S1", "S2")
    ]
    written = ilp.write_group_assessment(assessment_of(write_matrix(tmp_path, rows), scheme), tmp_path / "out")
    page = Page(written[0].read_text())
    assert page.all("script") == page.all("b") == page.all("i") == []
    assert "v <script>" in page.text


def test_the_page_needs_no_network_and_runs_no_script(tmp_path, undrawn):
    text = ilp.write_group_assessment(assessment_of(write_matrix(tmp_path)), tmp_path / "out")[0].read_text()
    assert "default-src 'none'" in text
    assert "script-src" not in text
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize(
    "cell", ["nan", "NaN", "inf", "-inf", "1e999", "1e999999999", "1_0", "0x2", "\u0664", "high\u200b", "TRUE", "None"]
)
def test_odd_numbers_are_not_on_the_scale(tmp_path, cell):
    scheme = ilp.GroupScheme("index", SMALL.attributes, [1, 10, 0.5])
    rows = [[*row[:4], "2.5" if row[4] != "unknown" else "unknown", *row[5:]] for row in rows_of()]
    assert assessment_of(write_matrix(tmp_path, rows), scheme).order
    rows[0][4] = cell
    with pytest.raises(InputError, match="row 14: the score is not on the scale"):
        assessment_of(write_matrix(tmp_path, rows), scheme)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = write_matrix(tmp_path)
    with path.open("ab") as file:
        file.truncate(MAX_BYTES + 1)
    started = time.process_time()
    with pytest.raises(InputError, match="is larger than 32 MiB"):
        ilp.read_group_matrix(path, scheme=SMALL)
    assert time.process_time() - started < 1


def test_too_many_rows_are_refused(tmp_path):
    row = "G01,5,S1,reach,low,R-1,low\n"
    (tmp_path / "groups.csv").write_text(text_of(rows=[]) + row * 200_001)
    with pytest.raises(InputError, match="has 200,001 rows of scores"):
        ilp.read_group_matrix(tmp_path / "groups.csv", scheme=SMALL)


@pytest.mark.parametrize(
    "name", ["folder.csv", "pipe.csv", "/dev/zero", "https://example.org/groups.csv", "/proc/self/environ"]
)
def test_a_matrix_is_a_local_regular_file(tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    path = name if ":" in name else str(tmp_path / name)
    with pytest.raises(InputError, match="matrix="):
        ilp.read_group_matrix(path)


@pytest.mark.parametrize("at", range(len(FILES)))
def test_an_interrupt_while_writing_leaves_no_file(tmp_path, undrawn, monkeypatch, at):
    assessment = assessment_of(write_matrix(tmp_path))
    written = []

    def stop(self, *_):
        written.append(self.name)
        if len(written) > at:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "chmod", stop)
    with pytest.raises(KeyboardInterrupt):
        ilp.write_group_assessment(assessment, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("at", range(len(FILES)))
def test_an_interrupt_while_moving_leaves_complete_files_and_no_record(tmp_path, undrawn, monkeypatch, at):
    assessment, moved, replace = assessment_of(write_matrix(tmp_path)), [], Path.replace

    def stop(self, target):
        if self.name in FILES:
            moved.append(self.name)
            if len(moved) > at:
                raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(
        "ilp_models.pipeline.group_assessment.write_group_page", lambda path, _: path.write_text("page")
    )
    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        ilp.write_group_assessment(assessment, tmp_path / "out")
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == sorted(FILES[:at])
    assert "groups.json" not in left
    for name in left:
        assert (tmp_path / "out" / name).stat().st_size > 3


EXAMPLE = files("ilp_models.strategy.groups").joinpath("example/groups.csv").read_bytes()


@settings(max_examples=int(os.environ.get("ILP_FUZZ_EXAMPLES", "150")))
@given(st.lists(st.tuples(st.integers(0, len(EXAMPLE) - 1), st.integers(0, 30), st.binary(max_size=8)), max_size=5))
def test_a_damaged_file_is_read_or_refused_and_breaks_nothing(tmp_path_factory, changes):
    content = bytearray(EXAMPLE)
    for at, length, new in changes:
        content[at : at + length] = new
    path = tmp_path_factory.mktemp("damaged") / "groups.csv"
    path.write_bytes(content)
    matrix, problem = None, "groups.csv"
    try:
        matrix = ilp.read_group_matrix(path)
    except InputError as error:
        problem = str(error)
    assert "groups.csv" in problem
    assert matrix is None or min(len(scorers) for scorers in matrix.by_group.values()) >= 2


def work(path, folder):
    ilp.write_group_assessment(ilp.assess_groups(ilp.read_group_matrix(path)), folder)


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_half_written(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.attacks.test_group_matrices", "ilp_models.pipeline.group_task"])
    work("example", tmp_path / "whole")
    expected = {name: (tmp_path / "whole" / name).read_bytes() for name in FILES if name.endswith("csv")}
    rng, killed = random.Random(1), 0  # noqa: S311
    for at in range(12):
        folder = tmp_path / f"killed-{at}"
        process = context.Process(target=work, args=("example", folder))
        process.start()
        time.sleep(rng.uniform(0.05, 1.5))
        process.kill()
        process.join()
        killed += process.exitcode != 0
        visible = list(folder.glob("[!.]*")) if folder.exists() else []
        for path in visible:
            if path.name in expected:
                assert path.read_bytes() == expected[path.name]
            elif path.suffix == ".json":
                assert json.loads(path.read_text())
                assert {one.name for one in visible} == set(FILES)
            else:
                assert path.read_text().rstrip().endswith("</html>")
    assert killed > 0
