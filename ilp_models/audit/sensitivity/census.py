"""Sensitivity to census errors: measures of groups for tables of residents drawn from the sampling error."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.formulas import group_ratio
from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums, flag_cubes
from ilp_models.audit.measures.table import OF_FLAGS
from ilp_models.audit.residents import Residents
from ilp_models.domain.finding import REPORTED, Finding, Key, State

Floats = npt.NDArray[np.float64]

DRAWS: Final = 200
COLUMNS: Final = (
    *("crime_type", "dimension", "group", "measure", "value", "week_low", "week_high", "census_low", "census_high"),
    *("state", "state_at_low", "state_at_high", "changes"),
)


def vary_census(
    context: CheckContext, samples: Iterable[tuple[Residents, ...]], findings: Sequence[Finding]
) -> pd.DataFrame:
    """Return the findings on flagged areas with their census intervals, and their states at both ends."""
    cubes = flag_cubes(context.flags, context.observed, context.baseline_flags)
    periods = context.observed.shape[2]
    summed = {name: cube._replace(values=cube.values.sum(axis=2, keepdims=True)) for name, cube in cubes.items()}
    totals = [[_period_sums(one, summed, periods) for one in table] for table in samples]
    ends: dict[Key, tuple[float, float]] = {}
    for residents, sums_by_draw in zip(context.residents, zip(*totals, strict=True), strict=True):
        sums = {name: np.stack([draw[name] for draw in sums_by_draw]) for name in sums_by_draw[0]}
        ends |= _intervals(context, residents, _period_sums(residents, summed, periods), sums)
    rows = [_row(finding, *ends[finding.key]) for finding in findings if finding.key in ends]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _period_sums(residents: Residents, summed: dict[str, Cube], periods: int) -> formulas.Totals:
    """Return sums over all periods. Cubes are summed over periods before, so that a draw is one matrix product."""
    return replace(GroupSums.from_cubes(Basis.from_residents(residents), summed), periods=periods).whole


def _intervals(
    context: CheckContext, residents: Residents, published: formulas.Totals, sums: formulas.Totals
) -> dict[Key, tuple[float, float]]:
    """Return the census interval of each measure, by the key of its finding."""
    tail = (1 - context.bootstrap.confidence) / 2
    enough = context.min_evidence.met(published["burdened"][..., :-1], residents.areas_of_half)
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = {name: (residents.groups, formula(sums)) for name, formula in OF_FLAGS.items()}
        lowest = group_ratio(formulas.coverage(published), enough, lowest=True)
        measures["coverage_ratio"] = (("",), lowest(formulas.coverage(sums))[..., None])
        ends = {name: np.quantile(values, (tail, 1 - tail), axis=0) for name, (_, values) in measures.items()}
    return {
        (name, scope, residents.dimension, group): (float(low[row, at]), float(high[row, at]))
        for name, (low, high) in ends.items()
        for row, scope in enumerate(context.scopes)
        for at, group in enumerate(measures[name][0])
    }


def _row(finding: Finding, low: float, high: float) -> dict[str, object]:
    states = [_state_at(finding, end) for end in (finding.value, low, high)]
    numbers = (finding.value, finding.low, finding.high, low, high)
    about = (finding.crime_type, finding.dimension, finding.group, finding.check)
    return dict(zip(COLUMNS, (*about, *numbers, *states, len(set(states)) > 1), strict=True))


def _state_at(finding: Finding, end: float) -> str:
    if not finding.required or finding.limit is None:
        return REPORTED
    if finding.state is State.INSUFFICIENT:
        return str(finding.state)
    moved = end - finding.value
    return str(finding.limit.judge(end, finding.low + moved, finding.high + moved))
