"""Detect personal data by column name or contents, so that such columns are never read."""

import re
from itertools import pairwise
from typing import Final

import pandas as pd

_SUBJECTS: Final = (
    "victim victims vict vic suspect suspects susp offender offenders perpetrator perp arrestee arrestees defendant "
    "accused complainant witness witnesses inmate juvenile officer officers"
)
_ATTRIBUTES: Final = (
    "sex gender race ethnicity ethnic age ages dob birth birthdate birthday ssn passport phone telephone mobile "
    "cellphone email surname firstname forename forenames lastname fullname alias religion "
    "nationality citizenship descent"
)
_ATTRIBUTES_ELSEWHERE: Final = (
    "sexo edad raza etnia apellido apellidos nombres cedula nacimiento geburtsdatum vorname nachname geschlecht prenom "
    "naissance sexe"
)
_TOKENS: Final = frozenset(f"{_SUBJECTS} {_ATTRIBUTES} {_ATTRIBUTES_ELSEWHERE}".split())
_PAIRS: Final = frozenset(
    [(first, "name") for first in ("first", "last", "middle", "full", "given", "family", "maiden", "person", "nick")]
    + [(who, what) for who in ("person", "persons", "people", "individual") for what in ("id", "identifier", "number")]
    + [("e", "mail"), ("home", "address"), ("social", "security"), ("national", "id"), ("license", "plate")]
    + [("licence", "plate"), ("number", "plate"), ("driver", "license"), ("driver", "licence"), ("pnc", "id")]
)
_RUN_TOGETHER: Final = re.compile(
    r"^(victim|suspect|offender|arrestee|complainant|dateofbirth|birthdate|firstname|lastname|fullname|phonenumber)"
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IMPERSONAL_SUBJECT: Final = frozenset({"count", "counts", "based"})

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_PHONE: Final = re.compile(
    r"\+\d[\d ().-]{7,17}|\(\d{2,5}\) ?\d{3,4}[ .-]?\d{3,4}|\d{2,5}[ -]\d{3,4}[ -]\d{3,4}|\d{3}\.\d{3}\.\d{4}"
)
_DATE: Final = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{4})([ T]00:00(:00)?)?")
_NAME: Final = re.compile(r"[^\W\d_][^\W\d_]*(['-][^\W\d_]+)*, ?[^\W\d_]+(['-][^\W\d_]+)*\.?( [^\W\d_]+\.?)?")
_CRIME: Final = (
    "theft|larceny|robbery|burglary|assault|battery|homicide|murder|rape|fraud|arson|damage|vandalism|drugs?|narcotics|weapons?"
    "|trespass|threats?|stolen|vehicle|offen[sc]es?|kidnapping|extortion|shoplifting|pickpocket"
)
_COMPASS: Final = (
    "north|south|east|west|north ?east|north ?west|south ?east|south ?west|upper|lower|central|city|county|town"
)
_NOT_NAME: Final = re.compile(
    rf"(?i:^({_CRIME})\b|\b({_CRIME}|{_COMPASS}|other|aggravated|simple|attempt)$)|, ?[A-Z]{{2}}$"
)
_CONTENTS: Final = (("e-mail addresses", _EMAIL, 0.01), ("phone numbers", _PHONE, 0.5), ("birth dates", _DATE, 0.5))
_MAX_VALUES = 20_000
_MIN_NAMES = 3
_SHARE_OF_NAMES = 0.6
_DISTINCT_SHARE_OF_NAMES = 0.2


def looks_personal(column: str) -> bool:
    """Return whether the name of a column suggests personal data, such as ``VIC_AGE`` or ``officer name``."""
    words = [word.lower() for word in _WORD.findall(column)]
    if _IMPERSONAL_SUBJECT.intersection(words):
        return bool(_TOKENS.intersection(words).difference(_SUBJECTS.split()))
    pairs = set(pairwise(words))
    return bool(_TOKENS.intersection(words) or _PAIRS & pairs or _RUN_TOGETHER.match("".join(words)))


def personal_contents(values: pd.Series) -> str | None:
    """Return the kind of personal data that a column holds, such as phone numbers, or None."""
    present = values.dropna().astype("str").str.strip()
    distinct = [value for value in present.unique()[:_MAX_VALUES] if value]
    for kind, pattern, share in _CONTENTS:
        if distinct and sum(bool(pattern.fullmatch(value)) for value in distinct) >= share * len(distinct):
            return kind
    return "personal names" if _are_names(distinct, min(len(present), _MAX_VALUES)) else None


def _are_names(distinct: list[str], rows: int) -> bool:
    """Return whether labels look like "Surname, Given": they differ from row to row and name no crime or place."""
    if len(distinct) < _MIN_NAMES or len(distinct) < _DISTINCT_SHARE_OF_NAMES * rows:
        return False
    named = [value for value in distinct if _NAME.fullmatch(value) and not _NOT_NAME.search(value)]
    return len(named) >= _SHARE_OF_NAMES * len(distinct)
