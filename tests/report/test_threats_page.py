from types import SimpleNamespace

import pandas as pd
import pytest

from ilp_models.report import threats_page
from ilp_models.report.formatting import MISSING

NAN = float("nan")


def test_threats_are_in_the_order_of_their_mean_place_under_all_sets():
    ranks = pd.DataFrame({"threat": ["a", "b", "c"] * 2, "order": [1, 2, 3, 3, 1, 2]})
    evidence = SimpleNamespace(ranks=ranks, table=pd.DataFrame({"threat": ["a", "b", "c"]}))
    assert [row["threat"] for row in threats_page._in_order(evidence)] == ["b", "a", "c"]


def test_areas_by_harm_are_the_first_of_each_set():
    ranks = pd.DataFrame({"harm_set": "days", "threat": "(all)", "area": [f"area {at}" for at in range(12)]})
    ranks = ranks.assign(rank_from=1, rank_to=3, top_three=0.5, top_three_word="likely")
    found = threats_page._areas_by_harm(SimpleNamespace(harm={"days": {}, "costs": {}}, area_ranks=ranks))
    assert list(found) == ["days"]
    assert [row["area"] for row in found["days"]] == [f"area {at}" for at in range(8)]
    assert found["days"][0]["ranks"] == "1 to 3"


@pytest.mark.parametrize(
    ("error", "origins", "text"),
    [(0.12, 1, "12.0 % (1 past origin)"), (0.12, 3, "12.0 % (3 past origins)"), (NAN, 0, MISSING)],
)
def test_an_error_says_from_how_many_origins_it_is_known(error, origins, text):
    found = threats_page._error({"forecast_error": error, "origins": origins})
    assert found.replace("\N{NO-BREAK SPACE}", " ") == text


def test_shares_that_print_alike_are_one_number():
    ranks = pd.DataFrame({"harm_set": ["days", "costs"], "share_low": [0.301, 0.2], "share_high": [0.302, 0.4]})
    shares = [threats_page._share(ranks, name).replace("\N{NO-BREAK SPACE}", " ") for name in ("days", "costs")]
    assert shares == ["30 %", "20 % to 40 %"]


def test_without_scenarios_there_are_no_rows():
    assert threats_page._scenario_rows(SimpleNamespace(scenarios=None)) == []
