"""Scenarios of a threat assessment: what a week's hours would cover, by events and by harm, if one choice changes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.objective import CoverageValue, harm_covered
from ilp_models.allocation.top_areas import TopAreas
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.events import Events
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.domain.recipe import describe
from ilp_models.model.means.level_share import LevelShare
from ilp_models.pipeline.audited_rule import CellPlanner, territory_of
from ilp_models.pipeline.forecasting import NextForecast, make_forecast
from ilp_models.strategy.threats.assessment import ThreatAssessment
from ilp_models.strategy.threats.scenarios import Scenarios

_TODAY: Final = "today's hours"


@dataclass(frozen=True, eq=False)
class _Choice:
    """One scenario: a factor of the hours, the harm that is covered (none: events), and a threat that is left out."""

    name: str
    hours: float = 1.0
    harm: HarmWeights | None = None
    left_out: str = ""


def run_scenarios(assessment: ThreatAssessment, events: Events, grid: GridSpec, scenarios: Scenarios) -> pd.DataFrame:
    """Return what the hours of the next week cover in each scenario, and which threats can be first.

    The forecast is that of level and share. Hours go to the cells with the highest value, as the default rule does.
    Nothing is audited: the rows show the price of a choice, and are no plan.
    """
    forecast = make_forecast(LevelShare(), events.select_types(assessment.threats), grid, name="level_share")
    weights = [one.weights for one in assessment.rankings]
    choices = [
        _Choice(_TODAY),
        *(_Choice(f"{100 * factor:g} % of today's hours", hours=factor) for factor in scenarios.hours),
        *(_Choice(f"choose cells by harm under {one.name}", harm=one) for one in weights),
        *(_Choice(f"leave out {threat}", left_out=threat) for threat in assessment.threats),
    ]
    rows = [_row(choice, assessment, forecast, scenarios) for choice in choices]
    table = pd.DataFrame(rows)
    return table.assign(difference=table["events_covered"] - table["events_covered"].iloc[0])


def with_scenarios(
    assessment: ThreatAssessment, events: Events, grid: GridSpec, scenarios: Scenarios
) -> ThreatAssessment:
    """Return the assessment with its scenarios; their settings are among its facts."""
    facts = {**assessment.facts, "scenarios": describe(scenarios)}
    return replace(assessment, scenarios=run_scenarios(assessment, events, grid, scenarios), facts=facts)


def _row(choice: _Choice, assessment: ThreatAssessment, forecast: NextForecast, scenarios: Scenarios) -> dict[str, Any]:
    expected = np.asarray(forecast.forecast.expected.values, dtype=float)
    types = tuple(str(name) for name in forecast.forecast.expected.indexes["crime_type"])
    share = _covered(choice, expected, types, forecast, scenarios)
    events = float((share * expected.sum(axis=0)).sum())
    harm = harm_covered(share, expected, types, [one.weights for one in assessment.rankings])
    parts = {f"harm_{row['harm_set']}_{row['reading']}": row["share"] for row in harm.to_dict("records")}
    left = assessment.rankings if not choice.left_out else assessment.without(choice.left_out)
    first = {
        f"first_{one.weights.name}": ", ".join(
            name for name, rank in zip(one.ranking.names, one.ranking.rank_from, strict=True) if rank == 1
        )
        for one in left
    }
    return {
        "scenario": choice.name,
        "hours": choice.hours,
        "events_covered": events,
        "share_of_events": events / expected.sum() if expected.sum() > 0 else float("nan"),
        **parts,
        **first,
    }


def _covered(
    choice: _Choice,
    expected: npt.NDArray[np.float64],
    types: tuple[str, ...],
    forecast: NextForecast,
    scenarios: Scenarios,
) -> npt.NDArray[np.float64]:
    """Return the covered share of each cell; a threat that is left out counts for nothing in the choice of cells."""
    counted = expected * np.array([kind != choice.left_out for kind in types])[:, None, None]
    harm: Mapping[str, float] = choice.harm.by_type() if choice.harm is not None else {}
    budget = Budget(budget_share=choice.hours * scenarios.budget_share, budget_unit="hours")
    grid = forecast.grid
    territory = territory_of(grid, forecast.places.area, ())
    planner = CellPlanner(TopAreas(budget), territory, "count", CoverageValue(harm=harm), types)
    return planner.plan(counted, LocalProcesses(jobs=1)).share
