"""Refuse schemes and files of groups that hold personal data, by the rules for every other input."""

import re
from pathlib import Path
from typing import Final

from ilp_models.data.personal_data import (
    is_personal_value,
    looks_personal,
    names_persons,
    personal_in_text,
    words_of,
)
from ilp_models.data.personal_words import PERSON_GROUPS
from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.matrix_file import COLUMNS, GroupFile
from ilp_models.strategy.groups.scheme import GroupScheme

_SOURCE: Final = COLUMNS.index("source")
_INITIALS: Final = re.compile(r"(?<![\w.])[^\W\d_]\. ?(?:[^\W\d_]\. ?)*[^\W\d_]{2,}")  # such as "A. Hoxha"
_TITLES: Final = re.compile(
    r"\b(?:mr|mrs|ms|miss|herr|frau|signor|signora|monsieur|madame|z\.|alias|aka|nickname)\b", re.I
)
# word lists of persons and their attributes are in `personal_words.toml`; these words are about origin and kin
_KIN_AND_ORIGIN: Final = frozenset(
    {
        *("family", "families", "kin", "kinship", "clan", "clans", "tribe", "tribal", "nation", "national", "origin"),
        *(
            "foreign",
            "foreigner",
            "foreigners",
            "migrant",
            "migrants",
            "immigrant",
            "immigrants",
            "refugee",
            "refugees",
        ),
        *("faith", "religious", "muslims", "jews", "roma", "ethnically", "racial"),
    }
)
_SCREENED_FIELDS: Final = ("purpose", "legal_basis")  # the others name who is responsible, and who receives the result


def screen_scheme(scheme: GroupScheme) -> None:
    """Raise InputError if an attribute is about persons, or about families, ethnic groups, religions or nations."""
    for one in scheme.marks:
        words = set(words_of(one.name)) | set(words_of(one.component))
        labels = looks_personal(one.name) or looks_personal(one.component)
        if labels or words & (_KIN_AND_ORIGIN | PERSON_GROUPS) or personal_in_text(one.definition):
            msg = (
                f"scheme.attributes: {one.name!r} is about persons, families, ethnic groups, religions or nations. Use "
                "attributes of what a group does."
            )
            raise InputError(msg)


def screen_file(file: GroupFile) -> None:
    """Raise InputError if the name, the authorisation or a source of a group file names a person."""
    if names_persons(Path(file.name).stem) or is_personal_value(Path(file.name).stem):
        msg = "matrix= has a file name that looks like personal data. Rename the file, such as groups-2027-01.xlsx."
        raise InputError(msg)
    for name in _SCREENED_FIELDS:
        if kind := personal_in_reference(file.fields.get(name, "")):
            msg = f"{file.name}: {name} holds what looks like {kind}. A matrix is about groups; leave persons out."
            raise InputError(msg)
    for number, cells in file.rows:
        if kind := personal_in_reference(cells[_SOURCE]):
            msg = (
                f"{file.name}, row {number}: the source holds what looks like {kind}. Give the number of a report, "
                "such as 'B2 R-2026-014', and leave persons out."
            )
            raise InputError(msg)


def personal_in_reference(text: str) -> str | None:
    """Return what kind of personal data a reference holds, such as ``names of persons``; None if nothing is found."""
    if _INITIALS.search(text) or _TITLES.search(text):
        return "names of persons"
    return personal_in_text(text) or ("personal data" if is_personal_value(text) else None)
