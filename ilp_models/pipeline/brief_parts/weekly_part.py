"""What an audited weekly forecast adds to a report for decision makers: permission, performance and audit."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ilp_models.domain.brief import BriefPart, BriefSection, BriefTable, KeyJudgement
from ilp_models.domain.checks import label_of
from ilp_models.domain.decision import FAILURE, MISSING, REVIEW, Decision, Obstacle
from ilp_models.domain.finding import Finding, numbers_text, state_text, subject_text, verdict_text
from ilp_models.pipeline.brief_parts.sources import AuditedWeek
from ilp_models.pipeline.front_content import reason_in_one_sentence
from ilp_models.report.formatting import number, percent, percent_interval, period_label, period_noun

_KINDS: Final = {FAILURE: "fails", REVIEW: "needs review", MISSING: "evidence missing"}
_MANY: Final = 52  # tested periods for high confidence
_GROUP_CHECKS: Final = ("exposure_ratio", "need_adjusted_ratio", "coverage_ratio")


def weekly_part(week: AuditedWeek) -> BriefPart:
    """Return whether the forecast may be used, how good past forecasts were, and what its audit found."""
    decision = week.decision
    period = week.run.forecast.periods[0]
    where = f"The forecast of {period_label(period)} (model: {decision.forecaster})"
    obstacles, cells = decision.obstacles, [*map(str, week.run.forecast.expected.indexes["cell"])]
    sentences = [_permission(week, where), _tested(decision, period_noun(period))]
    if decision.approval is not None:
        accepted = ", ".join(label_of(check) for check in decision.approval.reviews)
        reason = decision.approval.reason.rstrip(".")
        sentences.append(f"{decision.approval.reviewer} approved it: {reason}.")
        sentences += [f"Findings that the approval accepts: {accepted}."] if accepted else []
    if not decision.report.groups:
        sentences.append("No group of residents was audited, so exposure and coverage of groups are not known.")
    tables = [_performance(decision)]
    if obstacles:
        tables.append(_obstacle_table(decision, cells))
    groups = _group_table(decision)
    tables += [groups] if groups is not None else []
    return BriefPart(
        judgements=(
            _permission_judgement(week, period_label(period)),
            *_skill_judgement(decision, period_noun(period)),
        ),
        section=BriefSection("The weekly forecast and its audit", tuple(sentences), tuple(tables)),
        unknown=tuple(
            f"{one.label or 'Audit'}: {obstacle_text(one, cells)}" for one in obstacles if one.kind == MISSING
        ),
        questions=(*_questions(decision, week.refusal),),
        annexes=(_method_annex(week),),
    )


def _permission(week: AuditedWeek, where: str) -> str:
    if not week.refusal:
        return f"{where} may be used for resource allocation until {week.decision.valid_until:%-d %B %Y, %H:%M %Z}."
    if not week.decision.admitted and not week.decision.approved:
        return f"{where} is withheld from resource allocation. {reason_in_one_sentence(week.decision)}"
    return f"{where} may not be used for resource allocation now. {week.refusal}"


def _permission_judgement(week: AuditedWeek, label: str) -> KeyJudgement:
    """Return the decision as a judgement: it follows from rules, so that its confidence is high."""
    may = "may not be used to allocate resources now" if week.refusal else "may be used to allocate resources"
    basis = f"the decision follows from {len(week.decision.findings)} findings and the register"
    return KeyJudgement(f"The forecast of {label} {may}.", "high", basis)


def _findings(decision: Decision, check: str) -> dict[str, Finding]:
    own = [one for one in decision.findings if one.check == check and one.crime_type in decision.crime_types]
    return {one.crime_type: one for one in own}  # without the pool of all types


def _skill_judgement(decision: Decision, noun: str) -> tuple[KeyJudgement, ...]:
    """Return for how many crime types the forecast beat the baseline, only where the whole interval says so."""
    skills, periods = _findings(decision, "deviance_skill"), int(decision.report.header["periods"])
    if not skills or not all(np.isfinite(one.low) for one in skills.values()):
        return ()
    better = [kind for kind, one in skills.items() if one.low > 0]
    worse = [kind for kind, one in skills.items() if one.high < 0]
    baseline = str(decision.report.header["baseline"]).replace("_", " ")
    ties = len(skills) - len(better) - len(worse)
    count = f"{len(better)} of {len(skills)} crime types"
    text = f"Past forecasts were better than the simple baseline ({baseline}) for {count}."
    more = [f"worse for {len(worse)}"] * bool(worse) + [f"a tie for {ties}"] * bool(ties)
    clear = not ties and periods >= _MANY
    return (
        KeyJudgement(
            text,
            "high" if clear else "moderate" if better or worse else "low",
            f"intervals over {periods} tested {noun}s{'; ' if more else ''}{', '.join(more)}",
        ),
    )


def _tested(decision: Decision, noun: str) -> str:
    header = decision.report.header
    share = percent(float(header["land_share"]), 0)
    first, last = (str(header[name])[:10] for name in ("first_period", "last_period"))
    return (
        f"It was tested on {header['periods']} {noun}s that begin from {first} to {last}, each forecast from earlier "
        f"records only. The rule that was audited is {header['rule']}, with {share} of the land."
    )


def _performance(decision: Decision) -> BriefTable:
    checks = ("deviance_skill", "events_covered", "sum_ratio")
    found = {check: _findings(decision, check) for check in checks}
    rows = []
    for kind in decision.crime_types:
        skill, covered, ratio = (found[check].get(kind) for check in checks)
        rows.append((kind, _share(skill, sign=True), _share(covered), _ratio(ratio)))
    baseline = str(decision.report.header["baseline"]).replace("_", " ")
    labels = ("Crime type", f"Error removed, against {baseline}", "Crime in the flagged areas", "Expected / recorded")
    return BriefTable("How good past forecasts were, with 95 % intervals", labels, tuple(rows), (1, 2, 3))


def _share(one: Finding | None, *, sign: bool = False) -> str:
    if one is None:
        return "not known"
    return f"{percent(one.value, sign=sign)} {percent_interval(one.low, one.high, sign=sign)}".strip()


def _ratio(one: Finding | None) -> str:
    if one is None or not np.isfinite(one.value):
        return "not known"
    ends = f" [{number(one.low)}, {number(one.high)}]" if np.isfinite(one.low + one.high) else ""
    return f"{number(one.value)}{ends}"


def _obstacle_table(decision: Decision, cells: Sequence[str]) -> BriefTable:
    rows = [(one.label or "Decision", _KINDS[one.kind], obstacle_text(one, cells)) for one in decision.obstacles]
    return BriefTable("Requirements that are not met", ("Requirement", "State", "Finding"), tuple(rows))


def obstacle_text(one: Obstacle, cells: Sequence[str]) -> str:
    """Return what is wrong; only state and numbers if the text names a cell, because a report names none."""
    text = one.short_text()
    if any(cell in text for cell in cells):
        numbers = "; ".join(filter(None, map(numbers_text, one.findings)))
        verdict = verdict_text(one.findings[0]) if one.findings else "fails"
        text = f"{verdict}: {numbers}. The weekly report has the places."
    return f"{text[:1].upper()}{text[1:]}"


def _group_table(decision: Decision) -> BriefTable | None:
    found = [one for one in decision.findings if one.check in _GROUP_CHECKS and np.isfinite(one.value)]
    if not found:
        return None
    worst = sorted(found, key=lambda one: (one.holds, -abs(np.log(max(one.value, 1e-9)))))
    rows = [(label_of(one.check), subject_text(one), _ratio(one), state_text(one)) for one in worst]
    labels = ("Measure", "About", "Value", "State")
    return BriefTable("Groups of residents, the largest differences first", labels, tuple(rows), (2,))


def _questions(decision: Decision, refusal: str) -> Sequence[str]:
    kinds = [one.kind for one in decision.obstacles]
    found = []
    if FAILURE in kinds or MISSING in kinds:
        count = sum(kind in (FAILURE, MISSING) for kind in kinds)
        noun = "requirement" if count == 1 else "requirements"
        found.append(f"Who meets the {count} open {noun} that no approval can replace, and until when?")
    elif REVIEW in kinds and refusal:
        noun = "finding that needs" if len(kinds) == 1 else "findings that need"
        found.append(f"Does a reviewer accept the {len(kinds)} {noun} review, and why?")
    return found


def _method_annex(week: AuditedWeek) -> BriefSection:
    source = week.run.provenance
    sentences = (source.protocol, source.attribution, f"Decision {week.decision.seal}.", f"Code: {source.code}.")
    return BriefSection("The weekly forecast", tuple(filter(None, sentences)))
