"""Enforcement-driven crime types, recognised by their names: their records depend on where police patrol."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.sensitivity.flagged_map import COLUMNS, ENFORCEMENT_TYPES, FlaggedMap, compare_maps
from ilp_models.domain.finding import ALL, Finding

ENFORCEMENT_KINDS: Final = ("drug", "weapon_possession", "disorder", "prostitution", "traffic", "stop_derived")
# Names of these kinds in published data. A phrase matches consecutive words of a name. After "=" it must be the whole
# name: an assault with a weapon is not a possession.
SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "drug": (
        *("drug", "narcotic", "controlled substance", "controlled drug", "cannabis", "marijuana", "marihuana"),
        *("cocaine", "heroin", "opioid", "stupefiant", "estupefacientes"),
    ),
    "weapon_possession": (
        *("weapon possession", "possession of weapon", "possession of firearm", "possession of a weapon"),
        *("possession of an offensive weapon", "firearm possession", "weapon violation", "weapon law violation"),
        *("weapon offence", "weapon offense", "concealed carry", "unlawful use of weapon", "carrying weapon"),
        *("=weapon", "=firearm", "=dangerous weapon", "=possession of dangerous weapon"),
    ),
    "disorder": (
        *(
            "disorder",
            "disorderly",
            "public order",
            "pub ord",
            "public peace",
            "breach of peace",
            "loitering",
            "vagrancy",
        ),
        *("public indecency", "public intoxication", "drunkenness", "liquor law", "gambling", "begging"),
    ),
    "prostitution": ("prostitution", "soliciting", "commercialized vice", "commercial vice", "=vice", "brothel"),
    "traffic": (
        *("traffic", "driving under influence", "driving under the influence", "dui", "dwi", "impaired driving"),
        *("intoxicated and impaired driving", "drink driving", "drunk driving", "driving offence", "driving offense"),
    ),
    "stop_derived": (
        *("stop derived", "stop and search", "stop and frisk", "stop and account", "street check", "field interview"),
        *("resisting arrest", "obstructing police", "obstruction of police", "interference with public officer"),
        *("warrant arrest", "=warrant", "=arrest"),
    ),
}


def enforcement_kind(crime_type: str, kinds: Sequence[str] = ENFORCEMENT_KINDS) -> str:
    """Return the kind of enforcement that the name of a crime type implies; empty if none."""
    words = _words(crime_type)
    for kind in kinds:
        for phrase in (kind, *SYNONYMS.get(kind, ())):
            phrase_words = _words(phrase)
            whole = phrase.startswith("=")
            starts = range(1 if whole else len(words) - len(phrase_words) + 1)
            if phrase_words and any(
                words[at : None if whole else at + len(phrase_words)] == phrase_words for at in starts
            ):
                return kind
    return ""


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


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case and singular."""
    found = re.findall(r"[^\W_]+", name.casefold())
    return [word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word for word in found]
