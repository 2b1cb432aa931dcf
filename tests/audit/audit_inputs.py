"""Build the inputs of an audit: a small city whose model passes every check, with ways to change it."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import yaml

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.feedback.feedback import COLUMNS as TRAJECTORY
from ilp_models.audit.feedback.feedback import COMPLETE, FOLLOWED, Feedback, FeedbackOutcome
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.earlier import RegisterSnapshot
from ilp_models.domain.explanation import Explanation, Robustness
from ilp_models.domain.features import Column
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.governance import Governance
from ilp_models.domain.overused_points import OVERUSED_COLUMNS
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.timing import Timing
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import square_grid

CONFIG = Path(__file__).parents[2] / "configs" / "audit" / "default.yaml"
TRAINED = (pd.Timestamp("2018-01-01"), pd.Timestamp("2022-01-03"))
GOVERNANCE = {
    "purpose": "tests",
    "goal": "fewer assaults",
    "outcomes": ["Assault"],
    "success_criterion": "10 % fewer, interval below 0",
    "harm_to_watch": "exposure of Upland, by week",
    "use_until": "2099-12-31",
    "decided_by": "O. Wner",
    "legal_basis": "none is needed",
    "tier": "middle",
    "owner": "O. Wner",
    "trainer": "T. Rainer",
    "reviewer": "R. Viewer",
    "complaints": "nowhere",
    "review_date": "2099-12-31",
    "retention_until": "2099-12-31",
}
TYPES = ("Assault", "Robbery")
# the records end on the day before
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
TIMING = Timing("UTC", *map(pd.Timestamp, ("2026-01-05", "2026-01-05", "2026-01-12")))
RECIPE = "0123456789abcdef"
COLUMNS = (
    Column("mean_8", "own_past", "{value:.2f} events a week here of late"),
    Column("lag_1", "lags", "{value:.0f}"),
    Column("near_1", "surroundings", "{value:.0f} near"),
)


class KnownGroups:
    """A source that knows a given group table."""

    def __init__(self, table):
        self.table = table

    def groups(self):
        return self.table


def audit(groups=None, **settings):
    """Return the audit of configs/audit/default.yaml with some settings changed."""
    stored = yaml.safe_load(CONFIG.read_text())
    for key in ("_target_", "defaults", "harm_sets"):
        stored.pop(key)
    stored["governance"] = Governance(**GOVERNANCE)
    stored["bootstrap"] = Bootstrap()
    stored["feedback"] = Feedback()  # the outcome is given
    stored.pop("reporting_rates")
    table = yaml.safe_load((CONFIG.parent / "groups" / "table.yaml").read_text())
    table.pop("_target_")
    given = GroupTable(**(table | {"polygons": None, "source": None if groups is None else KnownGroups(groups)}))
    return Audit(**(stored | {"groups": given} | settings))


def audit_input(*parts, **more):
    """Return what an audit looks at, with training records and a feedback that adds nothing where none is given."""
    known = {"trained": TRAINED, "feedback": feedback(), "reporting_rates": np.ones(len(grid()))}
    known["overused"] = pd.DataFrame(columns=list(OVERUSED_COLUMNS))
    known["timing"] = TIMING
    known["register"] = RegisterSnapshot("register.jsonl", "0" * 64, 0)
    return AuditInput(*parts, **(known | more))


def feedback(added=0.01, observed=1.0):
    """Return the outcome of a simulated feedback that adds some distance, with a little noise."""
    names = (*TYPES, "all")
    rows = [
        (replicate, records, 104, name, 0.05 + (added if records == FOLLOWED else 0) + 0.001 * replicate, 0.9)
        for replicate in range(3)
        for records in (COMPLETE, FOLLOWED)
        for name in names
    ]
    seen = pd.DataFrame({"crime_type": names, "areas": 25, "patrolled": 0.2, "observed": observed, "reporting": 1.0})
    return FeedbackOutcome(
        Feedback(unpatrolled_reporting_rate=1.0), "district", pd.DataFrame(rows, columns=list(TRAJECTORY)), seen
    )


@cache
def grid():
    """Return 100 cells in 25 areas."""
    cells = square_grid(10, 10)
    labels = [f"area {row // 2}{column // 2}" for row in range(10) for column in range(10)]
    return replace(cells, parents=pd.DataFrame({"district": labels}))


def group_table(slant=0.0):
    """Return two groups in one dimension; with a slant, the first lives where cells come late in the grid."""
    areas = sorted(set(grid().parents["district"]))
    share = 0.4 + 0.08 * np.cos(np.arange(25)) + slant * np.linspace(-0.5, 0.5, 25)
    rows = [
        {"area": area, "dimension": "origin", "group": group, "population": 1000 * part}
        for area, one in zip(areas, share, strict=True)
        for group, part in (("Upland", one), ("Lowland", 1 - one))
    ]
    return pd.DataFrame(rows)


def replay(expected, observed, forecaster="lightgbm", recipe=RECIPE):
    """Return a replay over the weeks of 2021."""
    weeks = pd.period_range("2021-01-04", periods=expected.shape[2], freq="W-SUN")
    coords = {"crime_type": list(TYPES[: expected.shape[0]]), "cell": grid().cells, "period": weeks}
    cube = xr.DataArray(expected, dims=DIMS, coords=coords)
    counts = xr.DataArray(observed, dims=DIMS, coords=coords)
    spread = xr.zeros_like(cube)
    return Replay(forecaster, recipe, 1, cube, xr.concat([cube] * 5, "quantile"), spread, counts)


@cache
def city(periods=52):
    """Return the replays of a model that knows the rates and of a baseline that knows their order only."""
    rng = np.random.default_rng(7)
    rates = rng.gamma(1.5, 1.0, (2, 100))
    rates = np.repeat(rates[:, :, None], periods, axis=2)
    observed = rng.poisson(rates)
    blurred = np.sqrt(rates)  # the same order of places, so that it flags the same areas
    blurred *= rates.sum() / blurred.sum()
    return replay(rates, observed), replay(blurred, observed, "moving_average", "fedcba9876543210")


def explanation(name="lightgbm", error=0.0, columns=COLUMNS):
    """Return attributions that miss the forecast by an error."""
    coords = {"crime_type": list(TYPES), "cell": grid().cells, "period": pd.period_range("2022-01-03", periods=1)}
    phi = xr.DataArray(np.full((2, 100, 1, len(columns)), 0.1), dims=(*DIMS, "feature"), coords=coords)
    total = phi.sum("feature") + error
    base = xr.DataArray(np.zeros(2), dims="crime_type")
    seen = phi + np.random.default_rng(1).normal(size=phi.shape)
    return Explanation(
        phi, seen, base, total, columns, name, pd.Timestamp("2022-01-03"), robustness=robustness(columns)
    )


def robustness(columns):
    """Return what was tried on an explanation that holds."""
    names = pd.DataFrame({"feature": [one.name for one in columns], "family": [one.family for one in columns]})
    size = np.arange(len(columns)) / 10
    refits = names.assign(**{f"refit_{at}": size + at / 100 for at in range(5)})
    pairs = [(one, other) for one in columns for other in columns]
    both = pd.DataFrame(
        {
            "first": [one.name for one, _ in pairs],
            "second": [other.name for _, other in pairs],
            "first_family": [one.family for one, _ in pairs],
            "second_family": [other.family for _, other in pairs],
            "strength": 0.1,
        }
    )
    return Robustness(names.assign(path=size, interventional=size), 0.001, refits, both, rows=100)


def forecast(types=TYPES, forecaster="lightgbm", recipe=RECIPE):
    """Return next week's forecast."""
    coords = {
        "crime_type": list(types),
        "cell": grid().cells,
        "period": pd.period_range("2026-01-05", periods=1, freq="W-SUN"),
    }
    cube = xr.DataArray(np.full((len(types), 100, 1), 0.5), dims=DIMS, coords=coords)
    spread = xr.DataArray(np.zeros(len(types)), dims="crime_type", coords={"crime_type": list(types)})
    made = RiskForecast.negative_binomial(cube, spread, pd.Timestamp("2026-01-05"))
    return made.named(forecaster, recipe)
