"""What speaks against a forecast: the gate's demands, held against the findings of an audit."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ilp_models.domain.checks import demanded
from ilp_models.domain.finding import Finding, State

_WORST_FIRST: Final = (State.FAIL, State.INSUFFICIENT, State.REVIEW, State.PASS)


@dataclass(frozen=True)
class Objection:
    """One reason to withhold.

    Parameters
    ----------
    check : str
        The check it comes from; empty where it is about the decision as a whole.
    line : str
        In words.
    reviewable : bool, default False
        Whether a reviewer may accept it with a reason: every finding of it is a review of a check that allows this.
    """

    check: str
    line: str
    reviewable: bool = False


def objections(
    findings: Sequence[Finding], crime_types: Sequence[str], groups: Sequence[tuple[str, str]]
) -> Iterator[Objection]:
    """Yield every demand of the gate that the findings do not meet."""
    found = {finding.key: finding for finding in findings}
    table, known = found.get(("group_table", "", "", "")), len(set(groups))
    if table is not None and table.holds and not known:
        yield Objection(
            "group_table", "No group of residents was audited; give a group table (audit.groups.path=FILE)."
        )
    elif table is not None and table.holds and table.estimate > known:
        line = f"group_table: of {table.estimate:g} groups in the table {known} were audited; audit all of them."
        yield Objection("group_table", line)
    for check, keys in demanded(crime_types, groups).items():
        crashed = found.get((check, "", "", ""))
        stand_in = None if crashed is None or crashed.holds else crashed
        # what was found and speaks against the forecast counts, even where nothing would have missed it
        used = stand_in if any(key not in found for key in keys) else None
        stray = [one for one in findings if one.check == check and one.key not in keys and one is not used]
        yield from _against(check, [*(found.get(key, stand_in) for key in keys), *stray])


def _against(check: str, findings: list[Finding | None]) -> Iterator[Objection]:
    """Yield one objection to a check whose findings do not all hold."""
    bad = [finding for finding in findings if finding is None or not finding.holds]
    if not bad:
        return
    known = sorted((f for f in bad if f is not None), key=lambda finding: _WORST_FIRST.index(finding.state))
    reviewable = all(finding is not None and finding.reviewable for finding in bad)
    if len(findings) == 1 and known:
        yield Objection(check, f"{check}: {known[0].state}. {known[0].reason}", reviewable)
        return
    counts = Counter([*(finding.state.value for finding in known), *["missing"] * (len(bad) - len(known))])
    tally = ", ".join(f"{count} {state}" for state, count in counts.items())
    first = f" First: {known[0].reason}" if known else " The check did not run."
    yield Objection(check, f"{check}: {len(bad)} of {len(findings)} findings do not pass ({tally}).{first}", reviewable)
