"""Judgements of analysts about threats, on a declared scale; what is unknown stays unknown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.brief import CONFIDENCES
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

DIMENSIONS: Final[Mapping[str, str]] = {
    "political_impact": "Effect on confidence in institutions and on public policy",
    "community_impact": "Effect on fear, cohesion and daily life of residents",
    "financial_impact": "Losses of victims, business and the public purse",
    "capability": "Skill, resources and access of those who commit it",
    "opportunity": "How far present conditions make it easier or harder",
}
GRADES: Final = ("A", "B", "C", "D", "E")
COLUMNS: Final = ("threat", "dimension", "score", "evidence_grade", "confidence")
AREA: Final = "area"  # optional column; empty: the whole city
_UNKNOWN: Final = ("", "unknown")


@dataclass(frozen=True)
class JudgementScheme:
    """Dimensions, scale and weights of the judgements, and their share in the score.

    Parameters
    ----------
    weights : mapping of str to float, optional
        Weight of each dimension; by default the same for political, community and financial impact, capability and
        opportunity. A dimension that is not named does not count.
    lowest, highest : int, default 1 and 5
        Ends of the scale; whole numbers.
    share : float, default 0.5
        Share of the judgements in the score of a threat; the rest is harm. 0 ranks by harm alone.
    weight_spread : float, default 0.25
        Standard deviation of the logarithm of each weight in the draws.

    Raises
    ------
    InputError
        If a weight is negative or missing, or a setting is out of range.

    Examples
    --------
    >>> JudgementScheme(weights={"community_impact": 2, "opportunity": 1}).dimensions
    ('community_impact', 'opportunity')
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(DIMENSIONS, 1.0))
    lowest: int = 1
    highest: int = 5
    share: float = 0.5
    weight_spread: float = 0.25

    def __post_init__(self) -> None:
        """Refuse weights and settings out of range."""
        for name, weight in self.weights.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not np.isfinite(weight) or weight < 0:
                msg = f"judgements.weights.{name}={weight!r} must be a number of 0 or more."
                raise InputError(msg)
        if not self.weights or not any(self.weights.values()):
            msg = "judgements.weights needs at least one weight above 0."
            raise InputError(msg)
        if not self.lowest < self.highest:
            msg = f"judgements.lowest={self.lowest} must be below highest={self.highest}."
            raise InputError(msg)
        if not 0 <= self.share <= 1 or self.weight_spread < 0:
            msg = (
                f"judgements.share={self.share} must be from 0 to 1, and weight_spread={self.weight_spread} 0 or more."
            )
            raise InputError(msg)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the dimensions."""
        return tuple(self.weights)

    @property
    def scale(self) -> Floats:
        """The values of the scale."""
        return np.arange(self.lowest, self.highest + 1, dtype=np.float64)

    def draw_weights(self, draws: int, generator: np.random.Generator) -> Floats:
        """Return drawn weights that add up to 1, shape (draws, dimensions)."""
        declared = np.array([float(one) for one in self.weights.values()])
        drawn = declared * np.exp(generator.normal(0, self.weight_spread, (draws, len(declared))))
        return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))

    def relative(self, points: Floats, weights: Floats) -> Floats:
        """Return weighted means from 0 (lowest) to 1 (highest), shape (draws, threats)."""
        values = np.einsum("dtj,dj->dt", points, weights)
        return np.asarray(np.clip((values - self.lowest) / (self.highest - self.lowest), 0, 1))  # rounding


@dataclass(frozen=True, eq=False)
class Judgements:
    """Scores of threats by dimension; NaN is unknown.

    Parameters
    ----------
    scheme : JudgementScheme
        Dimensions and scale.
    scores : DataFrame
        One row for each threat and one column for each dimension.
    notes : DataFrame
        ``threat, dimension, evidence_grade, confidence`` of each known score.
    areas : DataFrame, optional
        Known scores of threats in one area: the columns of the table. They do not count in ranks.
    """

    scheme: JudgementScheme
    scores: pd.DataFrame
    notes: pd.DataFrame
    areas: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*COLUMNS, AREA]))

    @classmethod
    def unknown(cls, scheme: JudgementScheme, threats: Sequence[str]) -> "Judgements":
        """Return judgements of which none is known."""
        scores = pd.DataFrame(np.nan, index=list(threats), columns=list(scheme.dimensions))
        return cls(scheme, scores, pd.DataFrame(columns=["threat", "dimension", "evidence_grade", "confidence"]))

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, scheme: JudgementScheme, threats: Sequence[str], source: str
    ) -> "Judgements":
        """Return the judgements in a table of text; InputError names the row that cannot be used.

        Threats and dimensions that the table lacks are unknown. Rows with an area are of this area alone.
        """
        _check_columns(table, source)
        made = cls.unknown(scheme, threats)
        scores, notes, areas, seen = made.scores.copy(), [], [], set()
        rows = table.reindex(columns=[*COLUMNS, AREA], fill_value="")
        for number, row in enumerate(rows.itertuples(index=False), 2):
            where = f"{source}, row {number}"
            key = _check_key(str(row.threat), str(row.dimension), scheme, threats, where)
            area = str(row.area)
            if (area, *key) in seen:
                what, each = (f" in {area}", ", dimension and area") if area else ("", " and dimension")
                msg = f"{where}: {key[0]}, {key[1]}{what} is scored twice. Keep one row for each threat{each}."
                raise InputError(msg)
            seen.add((area, *key))
            value = _score(str(row.score), scheme, where)
            if np.isnan(value):
                continue
            grade = _one_of(str(row.evidence_grade).upper(), GRADES, "evidence_grade", where)
            confidence = _one_of(str(row.confidence).lower(), CONFIDENCES, "confidence", where)
            if area:
                areas.append((*key, value, grade, confidence, area))
                continue
            scores.loc[key] = value
            notes.append((*key, grade, confidence))
        return cls(
            scheme,
            scores,
            pd.DataFrame(notes, columns=["threat", "dimension", "evidence_grade", "confidence"]),
            pd.DataFrame(areas, columns=[*COLUMNS, AREA]).astype({"score": "Int64"}),  # 3 and not 3.0
        )

    @property
    def known(self) -> int:
        """How many scores of the whole city are known."""
        return int(self.scores.notna().to_numpy().sum())

    @property
    def share(self) -> float:
        """Share of the judgements in the scores; 0 as long as none is known."""
        return self.scheme.share if self.known else 0.0

    def missing(self) -> list[tuple[str, str]]:
        """Return threat and dimension of each unknown score."""
        unknown = self.scores.isna()
        return [(str(threat), str(name)) for threat in unknown.index for name in unknown.columns[unknown.loc[threat]]]

    def draw_points(self, draws: int, generator: np.random.Generator) -> Floats:
        """Return drawn scores, shape (draws, threats, dimensions).

        An unknown score takes every value of the scale with the same probability.
        """
        given = self.scores.to_numpy(dtype=float)
        return np.where(np.isnan(given), generator.choice(self.scheme.scale, (draws, *given.shape)), given)


def _check_columns(table: pd.DataFrame, source: str) -> None:
    missing = [name for name in COLUMNS if name not in table]
    other = [str(name) for name in table if name not in (*COLUMNS, AREA)]
    if missing or other:
        what = f"has no column {missing[0]}" if missing else f"has the column {other[0]!r}, which is not used"
        columns = f"{', '.join(COLUMNS)}, for areas also {AREA},"
        msg = f"{source} {what}. Give the columns {columns} and no others: notes may name persons."
        raise InputError(msg)


def _check_key(
    threat: str, dimension: str, scheme: JudgementScheme, threats: Sequence[str], where: str
) -> tuple[str, str]:
    if threat not in threats:
        msg = f"{where}: {threat!r} is not a threat of this assessment. Use one of {', '.join(threats)}."
        raise InputError(msg)
    if dimension not in scheme.dimensions:
        msg = f"{where}: {dimension!r} is not a dimension. Use one of {', '.join(scheme.dimensions)}."
        raise InputError(msg)
    return threat, dimension


def _score(text: str, scheme: JudgementScheme, where: str) -> float:
    if text.casefold() in _UNKNOWN:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value.is_integer() or not scheme.lowest <= value <= scheme.highest:
        msg = (
            f"{where}: score {text!r} is not on the scale. Give a whole number from {scheme.lowest} to "
            f"{scheme.highest}, or leave it empty if it is unknown."
        )
        raise InputError(msg)
    return value


def _one_of(text: str, allowed: Sequence[str], column: str, where: str) -> str:
    if text not in allowed:
        msg = f"{where}: {column}={text!r} is unknown. A score needs one of {', '.join(allowed)}."
        raise InputError(msg)
    return text
