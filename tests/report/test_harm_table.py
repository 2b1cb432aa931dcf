import pandas as pd

from ilp_models.domain.scores import COLUMNS, ScoreTable
from ilp_models.report.harm_table import harm_table

GAP = "\N{NO-BREAK SPACE}"


def scores(values, forecasters=("ewma", "mean")):
    rows = [
        (name, kind, 1, f"2022-01-0{day}", score, value + 0.1 * at if "hit" in score else value)
        for at, name in enumerate(forecasters)
        for kind in ("a", "b")
        for day in (3, 4)
        for score, value in {"deviance": 1.0, "observed_total": 4.0, "hit_rate_05": 0.25, **values}.items()
    ]
    return ScoreTable(pd.DataFrame(rows, columns=list(COLUMNS)))


def test_a_range_of_readings_and_a_single_reading_are_shown_for_each_forecaster():
    table = harm_table(
        scores(
            {
                "harm_ons_css_low_total": 2.0,
                "harm_ons_css_low_hit_rate_05": 0.41,
                "harm_ons_css_high_total": 9.0,
                "harm_ons_css_high_hit_rate_05": 0.34,
                "harm_own_total": 1.0,
                "harm_own_hit_rate_05": 0.3,
                "harm_own_hit_rate_10": 0.5,
            }
        )
    )
    assert table.columns == ("Crimes", "ons_css", "own")
    assert table.rows == (
        ("ewma", (f"25.0{GAP}%", f"34.0{GAP}% to 41.0{GAP}%", f"30.0{GAP}%")),
        ("mean", (f"35.0{GAP}%", f"44.0{GAP}% to 51.0{GAP}%", f"40.0{GAP}%")),
    )


def test_without_harm_sets_there_is_no_table():
    assert harm_table(scores({})) is None
