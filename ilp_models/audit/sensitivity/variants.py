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
    """Return the measures under every ranking unit."""
    audited = FlaggedMap.from_context(evidence)
    expected = np.asarray(evidence.replay.expected.values, dtype=float)
    units = [unit for unit in UNITS if evidence.residents or unit != "per_resident"]
    units += [HARM] if evidence.harm else []
    maps = {unit: evidence.flagging_rule(unit).flagged(expected, evidence.share)[0] for unit in units}
    return pd.concat(
        [compared(audited, replace(audited, flags=flags), RANKING_UNIT, unit) for unit, flags in maps.items()],
        ignore_index=True,
    )


def vary_groups(evidence: CheckContext, definitions: Mapping[str, Sequence[Residents]]) -> pd.DataFrame:
    """Return the measures under other definitions of the groups."""
    audited = FlaggedMap.from_context(evidence)
    tables = [
        compared(audited, replace(audited, residents=tuple(residents)), GROUP_DEFINITION, name)
        for name, residents in definitions.items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def merge_groups(residents: Residents, merged: Mapping[str, Sequence[str]]) -> Residents:
    """Return the same residents with some groups put together."""
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
    """Return the measures on other areal units: parent areas of the grid, and other grids where they are given."""
    audited = FlaggedMap.from_context(evidence)
    tables = [compared(audited, other, AREAL_UNIT, name) for name, other in areal_units(evidence, others)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def vary_training(evidence: CheckContext, retrained: Replay, varied: str, setting: str) -> pd.DataFrame:
    """Return the measures of the forecaster trained on other records, such as without tainted periods."""
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
    """Return what was flagged on every other areal unit that is known."""
    levels = [level for level in area_levels(evidence.grid)[1:] if 1 < len(level.areas) < len(evidence.grid)]
    parents = [(level.name, FlaggedMap.from_area_level(evidence, level)) for level in levels]
    return parents + [(name, FlaggedMap.from_context(other)) for name, other in (others or {}).items()]
