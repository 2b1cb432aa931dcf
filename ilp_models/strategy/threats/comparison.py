"""What rose and fell since the last assessment, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.strategy.threats.assessment import SCHEMA, ThreatAssessment

COLUMNS: Final = ("harm_set", "threat", "before", "now", "moved", "why")
EARLIER: Final = ("earlier_made", "earlier_records_from", "earlier_records_until", "earlier_data")
_CLEAR: Final = 0.10  # change of a count that is named as a reason


@dataclass(frozen=True)
class EarlierAssessment:
    """What a comparison needs of an earlier assessment."""

    city: str
    origin: tuple[str, str, str, str]  # when it was made, first and last day of its records (not included), data digest
    settings: tuple[object, object, bool]  # separation, judgements, and whether any score was known
    ranks: Mapping[tuple[str, str], tuple[int, int]]  # open ranks by harm set and threat
    counts: Mapping[str, tuple[float, float]]  # recorded and expected crimes by threat
    weights: Mapping[tuple[str, str], tuple[float, float]]  # low and high reading by harm set and threat
    scores: Mapping[str, Mapping[str, float]]  # known judgements by threat

    @classmethod
    def from_dict(cls, content: object, source: str) -> "EarlierAssessment":
        """Return the assessment in the content of ``assessment.json``; InputError for anything else."""
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            msg = f"{source} is not an assessment of this version. Give the folder of a run of `ilp assess`."
            raise InputError(msg)
        try:
            return cls._from_rows(content)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            msg = f"{source} is damaged or was changed by hand. Give the folder of a run of `ilp assess`."
            raise InputError(msg) from error

    @classmethod
    def _from_rows(cls, content: Mapping[str, Any]) -> "EarlierAssessment":
        facts = content["facts"]
        return cls(
            city=str(facts["city"]),
            origin=_origin(facts),
            settings=(facts["separation"], facts["judgements"], facts["known_judgements"] > 0),
            ranks={
                (str(row["harm_set"]), str(row["threat"])): (int(row["rank_from"]), int(row["rank_to"]))
                for row in content["ranks"]
            },
            counts={str(row["threat"]): (float(row["recorded"]), float(row["expected"])) for row in content["threats"]},
            weights={
                (str(one["name"]), str(threat)): (float(low), float(one["high"][threat]))
                for one in content["weights"]
                for threat, low in one["low"].items()
            },
            scores={
                str(threat): {str(name): float(value) for name, value in row.items() if value is not None}
                for threat, row in content["judgements"].items()
            },
        )


def compare_assessments(now: ThreatAssessment, before: EarlierAssessment, source: str) -> pd.DataFrame:
    """Return how the open ranks of each threat moved, and what changed.

    A threat rose only if its open ranks no longer overlap with the earlier ones. Without that, it is a tie. Each row
    names when the earlier assessment was made and its records.
    """
    city = str(now.facts["city"])
    if before.city != city:
        msg = f"{source} is an assessment of {before.city!r}, not of {city!r}. Give an earlier one of the same city."
        raise InputError(msg)
    rows = []
    for row in now.ranks().to_dict("records"):
        key = (row["harm_set"], row["threat"])
        old = before.ranks.get(key)
        ranks = rank_range(row["rank_from"], row["rank_to"])
        if old is None:
            rows.append((*key, "", ranks, "new", "not ranked under this harm set before"))
            continue
        moved = "rose" if row["rank_to"] < old[0] else "fell" if row["rank_from"] > old[1] else "tie"
        why = "; ".join(_reasons(now, before, key))
        rows.append((*key, rank_range(*old), ranks, moved, why or "no input of this threat changed much"))
    known = {row[:2] for row in rows}
    gone = [
        (*key, rank_range(*old), "", "gone", "no longer ranked under this harm set")
        for key, old in before.ranks.items()
        if key not in known
    ]
    table = pd.DataFrame(rows + gone, columns=list(COLUMNS))
    return table.assign(**dict(zip(EARLIER, before.origin, strict=True)))


def rank_range(first: int, last: int) -> str:
    """Return open ranks as text, such as ``1 to 3``."""
    return str(first) if first == last else f"{first} to {last}"


def _origin(facts: Mapping[str, Any]) -> tuple[str, str, str, str]:
    made, (first, last) = pd.Timestamp(str(facts["made"])), facts["records"]
    days = [pd.Timestamp(str(one)).date().isoformat() for one in (made, first, last)]
    return days[0], days[1], days[2], str(facts["data"])


def _reasons(now: ThreatAssessment, before: EarlierAssessment, key: tuple[str, str]) -> list[str]:
    """Return what changed for one threat: counts, weights, judgements and settings of the ranking."""
    harm_set, threat = key
    row = now.table[now.table["threat"] == threat].to_dict("records")[0]
    found = []
    for name, last in zip(("recorded", "expected"), before.counts.get(threat, ()), strict=False):
        if last > 0 and abs(float(row[name]) / last - 1) >= _CLEAR:
            found.append(f"{name} crimes {last:,.0f} to {float(row[name]):,.0f}")
    weights = next(one.weights for one in now.rankings if one.weights.name == harm_set)
    at = weights.crime_types.index(threat)
    if before.weights.get(key, ()) not in ((), (weights.low[at], weights.high[at])):
        found.append("its harm weight changed")
    scores = {str(name): value for name, value in now.judgements.scores.loc[threat].items() if pd.notna(value)}
    last_scores = before.scores.get(threat, {})
    changed = sorted({*scores, *last_scores} - {name for name in scores if scores[name] == last_scores.get(name)})
    if changed:
        found.append(f"judgements of {', '.join(name.replace('_', ' ') for name in changed)}")
    settings = (now.facts["separation"], now.facts["judgements"], now.facts["known_judgements"] > 0)
    if settings[:2] != before.settings[:2]:
        found.append("settings of the ranking")
    elif settings[2] != before.settings[2] and not changed:
        found.append(f"judgements of other threats {'count now' if settings[2] else 'no longer count'}")
    return found
