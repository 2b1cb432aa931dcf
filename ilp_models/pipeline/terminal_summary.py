"""The last lines in the terminal: what was decided and why, where the files are, and the next command."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ilp_models.audit.register.standing_checks import StandingOutlook
from ilp_models.domain.decision import Decision
from ilp_models.pipeline.terminal_text import decision_lines

MOST_LINES: Final = 15
_REASONS: Final = 4
_WIDTH: Final = 200


def with_summary(details: Sequence[str], *parts: Sequence[str]) -> str:
    """Return the details, an empty line and a summary of at most 15 lines.

    In the first part, long lines are cut, and lines are left out where the summary would be longer. The details hold
    them in full.
    """
    first = [_short(line) for line in parts[0] if line.strip()]
    rest = [line for part in parts[1:] for line in part if line.strip()]
    room = MOST_LINES - len(rest)
    if len(first) > room:
        first = [*first[: room - 1], f"  ... and {len(first) - room + 1} more lines, above"]
    return "\n".join(["\n".join(details).rstrip("\n"), "", *first, *rest])


def decision_summary(decision: Decision) -> list[str]:
    """Return the decision in one line, and its first reasons."""
    head = decision_lines(decision)[0]
    reasons = [f"  - {reason}" for reason in decision.reasons[:_REASONS]]
    more = len(decision.reasons) - _REASONS
    return [head, *reasons, *([f"  ... and {more} more reasons, above and in decision.json"] if more > 0 else [])]


def next_steps(
    decision: Decision, folder: Path, report: Path, standing: tuple[StandingOutlook, str] | None = None
) -> list[str]:
    """Return the next command after a decision, or what to read where no command helps.

    ``standing`` is the standing approval of its method with the folder of the run that was signed. Why it does not
    cover the decision comes before the command.
    """
    source = shlex.quote(f"source={folder}")
    if decision.admitted:
        return [f"Next: ilp allocate {source} chosen_by='NAME' reason='WHY'"]
    if not decision.reviews:
        return [f"Next: read {report}; each reason says what to do. The grid is for research only."]
    if standing is not None and not standing[0].fault:
        signed = shlex.quote(f"source={standing[1]}")
        return [f"Next: ilp monitor {signed}; if it is quiet: ilp approve {source} use_standing=true"]
    reviewer = decision.report.header.get("governance", {}).get("reviewer") or "NAME"
    command = f"Next: ilp approve {source} {shlex.quote(f'reviewer={reviewer}')} reason='WHY'"
    if standing is None:
        return [command]
    fault = f"The standing approval in line {standing[0].number} does not cover this decision: {standing[0].fault}."
    return [fault, f"{command} key=FILE"]


def _short(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
