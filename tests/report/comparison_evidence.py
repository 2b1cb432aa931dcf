"""Make small comparisons for tests; the tables are invented and have the documented columns."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pandas as pd

from ilp_models.domain.replay import Cost
from ilp_models.domain.scores import ALL, COLUMNS, ScoreTable, ceiling_of, is_bound, with_second
from ilp_models.report.comparison.leaderboard import Participants, leaderboard
from ilp_models.report.comparison.page import ComparisonEvidence, MethodCard, TopTwo
from ilp_models.scoring.paired_tests import with_paired_verdicts
from tests.builders import TYPES, square_grid

# Deviance and hit rate of each forecaster, equal in every period.
MEASURED = {
    "ewma": (0.25, 0.28),
    "glm": (0.20, 0.30),
    "truth": (0.195, 0.30),
    ceiling_of("glm"): (0.19, None),
    "oracle": (0.01, 0.8),
}
NAMES = ("glm", "ewma")
FIELD = Participants(
    baseline="ewma",
    truths=("truth",),
    recipes={"ewma": "e" * 16, "glm": "9" * 16, "truth": "1" * 16, "trees": "7" * 16},
    costs={"ewma": Cost(2, 8, 4.0, 3.0, 1.0, 0.5, 20.0), "glm": None, "truth": Cost(2, 8)},
    not_run={"trees": "singular fit"},
)


def scores_of(measured=None, types=TYPES, weeks=16):
    periods = pd.date_range("2021-02-01", periods=weeks, freq="W-MON").strftime("%Y-%m-%d")
    rows = []
    for (name, (deviance, hit)), kind, period in product((measured or MEASURED).items(), types, periods):
        found = {"deviance": deviance, "poisson_deviance": 0.18}
        if hit is not None:
            found = {"deviance": deviance, "hit_rate_05": hit, "pai_05": hit / 0.05, "observed_total": 10.0}
        if not is_bound(name):
            found |= {"sum_ratio": 0.9, "expected_total": 9.0, "coverage_90": 0.97, "log_score": deviance + 0.1}
        rows.extend((name, kind, 1, period, score, value) for score, value in found.items())
    return ScoreTable(pd.DataFrame(rows, columns=list(COLUMNS)))


def skills_of(scores, baseline="ewma", second=""):
    skill = pd.concat([scores.skill(baseline), scores.skill(baseline, bounds=True)], ignore_index=True)
    return with_second(skill, skills_of(scores, second), second) if second else skill


def confidence_of(names=NAMES, inside=(True, False)):
    table = pd.DataFrame({"forecaster": names, "lead": 1, "crime_type": ALL})
    return table.assign(p_value=[1.0, 0.04][: len(names)], inside=inside[: len(names)])


def pairs_of(names=NAMES, verdict="better", types=TYPES):
    rows = [
        (one, other, 1, kind, -0.05, -0.06, -0.04, 0.001, 0.002, verdict)
        for one, other in combinations(names, 2)
        for kind in (ALL, *types)
    ]
    columns = "forecaster other lead crime_type difference low high p_value holm verdict"
    return pd.DataFrame(rows, columns=columns.split())


def binned(names, types, **columns):
    units = pd.DataFrame(columns)
    parts = [units.assign(forecaster=name, lead=1, crime_type=kind) for name in names for kind in (*types, ALL)]
    return pd.concat(parts, ignore_index=True)


def consistency_of(names, types):
    rows = [
        (name, 1, kind, test, distribution, 50.0, 40.0, 60.0, 0.4, 0.6, verdict)
        for name in names
        for kind in (*types, ALL)
        for test, distribution, verdict in (
            ("number", "poisson", "too high" if name == "ewma" else "consistent"),
            ("space", "negative_binomial", "consistent"),
        )
    ]
    columns = "forecaster lead crime_type test distribution observed quantile_low quantile_high delta_1 delta_2 verdict"
    return pd.DataFrame(rows, columns=columns.split())


def comparison_evidence(*, types=TYPES, field=FIELD, verdict="better", grid=None):
    """Return evidence on two forecasters, one that knows the true rates, and one that did not run."""
    scores, grid = scores_of(types=types), square_grid() if grid is None else grid
    pairs, names = pairs_of(verdict=verdict, types=types), (*NAMES, "truth")
    skill = with_paired_verdicts(skills_of(scores), pairs, "ewma")
    shares = np.linspace(0, 1, 11)
    curve = {"share": shares, "hit_rate": shares**0.5, "oracle": shares**0.2}
    levels = np.repeat([0.05, 0.25, 0.5, 0.75, 0.95], 3)
    card = MethodCard("glm", "our_lab.Glm", ("A regression.", "Someone (1999)."), {"reach": "2"}, "9" * 16, "this run")
    return ComparisonEvidence(
        city="Toronto",
        data="City police: 97 records, 2014-01-01 to 2021-12-31",
        protocol="12 cells, 16 weeks",
        baseline="ewma",
        leaderboard=leaderboard(scores, skill, confidence_of(), field),
        skill=skill,
        score_skill=skill.assign(score="city_deviance"),
        decomposition=pd.DataFrame(
            [(name, 1, ALL, score, 0.2, 0.01, 0.03, 0.22) for name in names for score in ("deviance", "crps")],
            columns=[
                "forecaster",
                "lead",
                "crime_type",
                "score",
                "value",
                "miscalibration",
                "discrimination",
                "uncertainty",
            ],
        ),
        seasons=skill[skill["forecaster"].isin(names)].assign(season="January to March"),
        pairs=pairs,
        ranks=pd.DataFrame({"forecaster": NAMES, "mean_rank": [1.25, 1.75], "group": ["a", "a"]}),
        critical_difference=0.98,
        rank_p_value=0.3,
        blocks=4,
        hit_curves=binned(names, types, **curve),
        calibration=binned(
            names, types, bin=[1, 2], expected=[0.0, 1.0], observed=[0.1, 1.1], low=[0.0, 0.9], high=1.2
        ),
        pit=binned(names, types, bin=range(1, 11), low=np.nan, high=np.nan, share=0.1, n=9),
        coverage=binned(names, types, decile=[1, 2, 3] * 5, expected=0.1, level=levels, coverage=levels),
        consistency=consistency_of(names, types),
        top_two=TopTwo("glm", "ewma", grid, np.linspace(-1, 1, len(grid)), np.linspace(0.1, -0.3, len(grid))),
        cards=(card, replace(card, name="trees", about=(), kind="", source="stored elsewhere")),
        provenance={"Data digest": "d" * 64},
        command="ilp compare data=toronto",
        attribution="Open Government Licence - Ontario.",
    )
