"""Checks of enforcement-driven crime types: their records depend on where police patrol."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.sensitivity.flagged_map import COLUMNS, ENFORCEMENT_TYPES, FlaggedMap, compare_maps
from ilp_models.domain.enforcement_kinds import ENFORCEMENT_KINDS, enforcement_kind
from ilp_models.domain.finding import ALL, Finding


def check_enforcement_types(context: CheckContext) -> list[Finding]:
    """Return the number of enforcement-driven crime types in the forecast; none are allowed.

    Their records reflect patrols and stops as much as crime, so a map of them repeats earlier patrols (Lum and Isaac
    2016). Crime types are recognised by name: a type with an unusual name is not found.
    """
    types, kinds = context.replay.crime_types, context.options.enforcement_types
    found = {name: kind for name in types if (kind := enforcement_kind(name, kinds))}
    named = ", ".join(f"{name} ({kind})" for name, kind in found.items())
    detail = (
        f"Recorded by police activity: {named}."
        if found
        else f"None of {len(types)} crime types is named after police activity."
    )
    return [context.count_finding("enforcement_types", len(found), detail, evidence=len(types))]


def vary_enforcement_types(context: CheckContext, kinds: Sequence[str] = ENFORCEMENT_KINDS) -> pd.DataFrame:
    """Return the measures of all crime types together without the enforcement-driven ones.

    The forecasts of the other types are unchanged: only a new run refits them without the excluded types.
    """
    types = context.replay.crime_types
    other_types = [at for at, name in enumerate(types) if not enforcement_kind(name, kinds)]
    if len(other_types) in (0, len(types)):
        return pd.DataFrame(columns=list(COLUMNS))
    audited = FlaggedMap.from_context(context)
    scopes = (
        (*(types[at] for at in other_types), ALL) if len(other_types) > 1 else (ALL,)
    )  # a single type is its own pool
    without = replace(
        audited, flags=context.flags_without(other_types), observed=audited.observed[other_types], scopes=scopes
    )
    excluded = ", ".join(name for at, name in enumerate(types) if at not in other_types)
    table = compare_maps(audited, without, ENFORCEMENT_TYPES, f"without {excluded}")
    return table[table["crime_type"] == ALL].reset_index(drop=True)
