"""What a search for an allocation rule tried, as plain values of a decision, and what it found."""

from collections.abc import Mapping
from typing import Any, Final

from ilp_models.domain.checks import label_of

RULE_SEARCH: Final = "rule_search"  # name in the header of an audit
GROUP_MEASURES: Final = ("coverage_ratio", "need_adjusted_ratio")  # of each trial, the lowest value
STATES: Final = (("fails", "failed"), ("lacks evidence", "lacking"), ("needs review", "reviewed"))


def trials_of(header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the trials of an audit, the audited rule first; empty without a search."""
    return list((header.get(RULE_SEARCH) or {}).get("trials", ()))


def remedies(header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the other trials in which no check failed or lacks evidence, by number of reviews, then by cost."""
    found = [one for one in trials_of(header)[1:] if "error" not in one and not one["failed"] and not one["lacking"]]
    return sorted(found, key=lambda one: (len(one["reviewed"]), one["cost"]["value"]))


def trial_text(trial: Mapping[str, Any]) -> str:
    """Return what a trial covers, its difference from the audited rule, and which checks it misses."""
    if "error" in trial:
        return f"{trial['name']}: could not be planned ({trial['error']})"
    cost, states = trial["cost"], []
    for word, key in STATES:
        states += [f"{word}: {', '.join(label_of(check).lower() for check in trial[key])}"] if trial[key] else []
    points = 100 * abs(cost["value"])
    sign, side = (100, "fewer") if cost["value"] >= 0 else (-100, "more")
    interval = ""
    if cost["low"] is not None:
        low, high = sorted((sign * cost["low"], sign * cost["high"]))
        interval = f", interval {low:.1f} to {high:.1f}"
    change = f"{points:.1f} percentage points {side} than the audited rule{interval}"
    covered = f"covers {trial['covered']['value']:.1%} of the recorded events, {change}"
    return f"{trial['name']}: {covered}; {'; '.join(states) or 'no check fails'}"


def search_lines(header: Mapping[str, Any], shown: int = 3, *, admitted: bool = False) -> list[str]:
    """Return what was found, in a few lines; empty without a search. An admitted rule needs no remedy."""
    search = header.get(RULE_SEARCH)
    if not search:
        return []
    window = f"{search['first_period'][:10]} to {search['last_period'][:10]}"
    found, tried = remedies(header), len(search["trials"])
    if admitted:
        return [f"{tried} plans were compared on the periods from {window}, before the audited ones."]
    if not found:
        return [
            f"No remedy was found among {tried} plans, tried on the periods from {window}, before the audited ones."
        ]
    head = f"Remedies found among {tried} plans, tried on the periods from {window}, before the audited ones:"
    more = [f"  ... and {len(found) - shown} more in decision.json"] if len(found) > shown else []
    last = "Each needs a new audit, which counts this search and asks for a signature."
    return [head, *(f"  - {trial_text(one)}" for one in found[:shown]), *more, last]
