"""Who answers for a forecast that is acted on: purpose, legal basis, owner, reviewer, dates."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from typing import Any, Final, Self

from ilp_models.domain.errors import InputError

LEVELS: Final = ("strategic", "management", "middle", "shift", "community")
_FIRST_ACCENT, _LAST_ACCENT = "\u0300", "\u036f"  # as Unicode takes them off Latin, Greek and Cyrillic letters
_DATES: Final = ("review_date", "retention_until")
_NEVER_EMPTY: Final = ("purpose", "legal_basis", "level", "owner", "trainer", "reviewer", "complaints", *_DATES)


@dataclass(frozen=True)
class TaintedPeriod:
    """A span of time whose records come from unlawful or distorted policing (Richardson, Schultz and Crawford 2019).

    Parameters
    ----------
    start, end : str
        First and last day, ISO 8601.
    why : str
        What happened, with a source.

    Raises
    ------
    InputError
        If a day is none, the span runs backwards, or nothing says why.
    """

    start: str
    end: str
    why: str

    def __post_init__(self) -> None:
        """Refuse a span that could not be looked up."""
        first, last = (_day("audit.governance.tainted_periods", day) for day in (self.start, self.end))
        if first > last or not self.why.strip():
            msg = (
                f"audit.governance.tainted_periods has {self.start} to {self.end} ({self.why or 'no reason'}); give "
                "start <= end and say why."
            )
            raise InputError(msg)


@dataclass(frozen=True)
class Governance:
    """What people must have settled before anyone acts on a forecast; an empty field withholds.

    Parameters
    ----------
    purpose : str, optional
        What the forecast is used for.
    legal_basis : str, optional
        The law or policy that allows it.
    level : str, optional
        Level of decision: ``strategic``, ``management``, ``middle``, ``shift`` or ``community`` (OSCE 2017).
    owner : str, optional
        Who answers for the use.
    trainer : str, optional
        Who built and trained the model.
    reviewer : str, optional
        Who reviews it: somebody else than the trainer.
    complaints : str, optional
        Where people of the areas can complain.
    review_date, retention_until : str, optional
        Days, ISO 8601: when use is reviewed again, and until when the records may be kept. No decision outlives them.
    tainted_periods : sequence of mapping, optional
        ``start``, ``end`` and ``why`` of each; see :class:`TaintedPeriod`. An empty list says that there are none
        known.

    Raises
    ------
    InputError
        If the level is unknown or a date is none.
    """

    purpose: str | None = None
    legal_basis: str | None = None
    level: str | None = None
    owner: str | None = None
    trainer: str | None = None
    reviewer: str | None = None
    complaints: str | None = None
    review_date: str | None = None
    retention_until: str | None = None
    tainted_periods: Sequence[Mapping[str, str]] = ()

    def __post_init__(self) -> None:
        """Refuse what nobody could understand; a number typed for a word is read as one."""
        for name in _NEVER_EMPTY:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))
        if self.level and self.level not in LEVELS:
            msg = f"audit.governance.level={self.level} is unknown; choose one of {', '.join(LEVELS)}."
            raise InputError(msg)
        for name in _DATES:
            if getattr(self, name):
                _day(f"audit.governance.{name}", getattr(self, name))
        try:
            self.tainted  # noqa: B018 - made to be checked
        except (AttributeError, TypeError) as error:
            msg = f"audit.governance.tainted_periods is a list with start, end and why in each entry ({error})."
            raise InputError(msg) from error

    @property
    def tainted(self) -> tuple[TaintedPeriod, ...]:
        """The tainted periods, checked."""
        return tuple(
            TaintedPeriod(**{key: str(value) for key, value in one.items()}) for one in self.tainted_periods or ()
        )

    @property
    def ends(self) -> datetime | None:
        """The start of the first day on which use must stop or be reviewed, or None where no date is given."""
        days = [_day(name, getattr(self, name)) for name in _DATES if getattr(self, name)]
        return datetime.combine(min(days), time(), UTC) if days else None

    def faults(self, now: datetime) -> tuple[str, ...]:
        """Return what is missing or wrong, in words.

        Parameters
        ----------
        now : datetime
            The present, with its zone.

        Returns
        -------
        tuple of str
            Such as ``legal_basis is empty``; empty where nothing is.
        """
        found = [f"{name} is empty" for name in _NEVER_EMPTY if says_nothing(getattr(self, name) or "")]
        found += [
            f"{name} {getattr(self, name)} is past"
            for name in _DATES
            if getattr(self, name) and datetime.combine(_day(name, getattr(self, name)), time(), UTC) <= now
        ]
        if self.reviewer and same_person(self.reviewer, self.trainer or ""):
            found.append(f"the reviewer, {self.reviewer}, trained the model")
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values.

        Returns
        -------
        dict
            Dates as ISO 8601.
        """
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **{name: None if value is None else str(value) for name, value in plain.items()},
            "tainted_periods": [vars(one) for one in self.tainted],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` wrote.

        Parameters
        ----------
        plain : mapping
            JSON values.

        Returns
        -------
        Governance
            Equal to the one written.

        Raises
        ------
        InputError
            If a field is unknown or cannot be read.
        """
        try:
            return cls(**plain)
        except TypeError as error:
            msg = f"The stored governance fields cannot be read ({error}); run the audit again."
            raise InputError(msg) from error


def says_nothing(text: str) -> bool:
    """Return whether a text holds neither a letter nor a digit."""
    return not any(map(str.isalnum, text))


def same_person(one: str, other: str) -> bool:
    """Return whether two names are the same but for case, accents, punctuation and the order of their words."""
    names = [_words_of(name) for name in (one, other)]
    return bool(names[0]) and names[0] == names[1]


def _words_of(name: str) -> list[str]:
    """Return the words of a name as any spelling of it has them."""
    shown = [sign for sign in unicodedata.normalize("NFKD", name.casefold()) if unicodedata.category(sign) != "Cf"]
    letters = [sign for sign in shown if not _FIRST_ACCENT <= sign <= _LAST_ACCENT]
    return sorted("".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in letters).split())


def _day(setting: str, text: object) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        msg = f"{setting}={text} is no day; write it as 2027-01-31."
        raise InputError(msg) from error
