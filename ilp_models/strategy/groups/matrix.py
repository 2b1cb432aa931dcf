"""The matrix of groups: checked judgements of two or more scorers about every attribute of every group."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.authorisation import GroupAuthorisation
from ilp_models.strategy.groups.declared_scheme import check_declared
from ilp_models.strategy.groups.matrix_file import GroupFile
from ilp_models.strategy.groups.scheme import UNKNOWN, GroupScheme

Floats = npt.NDArray[np.float64]

CONFIDENCES: Final = ("low", "medium", "high")
MAX_GROUPS: Final = 200
LEAST_SCORERS: Final = 2
_NEUTRAL: Final = "OCG|GRP|NET"  # longer prefixes than one letter could name a nation or a family
_GROUP: Final = re.compile(rf"([A-Z]|{_NEUTRAL})[0-9]{{1,3}}")
_SCORER: Final = re.compile(r"([A-Z])[0-9]{1,3}")
_LONGEST_SOURCE: Final = 200
_SHOWN: Final = 5


@dataclass(frozen=True)
class Judgement:
    """What one scorer wrote about one attribute of one group."""

    row: int
    group: str
    members: int
    scorer: str
    attribute: str
    points: Fraction | None  # None: unknown
    source: str
    confidence: str


@dataclass(frozen=True, eq=False)
class GroupMatrix:
    """Judgements about groups with their scheme and their authorisation; users get it from ``read_group_matrix``.

    Parameters
    ----------
    scheme : GroupScheme
        Attributes, scale and aggregation.
    authorisation : GroupAuthorisation
        Who authorised the assessment, for what, for whom and until when.
    judgements : sequence of Judgement
        One for each group, scorer and attribute.
    name : str
        Name of the file.

    Raises
    ------
    InputError
        If a group has fewer than two scorers or too few members, or scorers differ in attributes.
    """

    scheme: GroupScheme
    authorisation: GroupAuthorisation
    judgements: Sequence[Judgement]
    name: str

    def __post_init__(self) -> None:
        """Refuse a matrix that is incomplete or contradicts itself."""
        _check_unique(self.judgements, self.name)
        if len(self.groups) > MAX_GROUPS:
            msg = f"{self.name} has {len(self.groups)} groups. At most {MAX_GROUPS} are compared."
            raise InputError(msg)
        _check_prefix(self.groups, "group", self.name)
        _check_prefix(sorted({one.scorer for one in self.judgements}), "scorer", self.name)
        for group in self.groups:
            self._check_group(group)

    @classmethod
    def from_file(cls, file: GroupFile, scheme: GroupScheme) -> Self:
        """Return the matrix of the text of a file; InputError names the row of what cannot be used."""
        authorisation = GroupAuthorisation.from_fields(file.fields, file.name)
        if file.declared is not None:
            check_declared(file.declared, scheme, file.name)
        judgements = [_judgement(number, cells, scheme, file.name) for number, cells in file.rows]
        return cls(scheme, authorisation, tuple(judgements), file.name)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Codes of the groups, sorted."""
        return tuple(sorted({one.group for one in self.judgements}))

    @cached_property
    def by_group(self) -> Mapping[str, Mapping[str, Mapping[str, Fraction | None]]]:
        """Points by group, scorer and attribute; None is unknown."""
        result: dict[str, dict[str, dict[str, Fraction | None]]] = {}
        for one in sorted(self.judgements, key=lambda each: (each.group, each.scorer)):
            result.setdefault(one.group, {}).setdefault(one.scorer, {})[one.attribute] = one.points
        return result

    @cached_property
    def members(self) -> Mapping[str, int]:
        """Known members of each group, at least."""
        return {group: min(counts) for group, counts in self._stated_members.items()}

    @cached_property
    def _stated_members(self) -> Mapping[str, set[int]]:
        stated: dict[str, set[int]] = {}
        for one in self.judgements:
            stated.setdefault(one.group, set()).add(one.members)
        return stated

    def scores(self, group: str) -> Floats:
        """Return the points of a group, shape (scorers, attributes); NaN is unknown."""
        rows = [[row[name] for name in self.scheme.names] for row in self.by_group[group].values()]
        return np.array([[np.nan if one is None else float(one) for one in row] for row in rows])

    def score_range(self, group: str) -> tuple[Fraction, Fraction]:
        """Return the lowest and the highest score that agree with some scorer in every attribute."""
        lowest, highest = min(self.scheme.levels.values()), max(self.scheme.levels.values())
        low, high = {}, {}
        for name in self.scheme.names:
            given = [row[name] for row in self.by_group[group].values()]
            low[name] = min(lowest if one is None else one for one in given)
            high[name] = max(highest if one is None else one for one in given)
        return self.scheme.aggregate(low), self.scheme.aggregate(high)

    def check_use(self, now: datetime) -> None:
        """Raise InputError unless the authorisation is complete and has not expired."""
        self.authorisation.check(now, self.name)

    def digest(self) -> str:
        """Return a SHA-256 of scheme, authorisation and judgements."""
        rows = sorted(
            [one.group, one.scorer, one.attribute, str(one.points), one.confidence] for one in self.judgements
        )
        marks = [[one.name, one.definition, str(one.weight), one.component] for one in self.scheme.marks]
        facts = [f"{name}={value}" for name, value in vars(self.authorisation).items()]
        levels = [f"{word}={points}" for word, points in self.scheme.levels.items()]
        how = [self.scheme.name, self.scheme.aggregation, str(self.scheme.weight_spread)]
        return digest_of(rows, marks, facts, levels, how)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each judgement, with its source and confidence."""
        rows: list[dict[str, Any]] = [
            {**vars(one), "points": np.nan if one.points is None else float(one.points)} for one in self.judgements
        ]
        return pd.DataFrame(rows).drop(columns="row")

    def _check_group(self, group: str) -> None:
        scorers, counts = self.by_group[group], self._stated_members[group]
        if len(counts) > 1:
            msg = (
                f"{self.name}: group {group} has several numbers of members, {sorted(counts)}. Write the same number "
                "in each row."
            )
            raise InputError(msg)
        if self.members[group] < self.authorisation.min_members:
            msg = (
                f"{self.name}: group {group} has {self.members[group]} known members, and min_members is "
                f"{self.authorisation.min_members}. Remove the group: a matrix is about groups, never about persons."
            )
            raise InputError(msg)
        if len(scorers) < LEAST_SCORERS:
            msg = (
                f"{self.name}: group {group} has one scorer, {next(iter(scorers))}. Let a second one score it without "
                "seeing the first scores."
            )
            raise InputError(msg)
        missing = {scorer: [name for name in self.scheme.names if name not in row] for scorer, row in scorers.items()}
        lacking = [f"{scorer} lacks {', '.join(names[:_SHOWN])}" for scorer, names in missing.items() if names]
        if lacking:
            msg = (
                f"{self.name}: the scorers of group {group} differ in attributes: {'; '.join(lacking)}. Add a row for "
                f"each; write {UNKNOWN} where nothing is known."
            )
            raise InputError(msg)


def _judgement(number: int, cells: Sequence[str], scheme: GroupScheme, name: str) -> Judgement:
    """Return one row; messages name the row and the column, and never repeat a text that could name a person."""
    where = f"{name}, row {number}"
    group, members, scorer, attribute, score, source, confidence = cells
    if not _GROUP.fullmatch(group):
        msg = (
            f"{where}: the group is not a code. Write one letter, or {_NEUTRAL.replace('|', ', ')}, and 1 to 3 digits, "
            "such as G01. A label may not name persons, families, ethnic groups, religions or nations."
        )
        raise InputError(msg)
    if not _SCORER.fullmatch(scorer):
        msg = f"{where}: the scorer is not a code. Write one letter and 1 to 3 digits, such as S1, and no name."
        raise InputError(msg)
    if not (members.isascii() and members.isdigit() and len(members) <= 6):
        msg = f"{where}: members_known_at_least is not a whole number. Write how many members are known at least."
        raise InputError(msg)
    known = {one.casefold(): one for one in scheme.names}
    if attribute.casefold() not in known:
        near = get_close_matches(attribute.casefold(), known, n=1)
        hint = f" (did you mean {known[near[0]]!r}?)" if near else ""
        msg = f"{where}: the scheme {scheme.name} has no such attribute{hint}. It has {', '.join(scheme.names)}."
        raise InputError(msg)
    points = _points(score, scheme, where)
    _check_evidence(points, source, confidence, where)
    return Judgement(
        number, group, int(members), scorer, known[attribute.casefold()], points, source, confidence.casefold()
    )


def _points(score: str, scheme: GroupScheme, where: str) -> Fraction | None:
    if not score:
        msg = f"{where} has no score. Write a value of the scale, or {UNKNOWN}; an empty cell is not read as unknown."
        raise InputError(msg)
    try:
        return scheme.points(score)
    except KeyError:
        words = list(scheme.levels)
        scale = ", ".join(words) if len(words) <= _SHOWN else f"{words[0]}, {words[1]} ... {words[-1]}"
        msg = f"{where}: the score is not on the scale ({scale}, or {UNKNOWN}). Correct it."
        raise InputError(msg) from None


def _check_evidence(points: Fraction | None, source: str, confidence: str, where: str) -> None:
    """Refuse a score without source or confidence; what is unknown needs neither."""
    if len(source) > _LONGEST_SOURCE:
        msg = f"{where}: the source has {len(source)} characters. Give a reference of at most {_LONGEST_SOURCE}."
        raise InputError(msg)
    if points is None and not confidence:
        return
    if confidence.casefold() not in CONFIDENCES:
        msg = f"{where}: the confidence is not one of {', '.join(CONFIDENCES)}. Correct it."
        raise InputError(msg)
    if points is not None and not any(map(str.isalnum, source)):
        msg = f"{where}: the score has no source. Give a reference, such as a grade and the number of a report."
        raise InputError(msg)


def _check_unique(judgements: Sequence[Judgement], name: str) -> None:
    first: dict[tuple[str, str, str], int] = {}
    for one in judgements:
        key = (one.group, one.scorer, one.attribute)
        if key in first:
            msg = (
                f"{name}: rows {first[key]} and {one.row} both score {one.attribute} of group {one.group} by "
                f"{one.scorer}. Keep one of them."
            )
            raise InputError(msg)
        first[key] = one.row


def _check_prefix(codes: Sequence[str], kind: str, name: str) -> None:
    """Refuse codes with different letters: initials would differ from code to code."""
    if len({code.rstrip("0123456789") for code in codes}) > 1:
        msg = (
            f"{name}: the codes of the {kind}s begin with different letters. Use the same for all, such as {codes[0]}."
        )
        raise InputError(msg)
