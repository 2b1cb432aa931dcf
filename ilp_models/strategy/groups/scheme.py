"""Scoring schemes of groups: attributes with weights, a scale, and how the scores of a group are added."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.printable import printable
from ilp_models.stats.rounding import round_half_up
from ilp_models.strategy.groups.example_scheme import ATTRIBUTES, SCALE

Floats = npt.NDArray[np.float64]

UNKNOWN: Final = "unknown"
AGGREGATIONS: Final = ("weighted_sum", "mean_of_means")
MAX_ATTRIBUTES: Final = 100
_MAX_LEVELS: Final = 101
_KEYS: Final = ("name", "definition", "weight", "component")
_RANGE: Final = 3  # lowest, highest and step of a numeric scale
_MAX_DECIMALS: Final = 6
_MAX_SPREAD: Final = 2.0
_NUMBER: Final = re.compile(
    r"[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:e[+-]?[0-9]{1,3})?", re.IGNORECASE
)  # a huge exponent takes hours


@dataclass(frozen=True)
class GroupAttribute:
    """One attribute of a scheme: what analysts judge about each group."""

    name: str
    definition: str
    weight: Fraction
    component: str = ""

    @property
    def weight_text(self) -> str:
        """The weight as a file declares it."""
        return _number_text(self.weight)


@dataclass(frozen=True)
class GroupScheme:
    """A scheme that scores groups, never persons: attributes, scale and aggregation, all declared.

    The default is a neutral example with ten attributes. It belongs to no agency and was not validated: declare your
    own attributes, and agree on their weights before anyone scores.

    Parameters
    ----------
    name : str, default "organised_groups"
        Name of the scheme.
    attributes : sequence of mapping
        ``name``, ``definition`` and ``weight`` of each attribute, and ``component`` where attributes form components.
    scale : mapping of str to number, or sequence of three numbers
        Words with their points, such as ``{nil: 0, low: 1, high: 4}``; or lowest, highest and step of a number, such
        as ``[1, 10, 0.5]``.
    aggregation : {"weighted_sum", "mean_of_means"}, default "weighted_sum"
        Sum of weight times points; or the mean over components of their weighted means, averaged before rounding.
    decimals : int, default 0
        Decimals of a shown score, rounded half up.
    weight_spread : float, default 0.25
        Standard deviation of the logarithm of the weights in the draws around the declared weights. 0.25 means that
        a weight is up to about 25 % higher or lower in two of three draws. 0: the declared weights are exact.

    Raises
    ------
    InputError
        If an attribute lacks a name, a definition or a positive weight, or the scale cannot be used.

    Examples
    --------
    >>> marks = [{"name": "violence", "definition": "Uses violence.", "weight": 3},
    ...          {"name": "reach", "definition": "Works in several areas.", "weight": 1}]
    >>> scheme = GroupScheme("two_marks", marks, scale={"nil": 0, "low": 1, "high": 4})
    >>> [float(end) for end in scheme.score_range({"violence": 4, "reach": None})]
    [12.0, 16.0]
    """

    name: str = "organised_groups"
    attributes: Sequence[Mapping[str, Any]] = ATTRIBUTES
    scale: Mapping[str, Any] | Sequence[Any] = field(default_factory=lambda: dict(SCALE))
    aggregation: str = "weighted_sum"
    decimals: int = 0
    weight_spread: float = 0.25

    def __post_init__(self) -> None:
        """Refuse a scheme that cannot be applied."""
        if self.aggregation not in AGGREGATIONS:
            msg = f"scheme.aggregation={self.aggregation!r} is unknown. Choose one of {', '.join(AGGREGATIONS)}."
            raise InputError(msg)
        if isinstance(self.decimals, bool) or self.decimals not in range(_MAX_DECIMALS + 1):
            msg = f"scheme.decimals={self.decimals!r} must be a whole number from 0 to {_MAX_DECIMALS}."
            raise InputError(msg)
        spread = exact(self.weight_spread)
        if spread is None or not 0 <= spread <= _MAX_SPREAD:
            msg = f"scheme.weight_spread={self.weight_spread!r} must be a number from 0 to {_MAX_SPREAD:g}."
            raise InputError(msg)
        _check_attributes(self.marks, self.aggregation)
        if len(self.levels) < 2:
            msg = f"scheme.scale={self.scale} has one value. Give two or more, from low to high."
            raise InputError(msg)

    @cached_property
    def marks(self) -> tuple[GroupAttribute, ...]:
        """The attributes, checked one by one."""
        return tuple(_attribute(at, one) for at, one in enumerate(self.attributes))

    @cached_property
    def levels(self) -> Mapping[str, Fraction]:
        """The values of the scale from low to high: what a scorer writes, and its points."""
        return _word_levels(self.scale) if isinstance(self.scale, Mapping) else _number_levels(self.scale)

    @property
    def scale_text(self) -> str:
        """The scale as a file declares it: words with their points, or lowest, highest and step of a number."""
        if isinstance(self.scale, Mapping):
            words = ", ".join(f"{word}={_number_text(points)}" for word, points in self.levels.items())
            return printable(" ".join(words.split()))
        low, second, *_ = points = list(self.levels.values())
        return f"{_number_text(low)} to {_number_text(points[-1])} in steps of {_number_text(second - low)}"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return tuple(one.name for one in self.marks)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components, in the order of the attributes."""
        return tuple(dict.fromkeys(one.component for one in self.marks))

    @property
    def bounds(self) -> tuple[Fraction, Fraction]:
        """The lowest and the highest score that any group can have."""
        return self.score_range(dict.fromkeys(self.names))

    def points(self, text: str) -> Fraction | None:
        """Return the points of what a scorer wrote, None for unknown; KeyError if it is not on the scale."""
        word = text.strip().casefold()
        if word == UNKNOWN:
            return None
        if isinstance(self.scale, Mapping):
            return self.levels[word]
        number = exact(word.replace(",", "."))
        if number not in self.levels.values():
            raise KeyError(text)
        return number

    def aggregate(self, points: Mapping[str, Any]) -> Fraction:
        """Return the exact score of known points by attribute, before rounding."""
        known = [exact(points[name]) for name in self.names]
        if None in known:
            msg = "A score needs points of every attribute. Use score_range where some are unknown."
            raise InputError(msg)
        return sum((w * p for w, p in zip(self._linear_weights, known, strict=True) if p is not None), Fraction())

    def component_means(self, points: Mapping[str, Any]) -> dict[str, Fraction]:
        """Return the exact weighted mean of each component."""
        means = {}
        for component in self.components:
            parts = [one for one in self.marks if one.component == component]
            total = sum((one.weight * (exact(points[one.name]) or 0) for one in parts), Fraction())
            means[component] = total / sum(one.weight for one in parts)
        return means

    def score_range(self, points: Mapping[str, Any]) -> tuple[Fraction, Fraction]:
        """Return the lowest and the highest score that known points allow; None means unknown.

        Unknown attributes take the lowest and the highest points of the scale, never a value between them.
        """
        ends = (min(self.levels.values()), max(self.levels.values()))
        filled = [{name: end if points[name] is None else points[name] for name in self.names} for end in ends]
        return self.aggregate(filled[0]), self.aggregate(filled[1])

    def rounded(self, score: Fraction) -> Decimal:
        """Return a score with the declared decimals, rounded half up."""
        return round_half_up(score, self.decimals)

    def draw_weights(self, draws: int, rng: np.random.Generator) -> Floats:
        """Return drawn weights of the attributes in the sum of points, shape (draws, attributes).

        Log-normal around the declared weights, and scaled so that the bounds of the score stay the same. Components
        of a mean of means have weights of their own, which are drawn in the same way around equal ones.
        """
        declared = np.array([float(one.weight) for one in self.marks])
        weights = declared * np.exp(self.weight_spread * rng.standard_normal((draws, len(declared))))
        if self.aggregation == "weighted_sum":
            return np.asarray(weights * (declared.sum() / weights.sum(axis=1, keepdims=True)))
        share = np.exp(self.weight_spread * rng.standard_normal((draws, len(self.components))))
        share /= share.sum(axis=1, keepdims=True)
        for at, component in enumerate(self.components):
            own = [one.component == component for one in self.marks]
            weights[:, own] *= share[:, [at]] / weights[:, own].sum(axis=1, keepdims=True)
        return np.asarray(weights)

    def declared_weights(self) -> Floats:
        """Return the declared weights of the attributes in the sum of points, shape (attributes,)."""
        return np.array([float(one) for one in self._linear_weights])

    @cached_property
    def _linear_weights(self) -> tuple[Fraction, ...]:
        """Weight of each attribute in the score: both aggregations are sums of weight times points."""
        if self.aggregation == "weighted_sum":
            return tuple(one.weight for one in self.marks)
        total = {name: sum(one.weight for one in self.marks if one.component == name) for name in self.components}
        return tuple(one.weight / (total[one.component] * len(self.components)) for one in self.marks)


