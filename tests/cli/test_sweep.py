import csv

import pytest

pytestmark = pytest.mark.filterwarnings("default:a wolf")


def test_multirun_runs_every_value_with_flags_anywhere(ilp, tmp_path):
    code, out, _ = ilp("count", "name=x", "-m", "flock=small,large", "tired=true")
    head, table = out.split("Sweep of 2 runs\n")
    assert (code, head) == (0, "3 sheep, 2 shepherds, x\n400 sheep, 2 shepherds, x\n")
    assert table.startswith(
        "    0  flock=small  done, without scores\n    1  flock=large  done, without scores\nTable: "
    )
    found = sorted(path.parent.name for path in tmp_path.glob("outputs/count/multirun/*-x/*/count.txt"))
    assert found == ["0", "1"]
    assert not (tmp_path / "outputs/count/latest").exists()


def test_multirun_continues_after_an_error_and_reports_it(ilp, tmp_path):
    code, out, err = ilp("count", "-m", "fail=input,null")
    assert code == 1
    assert out.startswith(
        "3 sheep, 2 shepherds, run\nSweep of 2 runs\n    0  fail=input  FAILED: The flock has no sheep"
    )
    (table,) = tmp_path.glob("outputs/count/multirun/*-run/sweep.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines())
    assert [row["overrides"] for row in rows] == ["fail=input", "fail=null"]
    assert "The flock has no sheep" in err


def test_the_table_of_a_sweep_has_the_decimal_mark_of_its_runs(ilp, tmp_path):
    ilp("count", "-m", "flock=small,large", "+decimal=comma")  # runs fail, since this task has no decimal mark
    (table,) = tmp_path.glob("outputs/count/multirun/*-run/sweep.csv")
    assert table.read_text(encoding="utf-8-sig").startswith("run;overrides;forecaster;")
