"""Crime types that depend on where police look, known by their names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.sensitivity.flagging import COLUMNS, ENFORCEMENT_TYPES, FlaggedMap, compared
from ilp_models.domain.finding import ALL, Finding

ENFORCEMENT: Final = ("drug", "weapon_possession", "disorder", "prostitution", "traffic", "stop_derived")
# What publishers call these kinds. A phrase is found among the words of a name; after "=" it must be the whole name,
# as an assault with a weapon is no possession.
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


def enforcement_kind(crime_type: str, kinds: Sequence[str] = ENFORCEMENT) -> str:
    """Return which kind of enforcement a crime type is recorded by, by its name."""
    words = _words(crime_type)
    for kind in kinds:
        for phrase in (kind, *SYNONYMS.get(kind, ())):
            wanted = _words(phrase)
            whole = phrase.startswith("=")
            places = range(1 if whole else len(words) - len(wanted) + 1)
            if wanted and any(words[at : None if whole else at + len(wanted)] == wanted for at in places):
                return kind
    return ""


def check_enforcement_types(context: CheckContext) -> list[Finding]:
    """Return how many crime types are recorded where police patrol rather than where crime happens.

    A map learned from such records sends patrols to where patrols were (Lum and Isaac 2016). Types are recognised by
    their names; a type with an unusual name is not found.
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


def vary_types(evidence: CheckContext, kinds: Sequence[str] = ENFORCEMENT) -> pd.DataFrame:
    """Return the measures of the pool of crime types without those that depend on where police look.

    The other types' own maps stay as they are: a type's map is learned anew only by a new run without the rest.
    """
    types = evidence.replay.crime_types
    kept = [at for at, name in enumerate(types) if not enforcement_kind(name, kinds)]
    if len(kept) in (0, len(types)):
        return pd.DataFrame(columns=list(COLUMNS))
    audited = FlaggedMap.from_context(evidence)
    scopes = (*(types[at] for at in kept), ALL) if len(kept) > 1 else (ALL,)  # one type alone is its own pool
    without = replace(audited, flags=audited.flags[kept], observed=audited.observed[kept], scopes=scopes)
    left = ", ".join(name for at, name in enumerate(types) if at not in kept)
    table = compared(audited, without, ENFORCEMENT_TYPES, f"without {left}")
    return table[table["crime_type"] == ALL].reset_index(drop=True)


def _words(name: str) -> list[str]:
    """Return the words of a name without case and plural."""
    found = re.findall(r"[^\W_]+", name.casefold())
    return [word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word for word in found]
