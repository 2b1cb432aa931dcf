"""Sensitivity to the choices of an audit: ranking unit, groups, areal units, and records used for training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import UNITS, with_total
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.measures.intervals import Drawn
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.flagged_map import (
    AREAL_UNIT,
    COLUMNS,
    GROUP_DEFINITION,
    RANKING_UNIT,
    TAINTED_PERIODS,
    FlaggedMap,
    compare_maps,
)
from ilp_models.domain.aggregate import area_levels
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Finding
from ilp_models.domain.replay import Replay


def vary_ranking_unit(context: CheckContext) -> pd.DataFrame:
    """Return the measures for each ranking unit, and for every harm set and reading."""
    audited = FlaggedMap.from_ranking(context)
    expected = with_total(np.asarray(context.replay.expected.values, dtype=float))
    units = [unit for unit in UNITS if context.residents or unit != "per_resident"]
    units += list(context.harm_rankings)
    maps = {unit: context.flagging_rule(unit).flagged(expected, context.land_share)[0] for unit in units}
    return pd.concat(
        [compare_maps(audited, replace(audited, flags=flags), RANKING_UNIT, unit) for unit, flags in maps.items()],
        ignore_index=True,
    )


def vary_group_definitions(context: CheckContext, definitions: Mapping[str, Sequence[Residents]]) -> pd.DataFrame:
    """Return the measures for other definitions of the groups."""
    audited = FlaggedMap.from_context(context)
    tables = [
        compare_maps(audited, replace(audited, residents=tuple(residents)), GROUP_DEFINITION, name)
        for name, residents in definitions.items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def merge_groups(residents: Residents, merged: Mapping[str, Sequence[str]]) -> Residents:
    """Return the residents with some groups merged."""
    names = [group for groups in merged.values() for group in groups]
    wrong = sorted(set(names) - set(residents.groups)) or sorted({name for name in names if names.count(name) > 1})
    if wrong:
        known = ", ".join(residents.groups)
        msg = (
            f"audit.alternative_groupings: cannot merge {wrong[0]!r} of {residents.dimension}. Name each "
            f"group at most once: {known}."
        )
        raise InputError(msg)
    unmerged = [group for group in residents.groups if group not in names]
    columns = [[group] for group in unmerged] + [list(groups) for groups in merged.values()]
    membership = np.array([[float(group in column) for column in columns] for group in residents.groups])
    return replace(
        residents,
        groups=(*unmerged, *merged),
        by_group=residents.by_group @ membership,
        by_area=residents.by_area @ membership,
    )


def vary_areal_units(context: CheckContext, others: Mapping[str, CheckContext] | None = None) -> pd.DataFrame:
    """Return the measures on other areal units: parent areas of the grid, and other grids if they are given."""
    audited = FlaggedMap.from_ranking(context)
    tables = [compare_maps(audited, other, AREAL_UNIT, name) for name, other in areal_units(context, others)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def vary_training(context: CheckContext, retrained: Replay, varied: str, setting: str) -> pd.DataFrame:
    """Return the measures of the forecaster after training on other records, such as without tainted periods."""
    difference = context.replay.difference(retrained)
    if difference:
        msg = (
            f"The forecasts as audited and after training on other records {difference}. Backtest both over the same "
            "periods, cells and crime types."
        )
        raise InputError(msg)
    audited = FlaggedMap.from_ranking(context)
    return compare_maps(audited, replace(audited, flags=context.flags_of(retrained)), varied, setting)


def areal_units(
    context: CheckContext, others: Mapping[str, CheckContext] | None = None
) -> list[tuple[str, FlaggedMap]]:
    """Return the flagged map of each other areal unit, by name."""
    levels = [level for level in area_levels(context.grid)[1:] if 1 < len(level.areas) < len(context.grid)]
    parents = [(level.name, FlaggedMap.from_area_level(context, level)) for level in levels]
    return parents + [(name, FlaggedMap.from_ranking(other)) for name, other in (others or {}).items()]


def check_tainted_periods(context: CheckContext) -> list[Finding]:
    """Return the days of training records inside tainted periods of the governance settings; none are allowed."""
    if context.options.trained is None:
        msg = "The span of the training records is unknown. Audit a run that states it."
        raise InputError(msg)
    tainted, (start, end) = context.options.governance.tainted, context.options.trained
    inside, names = set[pd.Timestamp](), []
    for one in tainted:
        first = max(pd.Timestamp(one.start), start.normalize())
        last = min(pd.Timestamp(one.end) + pd.Timedelta(days=1), end)
        days = pd.date_range(first, last, inclusive="left").normalize() if first < last else pd.DatetimeIndex([])
        inside.update(days)
        names += [f"{one.start} to {one.end} ({one.why})"] if len(days) else []
    span = float(np.ceil((end - start) / pd.Timedelta(days=1)))
    detail = (
        f"Trained on records of {'; '.join(names)}."
        if names
        else f"None of the {len(tainted)} declared periods is in the records from {start.date()} to {end.date()}."
    )
    return [context.count_finding(TAINTED_PERIODS, len(inside), detail, evidence=span)]


def check_areal_unit(context: CheckContext) -> list[Finding]:
    """Return the number of exposure ratios that are above 1 on one areal unit and below 1 on another."""
    changed, pairs = [], 0
    audited = _sides(FlaggedMap.from_ranking(context), context)
    for name, flagged_map in areal_units(context):
        for key, (sign, is_clear) in _sides(flagged_map, context).items():
            if key in audited:
                pairs += 1
                audited_sign, audited_is_clear = audited[key]
                changes = (is_clear or audited_is_clear) and sign * audited_sign < 0
                changed += [f"{'/'.join(key)} on {name}"] if changes else []
    count = float(len(changed)) if pairs else float("nan")
    needed = "areas above the cells (grid.parents)" if context.residents else "a group table (audit.groups)"
    return [
        context.finding(
            AREAL_UNIT,
            (count, count, count),
            evidence=float(pairs),
            shortfall="" if pairs else f"there is no other areal unit; give {needed}",
            detail=f"Changed: {', '.join(changed[:5])}." if changed else "",
        )
    ]


def _sides(flagged_map: FlaggedMap, context: CheckContext) -> dict[tuple[str, str, str], tuple[float, bool]]:
    """Return the sign of each exposure ratio minus 1, and whether its interval excludes 1."""
    sides = {}
    for one in flagged_map.residents:
        tally = tally_flags(Basis.from_residents(one), flagged_map.flags, flagged_map.observed)
        ratio = Drawn.from_weeks(tally, context.bootstrap).estimate(formulas.exposure_ratio)
        for row, scope in enumerate(flagged_map.scopes):
            for column, group in enumerate(one.groups):
                value, low, high = (float(part[row, column]) for part in (ratio.value, ratio.low, ratio.high))
                if np.isfinite(value):
                    sides[scope, one.dimension, group] = np.sign(value - 1), not low <= 1 <= high
    return sides
