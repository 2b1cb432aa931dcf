"""Sums of scores and of groups that jurisdictions of a region share; only those on the same terms are added up."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ilp_models.domain.scores import ALL, ScoreTable
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]

_SPAN: Final = ("first_period", "last_period", "n")
SKILL_COLUMNS: Final = ("forecaster", "baseline", "lead", "crime_type", "skill", "low", "high", *_SPAN)
GROUP_SUMS: Final = ("residents", "expected", "recorded", "covered", "exposed", "patrolled")
GROUP_COLUMNS: Final = (
    *("dimension", "group", "crime_type", *GROUP_SUMS, "sum_ratio", "coverage", "exposure"),
    *("groups", "rule", "rule_settings", *_SPAN),
)


class ScoreKey(NamedTuple):
    """What the deviance is of, and the terms on which it was measured."""

    lead: int
    crime_type: str  # or `all`
    forecaster: str
    baseline: str
    crime_types: tuple[str, ...]  # that the deviance covers
    periods: tuple[str, ...]  # first days of the test periods
    delay: int
    resampling: tuple[Any, ...]  # fields of the Bootstrap


class GroupKey(NamedTuple):
    """Which group the sums are of, and the terms on which they were measured."""

    dimension: str
    group: str
    crime_type: str  # or `all`
    groups: tuple[str, ...]  # of the dimension
    crime_types: tuple[str, ...]  # that the sums cover
    periods: tuple[str, ...]  # first days of the test periods
    rule: str
    rule_settings: str  # as JSON


@dataclass(frozen=True, eq=False)
class ShardSum:
    """Sums over the cells of one jurisdiction."""

    key: ScoreKey | GroupKey
    values: Floats  # deviance of forecaster and baseline by period, or GROUP_SUMS


def score_sums(scores: ScoreTable, baseline: str, cells: int) -> Iterator[ShardSum]:
    """Yield the deviance of each forecaster and of the baseline, summed over the cells, by period."""
    table = scores.table[scores.table["score"] == "deviance"]
    for lead in sorted(set(table["lead"])):
        rows = table[table["lead"] == lead]
        wide = rows.pivot_table(index="period", columns=["forecaster", "crime_type"], values="value").sort_index()
        types, periods = tuple(sorted(set(rows["crime_type"]))), tuple(map(str, wide.index))
        for scope, covered in {**{one: (one,) for one in types}, ALL: types}.items():
            sums = {name: _added(wide[name][list(covered)].to_numpy().T) * cells for name in scores.forecasters}
            for name in (one for one in sums if one != baseline):
                key = ScoreKey(
                    *(int(lead), scope, name, baseline, covered, periods), scores.delay, astuple(scores.resampling)
                )
                yield ShardSum(key, np.stack([sums[name], sums[baseline]]))


def add_up(shards: Mapping[str, Sequence[ShardSum]]) -> Iterator[tuple[Any, Floats, list[str]]]:
    """Yield each key with its sum and the jurisdictions in it; their order does not change a bit of the sum."""
    found: dict[ScoreKey | GroupKey, dict[str, Floats]] = {}
    for name, sums in shards.items():
        for one in sums:
            found.setdefault(one.key, {})[name] = one.values
    for key in sorted(found):
        yield key, _added(np.stack(list(found[key].values()))), list(found[key])


def skill_row(key: ScoreKey, values: Floats) -> dict[str, Any]:
    """Return the skill with its interval from resampled periods, which are the same in all jurisdictions."""
    estimate = Bootstrap(*key.resampling).for_lead(key.lead + key.delay).ratio(*values)
    skill = {"skill": 1 - estimate.value, "low": 1 - estimate.high, "high": 1 - estimate.low}
    return {**key._asdict(), **{name: float(value) for name, value in skill.items()}, **_span(key)}


def group_row(key: GroupKey, values: Floats) -> dict[str, Any]:
    """Return the sums of a group with the ratios of an audit that follow from them."""
    sums = dict(zip(GROUP_SUMS, map(float, values), strict=True))
    ratios = {
        "sum_ratio": _ratio(sums["expected"], sums["recorded"]),
        "coverage": _ratio(sums["covered"], sums["recorded"]),
        "exposure": _ratio(sums["exposed"], sums["residents"] * len(key.periods)),
    }
    return {**key._asdict(), **sums, **ratios, **_span(key), "groups": "; ".join(key.groups)}


def _added(parts: Floats) -> Floats:
    """Return the exactly rounded sum over the first axis, which no order changes."""
    return np.apply_along_axis(math.fsum, 0, parts)


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else math.nan


def _span(key: ScoreKey | GroupKey) -> dict[str, Any]:
    return dict(zip(_SPAN, (key.periods[0], key.periods[-1], len(key.periods)), strict=True))
