"""Other choices an audit could have been made by: ranking unit, groups, areal unit, records trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import HARM, UNITS
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.flagging import (
    AREAL_UNIT,
    COLUMNS,
    GROUP_DEFINITION,
    RANKING_UNIT,
    FlaggedMap,
    compared,
)
from ilp_models.domain.aggregate import area_levels
from ilp_models.domain.errors import InputError
from ilp_models.domain.replay import Replay


def vary_unit(evidence: CheckContext) -> pd.DataFrame:
    """Return the measures under every ranking unit.

    Parameters
    ----------
    evidence : Evidence
        Forecasts, events and residents; without residents cells are not ranked per resident.

    Returns
    -------
    DataFrame
        The columns of ``COLUMNS``; one setting a unit, the audited one included.
    """
    audited = FlaggedMap.from_context(evidence)
    expected = np.asarray(evidence.replay.expected.values, dtype=float)
    units = [unit for unit in UNITS if evidence.residents or unit != "per_resident"]
    units += [HARM] if evidence.harm else []
    maps = {unit: evidence.cut(unit).flagged(expected, evidence.share)[0] for unit in units}
    return pd.concat(
        [compared(audited, replace(audited, flags=flags), RANKING_UNIT, unit) for unit, flags in maps.items()],
        ignore_index=True,
    )


def vary_groups(evidence: CheckContext, definitions: Mapping[str, Sequence[Residents]]) -> pd.DataFrame:
    """Return the measures under other definitions of the groups.

    Parameters
    ----------
    evidence : Evidence
        Flags and events.
    definitions : mapping of str to sequence of Residents
        Residents of the same cells by the name of each definition; :func:`merge_groups` makes some.

    Returns
    -------
    DataFrame
        The columns of ``COLUMNS``; ``against`` is there for groups and dimensions that keep their name.
    """
    audited = FlaggedMap.from_context(evidence)
    tables = [
        compared(audited, replace(audited, residents=tuple(residents)), GROUP_DEFINITION, name)
        for name, residents in definitions.items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def merge_groups(residents: Residents, merged: Mapping[str, Sequence[str]]) -> Residents:
    """Return the same residents with some groups put together.

    Parameters
    ----------
    residents : Residents
        Groups that exclude each other.
    merged : mapping of str to sequence of str
        Groups that become one, by its name; the others stay.

    Returns
    -------
    Residents
        The groups that stayed, then the new ones.

    Raises
    ------
    InputError
        If a group is not there or is put into two.
    """
    names = [group for groups in merged.values() for group in groups]
    wrong = sorted(set(names) - set(residents.groups)) or sorted({name for name in names if names.count(name) > 1})
    if wrong:
        known = ", ".join(residents.groups)
        msg = f"{residents.dimension}: cannot merge {wrong[0]!r}; name each of {known} once at most."
        raise InputError(msg)
    kept = [group for group in residents.groups if group not in names]
    columns = [[group] for group in kept] + [list(groups) for groups in merged.values()]
    adding = np.array([[float(group in column) for column in columns] for group in residents.groups])
    return replace(
        residents,
        groups=(*kept, *merged),
        by_group=residents.by_group @ adding,
        by_area=residents.by_area @ adding,
    )


def vary_areas(evidence: CheckContext, others: Mapping[str, CheckContext] | None = None) -> pd.DataFrame:
    """Return the measures on other areal units: parent areas of the grid, and other grids where they are given.

    Parameters
    ----------
    evidence : Evidence
        As audited.
    others : mapping of str to Evidence, optional
        Audits of the same forecaster on other grids, by their names.

    Returns
    -------
    DataFrame
        The columns of ``COLUMNS``; a setting for each level of parent areas with two areas or more, and each grid.
    """
    audited = FlaggedMap.from_context(evidence)
    tables = [compared(audited, other, AREAL_UNIT, name) for name, other in areal_units(evidence, others)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def vary_training(evidence: CheckContext, retrained: Replay, varied: str, setting: str) -> pd.DataFrame:
    """Return the measures of the forecaster trained on other records, such as without tainted periods.

    Parameters
    ----------
    evidence : Evidence
        As audited.
    retrained : Replay
        The same forecaster trained otherwise, replayed over the same units.
    varied, setting : str
        Such as ``tainted_periods`` and ``without 2016-01-01 to 2016-12-31``.

    Returns
    -------
    DataFrame
        The columns of ``COLUMNS``.

    Raises
    ------
    InputError
        If the replay is of other crime types, cells or periods.
    """
    difference = evidence.replay.difference(retrained)
    if difference:
        msg = (
            f"The forecaster as audited and as trained on other records {difference}; replay both over the same units."
        )
        raise InputError(msg)
    audited = FlaggedMap.from_context(evidence)
    return compared(audited, replace(audited, flags=evidence.flags_of(retrained)), varied, setting)


def areal_units(
    evidence: CheckContext, others: Mapping[str, CheckContext] | None = None
) -> list[tuple[str, FlaggedMap]]:
    """Return what was flagged on every other areal unit that is known.

    Parameters
    ----------
    evidence : Evidence
        As audited.
    others : mapping of str to Evidence, optional
        Audits of the same forecaster on other grids, by their names.

    Returns
    -------
    list of (str, Flagging)
        Levels of parent areas with two areas or more, fewer than there are cells; then the other grids.
    """
    levels = [level for level in area_levels(evidence.grid)[1:] if 1 < len(level.areas) < len(evidence.grid)]
    parents = [(level.name, FlaggedMap.from_area_level(evidence, level)) for level in levels]
    return parents + [(name, FlaggedMap.from_context(other)) for name, other in (others or {}).items()]
