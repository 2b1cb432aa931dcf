"""Check the settings that name crime types, areas and groups against the records, before hours of backtest."""

import logging
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from ilp_models.audit.audit import Audit
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.reporting_rates import check_underreporting_group
from ilp_models.audit.sensitivity.variants import merge_groups
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.errors import InputError
from ilp_models.domain.harm import sets_side_by_side
from ilp_models.domain.scores import ALL
from ilp_models.export.writers import Export
from ilp_models.pipeline.study import Study
from ilp_models.scoring.scores import Scoring

_LOG = logging.getLogger(__name__)
_SHOWN: Final = 5


def check_before_backtest(audit: Audit, scoring: Scoring, study: Study, plan: RollingOrigin, export: Export) -> None:
    """Raise InputError where a setting names what the records do not have, or a file cannot hold the grid.

    Groups with too little evidence are named in a warning.
    """
    types, grid = study.events.crime_types, study.grid_at(study.cutoff)
    export.check_size(len(grid), len(types) * len(grid) * plan.horizon)
    for harm_set in (*sets_side_by_side(scoring.harm_sets), *sets_side_by_side(audit.harm_sets)):
        harm_set.for_types(types)
    audit.feedback.check_crime_types(types)
    audit.governance.check_outcomes(types)
    audit.reporting_rates.to_cells(grid)
    if audit.groups.path is None and audit.groups.source is None:
        return
    residents = audit.groups.to_cells(grid)
    if audit.underreporting_group is not None:
        check_underreporting_group(residents, (audit.underreporting_group[0], audit.underreporting_group[1]))
    _check_groupings(audit, residents)
    lacking = list(_groups_without_evidence(audit, study, plan))
    if lacking:
        more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        _LOG.warning(
            "Too little evidence in %d test periods for %s%s (audit.min_evidence). These checks cannot pass, so the "
            "forecast will be withheld. Merge small groups, or test more periods.",
            plan.test_periods,
            ", ".join(lacking[:_SHOWN]),
            more,
        )


def _check_groupings(audit: Audit, residents: Sequence[Residents]) -> None:
    by_name = {one.dimension: one for one in residents}
    for name, dimensions in audit.alternative_groupings.items():
        for dimension, merged in dimensions.items():
            if dimension not in by_name:
                known = ", ".join(by_name)
                msg = f"audit.alternative_groupings.{name} names {dimension!r}; the dimensions are {known}. Correct it."
                raise InputError(msg)
            merge_groups(by_name[dimension], merged)


def _groups_without_evidence(audit: Audit, study: Study, plan: RollingOrigin) -> Iterator[str]:
    """Yield the groups with too few recorded events or areas in the test periods, each with its number."""
    needed, folds = audit.evidence_needed, plan.folds(study.events, study.calendar)
    grid, events = study.grid_at(folds[0].cutoff), study.events.table
    tested = events["occurred_at"].between(folds[0].cutoff, folds[-1].periods[0].end_time).to_numpy()
    cell, codes = grid.locate(study.events), events["crime_type"].cat.codes.to_numpy()
    inside = tested & (cell >= 0)
    counts = np.zeros((len(study.events.crime_types), len(grid)))
    np.add.at(counts, (codes[inside], cell[inside]), 1.0)
    names = list(study.events.crime_types)
    if len(names) > 1:
        counts, names = np.vstack([counts, counts.sum(axis=0)]), [*names, ALL]
    for one in audit.groups.to_cells(grid):
        weighted = counts @ one.shares
        for group, areas in zip(one.groups, one.areas_of_half, strict=True):
            if areas < needed.areas:
                yield f"{one.dimension} {group} ({areas} of {needed.areas} areas, {needed.areas - areas} lacking)"
        for row, name in enumerate(names):
            for at in np.flatnonzero(weighted[row] < needed.events):
                found = float(weighted[row, at])
                lacking = f"{found:.0f} of {needed.events:g} events, {needed.events - found:.0f} lacking"
                yield f"{one.dimension} {one.groups[at]}, {name} ({lacking})"
