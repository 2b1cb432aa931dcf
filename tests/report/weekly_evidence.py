"""Make small inputs of the weekly report for tests."""

from itertools import product

import numpy as np
import pandas as pd

from ilp_models.domain.family_reasons import FAMILY_KEYS
from ilp_models.domain.intake import IntakeFinding, IntakeReport
from ilp_models.domain.scores import ALL, COLUMNS, ScoreTable, ceiling_of
from ilp_models.report.weekly_report import WeeklyEvidence
from tests.builders import TYPES, forecast_on, square_grid
from tests.export.decisions import GROUPS, decision_on
from tests.report.comparison_evidence import skills_of

# Deviance and hit rate of each forecaster and bound; tests compare the page with these numbers.
MEASURED = {
    "ewma": (0.20, 0.30),
    "moving_average": (0.25, 0.28),
    ceiling_of("ewma"): (0.19, None),
    "oracle": (0.01, 0.8),
}


def scores_of(types=TYPES, weeks=52):
    periods = pd.date_range("2021-11-01", periods=weeks, freq="W-MON").strftime("%Y-%m-%d")
    rows = []
    for (name, (deviance, hit)), kind, period in product(MEASURED.items(), types, periods):
        measured = {"deviance": deviance, "poisson_deviance": 0.18}
        if hit is not None:
            measured = {"deviance": deviance, "hit_rate_05": hit, "pai_05": hit / 0.05, "observed_total": 10.0}
        if name in ("ewma", "moving_average"):
            measured |= {"sum_ratio": 0.9, "expected_total": 9.0, "coverage_90": 0.97}
        rows.extend((name, kind, 1, period, score, value) for score, value in measured.items())
    return ScoreTable(pd.DataFrame(rows, columns=list(COLUMNS)))


def intake_of(source="City police"):
    finding = IntakeFinding("coordinates are zero", "set aside", 3, 0.03, ("row 7",), "Ask the publisher.")
    return IntakeReport(
        source=source,
        files=("events.csv",),
        rows_read=100,
        rows_kept=97,
        start=pd.Timestamp("2014-01-01"),
        end=pd.Timestamp("2022-01-01"),
        time_zone="America/Toronto",
        crs="EPSG:32617",
        findings=(finding,),
        columns_left=("premises",),
        attribution="Open Government Licence - Ontario.",
    )


def evidence_of(*, groups=GROUPS, types=TYPES, area="West", grid=None):
    """Return evidence on an ``ewma`` forecast; without groups its decision withholds."""
    grid = square_grid() if grid is None else grid
    if not grid.parents.empty:
        grid.parents.loc[grid.parents["neighbourhood"] == "West", "neighbourhood"] = area
    forecast = forecast_on(grid, types=types)
    shares = np.linspace(0, 1, 11)
    curve = pd.DataFrame({"share": shares, "hit_rate": shares**0.5, "oracle": shares**0.2})
    bins = pd.DataFrame({"expected": [0.0, 0.1, 1.0], "observed": [0.0, 0.1, 1.1], "low": [0, 0, 0.9], "high": 1.2})
    reasons = pd.DataFrame(
        [(kind, cell, pd.Timestamp("2022-01-03"), f"3 recorded in {cell}.") for kind in types for cell in grid.cells],
        columns=["crime_type", "cell", "period", "words"],
    ).assign(**(dict.fromkeys(FAMILY_KEYS.values(), 0.0) | {"expected": 0.5, "usual_level": 0.3, "city_trend": -0.1}))
    return WeeklyEvidence(
        city="Toronto",
        forecast=forecast,
        grid=grid,
        scores=(scores := scores_of(types)),
        skill=skills_of(scores, "moving_average", "ewma"),
        baseline="moving_average",
        protocol="500 m squares, 52 weeks, cutoff at the start of each week, n = 192",
        hit_curves=curve.assign(forecaster="ewma", lead=1, crime_type=ALL),
        calibration=pd.concat([bins.assign(crime_type=kind) for kind in (*types, ALL)]),
        decision=decision_on(forecast, groups=groups),
        intake=intake_of(),
        provenance={"Recipe": forecast.recipe},
        command="ilp weekly data=toronto",
        reasons=reasons,
    )
