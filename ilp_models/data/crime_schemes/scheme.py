"""Crime type schemes: ICCS, NIBRS and the offence groups of England and Wales."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from ilp_models.domain.errors import InputError
from ilp_models.domain.text_table import read_text_table

TABLES: Final = Path(__file__).parent / "tables"
FACTS: Final[Mapping[str, Any]] = tomllib.loads((TABLES / "facts.toml").read_text(encoding="utf-8"))
SCHEMES: Final = tuple(FACTS["schemes"])

_NOT_COUNTED: Final = "99"


@dataclass(frozen=True)
class CrimeTypeScheme:
    """Crime types that several publishers share, by code.

    Parameters
    ----------
    name, title, source, licence : str
        Short name in settings, what the scheme is, where it is from, and under which terms.
    scope : str
        Which of its categories are here, and which codes are not its own.
    categories : mapping of str to str
        Label of each code. Codes that begin with 99 are not counted as crime.

    Examples
    --------
    >>> load_crime_scheme("iccs").categories["0401"]
    'Robbery'
    """

    name: str
    title: str
    source: str
    licence: str
    scope: str
    categories: Mapping[str, str]

    def counts(self, code: str) -> bool:
        """Return whether records of a code count as crime."""
        return not code.startswith(_NOT_COUNTED)


@cache
def load_crime_scheme(name: str) -> CrimeTypeScheme:
    """Return the scheme ``iccs``, ``nibrs`` or ``home_office``."""
    if name not in SCHEMES:
        msg = f"data.crime_scheme={name!r} is unknown. Choose one of {', '.join(SCHEMES)}, or null."
        raise InputError(msg)
    table = read_text_table(str(TABLES / f"{name}.csv"))
    categories = dict(zip(table["code"], table["label"], strict=True))
    return CrimeTypeScheme(name, **FACTS["schemes"][name], categories=categories)
