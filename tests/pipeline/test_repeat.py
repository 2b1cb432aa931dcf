"""The same settings give the same numbers, and what is stored is not made again."""

import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.export.reader import read_forecast
from tests.pipeline.small_city import run_task, scores_of

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_run_from_nothing_gives_the_same_bits(withheld, tmp_path):
    again = run_task("weekly", tmp_path, "export.formats=[parquet]")
    one, two = (read_forecast(done.folder / "forecast.parquet") for done in (withheld, again))
    assert one.digest() == two.digest()
    for name in ("scores.csv", "summary.csv", "skill.csv", "explanation.parquet", "model/lead-1.txt"):
        assert (withheld.folder / name).read_bytes() == (again.folder / name).read_bytes(), name
    decisions = [
        {key: value for key, value in done.decision.items() if key in ("findings", "forecast")}
        for done in (withheld, again)
    ]
    assert str(decisions[0]) == str(decisions[1])


@pytest.mark.slow
def test_processes_give_what_one_process_gives(withheld, tmp_path):
    done = run_task("backtest", tmp_path, compute=LocalProcesses(2))
    assert scores_of(done) == scores_of(withheld)