def exact(value: object) -> Fraction | None:
    """Return a number exactly as written, without error of floating point; None if it is no finite number."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool | np.bool_) or value is None:
        return None
    text = str(float(value)) if isinstance(value, np.floating) else str(value).strip()
    return Fraction(text) if _NUMBER.fullmatch(text) else None


def _number_text(number: Fraction) -> str:
    """Return a number with as many digits as floating point keeps, so that it can be read back and compared."""
    return str(number.numerator) if number.denominator == 1 else repr(float(number))


def _attribute(at: int, given: object) -> GroupAttribute:
    where = f"scheme.attributes[{at}]"
    if not isinstance(given, Mapping) or (unknown := sorted(map(str, set(given) - set(_KEYS)))):
        what = f" has the unknown key {unknown[0]}" if isinstance(given, Mapping) else " is not a mapping"
        msg = f"{where}{what}. Give {', '.join(_KEYS[:-1])}, and component where attributes form components."
        raise InputError(msg)
    texts = {key: " ".join(str(given.get(key) or "").split()) for key in ("name", "definition", "component")}
    if not texts["name"][:1].isalnum() or not texts["definition"]:
        msg = f"{where} has no definition, or no name that begins with a letter. Scorers need both."
        raise InputError(msg)
    weight = exact(given.get("weight"))
    if weight is None or weight <= 0:
        msg = (
            f"{where} ({texts['name']}) has the weight {given.get('weight')}. Give a number above 0, or remove the "
            "attribute."
        )
        raise InputError(msg)
    return GroupAttribute(texts["name"], texts["definition"], weight, texts["component"])


def _check_attributes(marks: Sequence[GroupAttribute], aggregation: str) -> None:
    folded = [one.name.casefold() for one in marks]
    if not marks or len(marks) > MAX_ATTRIBUTES:
        msg = f"scheme.attributes has {len(marks)} entries. Give 1 to {MAX_ATTRIBUTES}."
        raise InputError(msg)
    if twice := [name for name in folded if folded.count(name) > 1]:
        msg = f"scheme.attributes has {twice[0]!r} twice. Keep one of them."
        raise InputError(msg)
    grouped = [one for one in marks if one.component]
    if aggregation == "mean_of_means" and grouped and len(grouped) < len(marks):
        name = next(one.name for one in marks if not one.component)
        msg = f"scheme.attributes: {name} has no component, and others have one. Give each a component, or none."
        raise InputError(msg)


def _word_levels(scale: Mapping[str, Any]) -> dict[str, Fraction]:
    levels: dict[str, Fraction] = {}
    for word, points in scale.items():
        number, folded = exact(points), str(word).strip().casefold()
        if number is None or number < 0 or not folded[:1].isalnum() or folded == UNKNOWN or folded in levels:
            msg = f"scheme.scale.{word}={points}: give each word once, with points of 0 or more. {UNKNOWN} has none."
            raise InputError(msg)
        levels[folded] = number
    if list(levels.values()) != sorted(set(levels.values())):
        msg = f"scheme.scale={dict(scale)} does not rise. List the words from low to high, each with its own points."
        raise InputError(msg)
    return levels


def _number_levels(scale: Iterable[Any]) -> dict[str, Fraction]:
    given = list(scale)
    low, high, step = (exact(one) for one in given) if len(given) == _RANGE else (None, None, None)
    if low is None or high is None or step is None or step <= 0 or low < 0 or high <= low or (high - low) % step:
        msg = f"scheme.scale={given} is not a scale. Give lowest, highest and step, such as [1, 10, 0.5]."
        raise InputError(msg)
    count = int((high - low) / step) + 1
    if count > _MAX_LEVELS:
        msg = f"scheme.scale={given} has {count} values. Give at most {_MAX_LEVELS}."
        raise InputError(msg)
    return {f"{float(low + at * step):g}": low + at * step for at in range(count)}
