"""Recognise enforcement-driven crime types by their names: their records depend on where police patrol."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

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
        *("=weapon", "=firearm", "=dangerous weapon", "=possession of dangerous weapon", "acts involving weapon"),
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
        *("=dangerous act", "acts against public safety"),  # ICCS: driving under the influence, traffic
    ),
    "stop_derived": (
        *("stop derived", "stop and search", "stop and frisk", "stop and account", "street check", "field interview"),
        *("resisting arrest", "obstructing police", "obstruction of police", "interference with public officer"),
        *("warrant arrest", "=warrant", "=arrest"),
        # residual categories of NIBRS and ICCS, which hold warrants, probation and obstruction
        *("=all other offense", "other criminal acts not elsewhere classified"),
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


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case and singular."""
    found = re.findall(r"[^\W_]+", name.casefold())
    return [word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word for word in found]
