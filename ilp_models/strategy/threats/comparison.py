"""What rose and fell since the last assessment, and why."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.strategy.threats.assessment import SCHEMA, ThreatAssessment

COLUMNS: Final = ("harm_set", "threat", "before", "now", "moved", "why")
_CLEAR: Final = 0.10  # change of a count that is named as a reason


def compare_assessments(now: ThreatAssessment, before: Mapping[str, Any], source: str) -> pd.DataFrame:
    """Return how the open ranks of each threat moved, and what changed.

    A threat rose only if its open ranks no longer overlap with the earlier ones. Without that, it is a tie.
    """
    if before.get("schema") != SCHEMA or not isinstance(before.get("ranks"), list):
        msg = f"{source} is not an assessment of this version. Give the folder of a run of `ilp assess`."
        raise InputError(msg)
    earlier = {(row["harm_set"], row["threat"]): row for row in before["ranks"]}
    counts = {row["threat"]: row for row in before["threats"]}
    rows = []
    for row in now.ranks().to_dict("records"):
        key = (row["harm_set"], row["threat"])
        old = earlier.get(key)
        ranks = f"{row['rank_from']} to {row['rank_to']}"
        if old is None:
            rows.append((*key, "", ranks, "new", "not ranked under this harm set before"))
            continue
        moved = "rose" if row["rank_to"] < old["rank_from"] else "fell" if row["rank_from"] > old["rank_to"] else "tie"
        why = "; ".join(_reasons(now, before, counts.get(key[1]), key))
        rows.append((*key, f"{old['rank_from']} to {old['rank_to']}", ranks, moved, why or "no input changed much"))
    known = {row[:2] for row in rows}
    gone = [
        (*key, f"{old['rank_from']} to {old['rank_to']}", "", "gone", "no longer ranked under this harm set")
        for key, old in earlier.items()
        if key not in known
    ]
    return pd.DataFrame(rows + gone, columns=list(COLUMNS))


def _reasons(
    now: ThreatAssessment, before: Mapping[str, Any], old: Mapping[str, Any] | None, key: tuple[str, str]
) -> list[str]:
    """Return what changed for one threat: counts, weights and judgements."""
    harm_set, threat = key
    row = now.table[now.table["threat"] == threat].to_dict("records")[0]
    found = []
    for name, label in (("recorded", "recorded crimes"), ("expected", "expected crimes")):
        last = None if old is None else old.get(name)
        if last and abs(float(row[name]) / float(last) - 1) >= _CLEAR:
            found.append(f"{label} {float(last):,.0f} to {float(row[name]):,.0f}")
    weights = {one.weights.name: one.weights.to_dict() for one in now.rankings}[harm_set]
    earlier = next((one for one in before["weights"] if one["name"] == harm_set), None)
    if earlier is not None and any(earlier[end].get(threat) != weights[end].get(threat) for end in ("low", "high")):
        found.append("its harm weight changed")
    scores = {name: value for name, value in now.judgements.scores.loc[threat].items() if pd.notna(value)}
    last_scores = {name: value for name, value in before["judgements"].get(threat, {}).items() if value is not None}
    changed = sorted({*scores, *last_scores} - {name for name in scores if scores[name] == last_scores.get(name)})
    if changed:
        found.append(f"judgements of {', '.join(name.replace('_', ' ') for name in changed)}")
    return found
