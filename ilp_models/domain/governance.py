"""Governance of a forecast: purpose, goal, legal basis, responsible people, and the dates at which use must stop."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from typing import Any, Final, Self

from ilp_models.domain.errors import InputError

TIERS: Final = ("strategic", "management", "middle", "shift", "community")
_FIRST_ACCENT, _LAST_ACCENT = "\u0300", "\u036f"  # combining marks of Latin, Greek and Cyrillic letters
_DATES: Final = ("review_date", "retention_until", "use_until")
_PEOPLE: Final = ("owner", "trainer", "reviewer")
_BLANK_LETTERS: Final = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols that show nothing
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")  # alphabets with letters of equal shape
# Cyrillic and Greek letters, zero, one and bar that look like Latin letters.
_LOOKS_LIKE: Final = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u04bb"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7"
    "01|",
    "abekmhopctyxsijhaeikvoptyxoll",
)
_REQUIRED: Final = (
    *("purpose", "legal_basis", "tier", "owner", "trainer", "reviewer", "complaints"),
    *("review_date", "retention_until"),
)
_GOAL_TEXTS: Final = ("goal", "success_criterion", "harm_to_watch", "decided_by")
_GOAL: Final = (*_GOAL_TEXTS, "outcomes", "use_until")


@dataclass(frozen=True)
class TaintedPeriod:
    """A period whose records come from unlawful or distorted policing (Richardson, Schultz and Crawford 2019).

    Parameters
    ----------
    start, end : str
        First and last day, ISO 8601.
    why : str
        What happened, with a source.

    Raises
    ------
    InputError
        If a day cannot be read, the end is before the start, or ``why`` is empty.
    """

    start: str
    end: str
    why: str

    def __post_init__(self) -> None:
        """Refuse a period without valid days or a reason."""
        first, last = (read_day("audit.governance.tainted_periods", day) for day in (self.start, self.end))
        if first > last or not self.why.strip():
            msg = (
                f"audit.governance.tainted_periods has {self.start} to {self.end} ({self.why or 'no reason'}). Give "
                "start <= end, and the reason in why."
            )
            raise InputError(msg)


@dataclass(frozen=True)
class Governance:
    """What must be settled before anyone acts on a forecast. An empty field withholds the forecast.

    The fields of the goal (``goal``, ``outcomes``, ``success_criterion``, ``harm_to_watch``, ``use_until`` and
    ``decided_by``) say what the use is measured against. If one is empty, the reviewer can still approve.

    Parameters
    ----------
    purpose : str, optional
        What the forecast is used for.
    goal : str, optional
        What acting on the forecast is to achieve.
    outcomes : sequence of str, optional
        Crime types in which the goal is measured.
    success_criterion : str, optional
        Which result counts as success, such as ``10 % fewer burglaries, interval below 0``.
    harm_to_watch : str, optional
        What may get worse, such as exposure of a group, stops or complaints, and how it is observed.
    use_until : str, optional
        Day, ISO 8601, on which the use ends unless the result supports it.
    decided_by : str, optional
        Who decides on the result.
    legal_basis : str, optional
        The law or policy that allows the use.
    tier : str, optional
        Level of decision: ``strategic``, ``management``, ``middle``, ``shift`` or ``community`` (OSCE 2017).
    owner : str, optional
        Person who answers for the use.
    trainer : str, optional
        Person who built and trained the model.
    reviewer : str, optional
        Person who reviews it; not the trainer.
    reviewer_key : str, optional
        Fingerprint of the reviewer's public key, 64 hexadecimal digits. An approval must then be signed with it.
    complaints : str, optional
        Where residents can complain.
    review_date, retention_until : str, optional
        Days, ISO 8601: when the use is reviewed again, and until when the records may be kept. A decision expires on
        the earliest of both and ``use_until`` at the latest.
    tainted_periods : sequence of mapping, optional
        ``start``, ``end`` and ``why`` of each; see :class:`TaintedPeriod`. An empty list states that none are known.

    Raises
    ------
    InputError
        If the tier is unknown, a date cannot be read, or a field of the goal is no text or list of names.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> Governance(purpose="patrol planning", tier="middle").faults(datetime(2026, 1, 5, tzinfo=UTC))[0]
    'legal_basis is empty'
    """

    purpose: str | None = None
    goal: str | None = None
    outcomes: Sequence[str] = ()
    success_criterion: str | None = None
    harm_to_watch: str | None = None
    use_until: str | None = None
    decided_by: str | None = None
    legal_basis: str | None = None
    tier: str | None = None
    owner: str | None = None
    trainer: str | None = None
    reviewer: str | None = None
    reviewer_key: str | None = None
    complaints: str | None = None
    review_date: str | None = None
    retention_until: str | None = None
    tainted_periods: Sequence[Mapping[str, str]] = ()

    def __post_init__(self) -> None:
        """Convert numbers to text and refuse unknown tiers, invalid dates and goals that are no text."""
        _refuse_lists({name: getattr(self, name) for name in (*_REQUIRED, "reviewer_key", "use_until")})
        _refuse_other_than_text({name: getattr(self, name) for name in _GOAL_TEXTS})
        object.__setattr__(self, "outcomes", _names_of_types(self.outcomes))
        for name in (*_REQUIRED, "use_until"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))
        refuse_misleading_names({f"audit.governance.{name}": getattr(self, name) or "" for name in _PEOPLE})
        if self.tier and self.tier not in TIERS:
            msg = f"audit.governance.tier={self.tier} is unknown. Choose one of {', '.join(TIERS)}."
            raise InputError(msg)
        if self.reviewer_key and not re.fullmatch(r"[0-9a-f]{64}", str(self.reviewer_key)):
            msg = (
                f"audit.governance.reviewer_key={self.reviewer_key} is not a fingerprint. Give the 64 hexadecimal "
                "digits that `ilp approve` prints for the reviewer's key."
            )
            raise InputError(msg)
        for name in _DATES:
            if getattr(self, name):
                read_day(f"audit.governance.{name}", getattr(self, name))
        try:
            _tainted(self.tainted_periods)
        except (AttributeError, TypeError) as error:
            msg = f"audit.governance.tainted_periods must be a list of entries with start, end and why ({error})."
            raise InputError(msg) from error

    @property
    def tainted(self) -> tuple[TaintedPeriod, ...]:
        """The tainted periods, validated."""
        return _tainted(self.tainted_periods)

    @property
    def ends(self) -> datetime | None:
        """The start of the first day on which use must stop or be reviewed; None without a date."""
        days = [read_day(name, getattr(self, name)) for name in _DATES if getattr(self, name)]
        return datetime.combine(min(days), time(), UTC) if days else None

    def faults(
        self, now: datetime, names: Mapping[str, str] | None = None, did: str = "trained the model"
    ) -> tuple[str, ...]:
        """Return which fields are empty, past or in conflict, such as ``legal_basis is empty``.

        ``names`` has other names of fields for the reader, and ``did`` is what the trainer did.
        """
        shown = {name: name for name in _REQUIRED} | dict(names or {})
        found = [f"{shown[name]} is empty" for name in _REQUIRED if is_blank(getattr(self, name) or "")]
        found += [
            f"{name} {getattr(self, name)} is past"
            for name in _DATES
            if getattr(self, name) and datetime.combine(read_day(name, getattr(self, name)), time(), UTC) <= now
        ]
        if self.reviewer and is_same_person(self.reviewer, self.trainer or ""):
            found.append(f"the reviewer, {self.reviewer}, {did}")
        return tuple(found)

    def goal_faults(self) -> tuple[str, ...]:
        """Return which fields of the goal are empty, such as ``success_criterion is empty``."""
        return tuple(f"{name} is empty" for name in _GOAL if is_blank("".join(getattr(self, name) or ())))

    def check_outcomes(self, crime_types: Sequence[str]) -> None:
        """Raise InputError for an outcome that is not one of the crime types that are forecast."""
        unknown = [one for one in self.outcomes if one not in crime_types]
        if unknown:
            msg = (
                f"audit.governance.outcomes names {unknown[0]!r}, which is not a crime type of the forecast. Choose "
                f"from {', '.join(crime_types)}."
            )
            raise InputError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values; dates as ISO 8601."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **{name: None if value is None else str(value) for name, value in plain.items()},
            "outcomes": list(self.outcomes),
            "tainted_periods": [vars(one) for one in self.tainted],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the governance that :meth:`to_dict` wrote; InputError if a field is unknown."""
        try:
            return cls(**plain)
        except TypeError as error:
            msg = f"The stored governance fields cannot be read ({error}); run the audit again."
            raise InputError(msg) from error


