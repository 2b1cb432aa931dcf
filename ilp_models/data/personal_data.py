"""Detect personal data by the name of a column, file or layer, and by the contents of a column of labels."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.personal_words import (
    ATTRIBUTES,
    EMBEDDED,
    GIVEN_NAMES,
    IMPERSONAL,
    LOOK_ALIKES,
    PAIRS,
    PATROL_PAIRS,
    PATROLS,
    PERSON_GROUPS,
    POSITIONS,
    SUBJECTS,
    UNKNOWN,
)

Counts = npt.NDArray[np.int64]

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")

_LETTERS: Final = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "\u0131": "i", "ß": "ss", "æ": "ae"})

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_PHONE: Final = re.compile(
    r"\+\d[\d ().-]{7,17}|\(\d{2,5}\) ?\d{3,4}[ .-]?\d{3,4}|\d{2,5}[ -]\d{3,4}[ -]\d{3,4}|\d{3}\.\d{3}\.\d{4}"
    r"|0\d{9,10}|0\d{2,4}[ /-]\d{6,8}"
)
_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK: Final = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AP]M)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_DATE: Final = re.compile(
    rf"(?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\2(?:\d{{4}}|\d{{2}}))\.?{_CLOCK}"
    rf"|(?:18|19|20)\d{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[ -]{_MONTH}[ -,]+\d{{2,4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}",
    re.IGNORECASE,
)
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
_IDENTITY: Final = re.compile(
    r"\d{3}-\d{2}-\d{4}|[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]|\d{3}\.\d{3}\.\d{3}-\d{2}"
    r"|[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]|\d{6}[-+]\d{4}|\d{8}-?[A-Z]|[A-Z]\d{8}[A-Z]|[A-Z]{2}\d{2}(?: ?\d{4}){3,7}"
    r"|(?:\d{4}[ -]){3}\d{4}"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=.*[a-f])[0-9a-f]{16,128}",
    re.IGNORECASE,
)
_PLATE: Final = re.compile(
    r"[A-Z]{2}\d{2} ?[A-Z]{3}|[A-Z]{3}[- ]?\d{3,4}|\d[A-Z]{3}\d{3}|[A-ZÄÖÜ]{1,3}[- ][A-Z]{1,2} ?\d{1,4}[EH]?"
    r"|[A-Z]{2}[- ]?\d{3}[- ]?[A-Z]{2}|\d{4}[- ]?[BCDFGHJKLMNPRSTVWXYZ]{3}|[A-Z]{3}-?\d[A-Z0-9]\d{2}"
    r"|[A-Z]{3}-\d{2}-\d{2}|\d{2}-[A-Z]{2,3}-\d{1,2}|[A-Z]{2}-\d{2}-\d{2}|[A-Z]{1,2} \d{4,6}|\d{2} ?[A-Z]{1,3} ?\d{2,4}"
)
_STREET: Final = (
    "street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|boulevard|blvd|place|pl|way|terrace|crescent|close|highway|hwy"
    "|rue|allee|chemin|impasse|quai|calle|avenida|avda|carrera|camino|via|viale|corso|piazza|rua|travessa|rruga|rr|bulevardi|ulica|ul|gatan"
    "|gata|veien|vagen|sokak|caddesi"
)
_ADDRESS: Final = re.compile(
    rf"(?=.*(?<![\w-])\d{{1,5}}[a-z]?(?![\w-]))(?:.*\b(?:{_STREET})\b.*|.*(?:stra(?:ss|ß)e|str\.|weg|gasse|straat|laan|platz)\b.*)",
    re.IGNORECASE,
)
_POINT: Final = re.compile(r"\(?-?\d{1,3}\.\d{3,}[,; ]+-?\d{1,3}\.\d{3,}\)?|POINT ?\(.*\)")
_AGE_BAND: Final = re.compile(
    r"(?:age )?(\d{1,2}) ?(?:-|\u2013|to) ?(\d{1,3})|\d{2} ?\+|[<>]=? ?\d{2}|under \d{2}|over \d{2}"
)
_CONTENTS: Final = (
    ("e-mail addresses", _EMAIL, 0.01),
    ("phone numbers", _PHONE, 0.5),
    ("birth dates", _DATE, 0.5),
    ("identity numbers", _IDENTITY, 0.5),
    ("street addresses", _ADDRESS, 0.5),
    ("exact coordinates", _POINT, 0.5),
)
ALWAYS_PERSONAL: Final = ("e-mail addresses", "phone numbers", "birth dates", "identity numbers", "exact coordinates")
_MAX_VALUES: Final = 20_000
_MAX_LENGTH: Final = 200  # characters of a label that are compared with patterns
_MIN_NAMES: Final = 3
_SHARE_OF_NAMES: Final = 0.6
_DISTINCT_SHARE_OF_NAMES: Final = 0.2
_SHARE_OF_GIVEN_NAMES: Final = 0.3
_SHARE_OF_NAMED_AREAS: Final = 0.8
_SHARE_OF_PLATES: Final = 0.6
_DISTINCT_SHARE_OF_PLATES: Final = 0.5
_SHARE_OF_GROUPS: Final = 0.6
_MIN_LABELS: Final = 5
_MAX_NAME_WORDS: Final = 4
_MIN_RUN: Final = 30  # consecutive whole numbers that are taken for ages or years of birth
_RUN_SHARE: Final = 0.8
_RUNS: Final = (("ages", 0, 115), ("years of birth", 1900, 2030))


_IN_TEXT: Final = (
    ("e-mail addresses", _EMAIL),
    ("phone numbers", re.compile(rf"(?<![\w-])(?:{_PHONE.pattern})(?![\w-])")),
    ("identity numbers", re.compile(rf"(?<![\w-])(?:{_IDENTITY.pattern})(?![\w-])", re.IGNORECASE)),
    ("addresses", re.compile(rf"\b\d{{1,5}}[A-Za-z]? (?:[^\W\da-z_][\w'-]+ ){{1,3}}(?i:{_STREET})\b")),
)


def fold(text: str) -> str:
    """Return text without accents, invisible characters, full-width forms and letters that imitate Latin ones."""
    plain = unicodedata.normalize("NFKD", text).translate(_LETTERS)
    plain = "".join(one for one in plain if unicodedata.category(one) not in ("Mn", "Cf"))
    return plain.translate(LOOK_ALIKES) if re.search(r"[A-Za-z]", plain) else plain


def words_of(text: str) -> list[str]:
    """Return the words of a name in lower case, such as ``vict`` and ``age`` of ``VictAge``."""
    return [word.lower() for word in _WORD.findall(fold(text))]


def looks_personal(column: str) -> bool:
    """Return whether the name of a column suggests personal data, such as ``VIC_AGE`` or ``officer name``."""
    words = words_of(column)
    if any(_in(word, IMPERSONAL) for word in words):
        return any(_in(word, ATTRIBUTES) for word in words)
    return names_persons(column) or any(_in(word, ATTRIBUTES) for word in words)


def names_persons(text: str) -> bool:
    """Return whether a name means persons or their identifiers, such as ``sex_offenders``; attributes do not count."""
    words = words_of(text)
    joined = "".join(words)
    return (
        any(_in(word, SUBJECTS) for word in words)
        or bool(PAIRS & set(pairwise(words)))
        or any(part in joined for part in EMBEDDED)
    )


def names_patrol(column: str) -> bool:
    """Return whether the name of a column means an officer, a crew, a car, its radio or its position."""
    words = words_of(column)
    return (
        any(_in(word, PATROLS) or word in POSITIONS for word in words)
        or bool(PATROL_PAIRS & set(pairwise(words)))
        or any("".join(words).startswith("".join(pair)) for pair in PATROL_PAIRS)
    )


def personal_contents(values: pd.Series, rows: Counts | None = None) -> str | None:
    """Return the kind of personal data that the patterns of labels show, such as phone numbers, or None.

    ``rows`` is the number of records with each value, by default one.
    """
    present, distinct = _labels(values, rows)
    for kind, pattern, share in _CONTENTS:
        if _share(distinct, pattern) >= share:
            return kind
    return "personal names" if _are_names(distinct, min(present, _MAX_VALUES)) else None


def personal_labels(values: pd.Series, rows: Counts | None = None, *, areas: bool = False) -> str | None:
    """Return the kind of personal data that labels probably are, such as given names or number plates, or None.

    These patterns also fit some names and codes of official areas. If the labels are known to divide the map
    (``areas``), only names of persons count, and only if most labels are such names. ``rows`` is as above.
    """
    present, distinct = _labels(values, rows)
    if areas:
        return "personal names" if _have_given_names(distinct, _SHARE_OF_NAMED_AREAS) else None
    tests: Sequence[tuple[str, Callable[[list[str]], bool]]] = (
        ("personal names", _have_given_names),
        ("groups of persons (ethnicity, sex or religion)", _are_groups),
        ("age bands", _are_age_bands),
        ("number plates", lambda labels: _are_plates(labels, present)),
    )
    return next((kind for kind, test in tests if test(distinct)), None)


def numbers_of_persons(values: pd.Series) -> str | None:
    """Return ages or years of birth if nearly all labels are whole numbers of such a range, or None."""
    distinct = _labels(values)[1]
    return next((kind for kind, low, high in _RUNS if _is_run(distinct, low, high)), None)


def personal_in_text(text: str) -> str | None:
    """Return what kind of personal data a sentence holds, such as ``phone numbers``; None if nothing is found."""
    for kind, pattern in _IN_TEXT:
        if pattern.search(text):
            return kind
    words = re.findall(r"[^\W\d_][\w'-]*", text)
    pairs = ((one, other) for one, other in pairwise(words) if one[0].isupper() and other[0].isupper())
    named = (
        _has_given_name(f"{one} {other}") and not re.fullmatch(_STREET, other, re.IGNORECASE) for one, other in pairs
    )
    return "names of persons" if any(named) else None


def is_personal_value(text: str) -> bool:
    """Return whether one value looks like a name, an address, a date or an identifier of a person."""
    value = unicodedata.normalize("NFKC", text[:_MAX_LENGTH]).strip()
    parts = [value, *(part.strip() for part in re.split(r"[,;|/]", value))]
    found = any(pattern.fullmatch(part) for _, pattern, _ in _CONTENTS for part in parts)
    return found or any(_has_given_name(part) for part in parts)


def _labels(values: pd.Series, rows: Counts | None = None) -> tuple[int, list[str]]:
    """Return the number of values and the distinct ones as text, cut to a length at which patterns are fast."""
    known = values.notna().to_numpy()
    present, count = values[known], int(known.sum() if rows is None else rows[known].sum())
    texts = dict.fromkeys(str(value).strip()[:_MAX_LENGTH] for value in present.unique())
    kept = (re.sub(r"^(\d+)\.0$", r"\1", text) for text in list(texts)[:_MAX_VALUES] if text)
    return count, [unicodedata.normalize("NFKC", text) for text in kept]


def _share(labels: list[str], pattern: re.Pattern[str]) -> float:
    return sum(bool(pattern.fullmatch(label)) for label in labels) / len(labels) if labels else 0.0


def _in(word: str, known: Iterable[str]) -> bool:
    """Return whether a word or its singular is known."""
    return word in known or (len(word) > 3 and (word.removesuffix("s") in known or word.removesuffix("es") in known))


def _are_names(distinct: list[str], rows: int) -> bool:
    """Return whether labels look like "Surname, Given": they differ from row to row and name no crime or place."""
    if len(distinct) < _MIN_NAMES or len(distinct) < _DISTINCT_SHARE_OF_NAMES * rows:
        return False
    named = [value for value in distinct if _NAME.fullmatch(value) and not _NOT_NAME.search(value)]
    return len(named) >= _SHARE_OF_NAMES * len(distinct)


def _have_given_names(distinct: list[str], share: float = _SHARE_OF_GIVEN_NAMES) -> bool:
    """Return whether many labels begin with a common given name, or have one after a comma."""
    named = sum(_has_given_name(label) for label in distinct)
    return named >= _MIN_NAMES and named >= share * len(distinct)


def _has_given_name(label: str) -> bool:
    before_digits = re.split(r"\d", fold(label))[0]
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", before_digits)]
    if not 1 < len(words) <= _MAX_NAME_WORDS:
        return False
    first = words[0] if words[0] not in ("mr", "mrs", "ms", "dr", "pc", "sgt", "officer") else words[1]
    after_comma = re.findall(r"[^\W\d_]+", fold(label).partition(",")[2].lower())[:1]
    return first in GIVEN_NAMES or bool(GIVEN_NAMES.intersection(after_comma))


def _are_plates(distinct: list[str], rows: int) -> bool:
    """Return whether labels look like number plates and few records share one."""
    rare = len(distinct) >= max(_MIN_LABELS, _DISTINCT_SHARE_OF_PLATES * rows)
    return rare and _share(distinct, _PLATE) >= _SHARE_OF_PLATES


def _are_groups(distinct: list[str]) -> bool:
    keys = {"_".join(words_of(label)) for label in distinct} - UNKNOWN - {""}
    known = [key for key in keys if key in PERSON_GROUPS or any(part in PERSON_GROUPS for part in key.split("_or_"))]
    return len(known) >= 2 and len(known) >= _SHARE_OF_GROUPS * len(keys)


def _are_age_bands(distinct: list[str]) -> bool:
    """Return whether labels are bands of ages that follow one another."""
    known = [label for label in distinct if "_".join(words_of(label)) not in UNKNOWN]
    found = [match for label in known if (match := _AGE_BAND.fullmatch(label.strip().lower()))]
    bands = sorted((int(match[1]), int(match[2])) for match in found if match[1])
    follow = all(low <= high for low, high in bands) and all(a[1] + 1 == b[0] for a, b in pairwise(bands))
    return len(bands) >= 2 and len(found) == len(known) and follow


def _is_run(distinct: list[str], low: int, high: int) -> bool:
    """Return whether the labels are nearly all whole numbers of a range, as ages and years of birth are."""
    numbers = sorted(int(label) for label in distinct if label.isascii() and label.isdigit() and len(label) <= 4)
    inside = [number for number in numbers if low <= number <= high]
    if len(inside) < max(_MIN_RUN, _RUN_SHARE * len(distinct)):
        return False
    return len(inside) >= _RUN_SHARE * (inside[-1] - inside[0] + 1)