def is_blank(text: str) -> bool:
    """Return whether a text has neither a visible letter nor a digit."""
    return not any(sign.isalnum() and sign not in _BLANK_LETTERS for sign in text)


def is_same_person(name: str, other: str) -> bool:
    """Return whether two names are equal apart from case, accents, punctuation and the order of their words."""
    names = [_normalised_words(one) for one in (name, other)]
    return bool(names[0]) and names[0] == names[1]


def _refuse_lists(values: Mapping[str, object]) -> None:
    for field, value in values.items():
        if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
            msg = f"audit.governance.{field}={value} is a list, and a text is needed. Write one text in quotes."
            raise InputError(msg)


def _refuse_other_than_text(values: Mapping[str, object]) -> None:
    """Refuse a number or a truth value: neither says what is to be achieved."""
    for field, value in values.items():
        if value is not None and not isinstance(value, str):
            msg = f"audit.governance.{field}={value} is not a text. Write a sentence in quotes."
            raise InputError(msg)


def _names_of_types(given: object) -> tuple[str, ...]:
    """Return the crime types of a list; refuse a single text, and entries that are no names."""
    if given is None:
        return ()
    names = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else None
    if names is None or any(not isinstance(one, str) or is_blank(one) for one in names):
        msg = f"audit.governance.outcomes={given} must be a list of crime types, such as [burglary,assault]."
        raise InputError(msg)
    return names


def refuse_misleading_names(names: Mapping[str, str]) -> None:
    """Refuse invisible signs, bars, and names that mix alphabets, so that one person cannot pass for two.

    ``names`` has the name of each person by the field that holds it.
    """
    for field, name in names.items():
        hidden = [
            sign for sign in name if sign == "|" or sign in _BLANK_LETTERS or unicodedata.category(sign)[0] == "C"
        ]
        if hidden:
            msg = f"{field} contains the sign U+{ord(hidden[0]):04X}. Type the name in visible letters."
            raise InputError(msg)
        found = {unicodedata.name(sign, "").partition(" ")[0] for sign in unicodedata.normalize("NFKC", name)}
        alphabets = sorted(found.intersection(_SCRIPTS))
        if len(alphabets) > 1:
            msg = f"{field} mixes the alphabets {' and '.join(alphabets).title()}. Use only one."
            raise InputError(msg)


def _normalised_words(name: str) -> list[str]:
    """Return the sorted words of a name in lower case without accents and punctuation."""
    shapes = unicodedata.normalize("NFKD", name.casefold()).translate(_LOOKS_LIKE)
    visible = [sign for sign in shapes if unicodedata.category(sign) != "Cf" and sign not in _BLANK_LETTERS]
    letters = [sign for sign in visible if not _FIRST_ACCENT <= sign <= _LAST_ACCENT]
    return sorted("".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in letters).split())


def read_day(setting: str, text: object) -> date:
    """Return the day of a setting; InputError if it is not an ISO 8601 date."""
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        msg = f"{setting}={text} is not a date. Write it as 2027-01-31."
        raise InputError(msg) from error


def _tainted(entries: Sequence[Mapping[str, str]]) -> tuple[TaintedPeriod, ...]:
    return tuple(TaintedPeriod(**{key: str(value) for key, value in one.items()}) for one in entries or ())
