"""What an allocation and its monitoring add to a report for decision makers."""

from collections.abc import Mapping, Sequence
from typing import Any

from ilp_models.audit.register.register import RegisterState
from ilp_models.domain.brief import BriefPart, BriefSection, BriefTable, KeyJudgement
from ilp_models.pipeline.brief_parts.plan_permission import plan_fault, unchecked
from ilp_models.pipeline.brief_parts.sources import AuditedWeek
from ilp_models.pipeline.run_record import RunRecord
from ilp_models.report.formatting import number, percent, percent_range


def plan_part(record: RunRecord, week: AuditedWeek | None, register: RegisterState) -> BriefPart:
    """Return whether an allocation may be used, what it covers, its price, and who chose it."""
    return record.read(lambda content: _plan(content, week, register))


def monitoring_part(record: RunRecord, week: AuditedWeek | None) -> BriefPart:
    """Return what monitoring found since the audit."""
    return record.read(lambda content: _monitoring(content, week))


def _plan(content: Mapping[str, Any], week: AuditedWeek | None, register: RegisterState) -> BriefPart:
    fault, doubt = plan_fault(content, register), unchecked(content, week)
    if not (fault or doubt) and week is not None:
        fault = week.refusal
    doubts = [f"Whether the plan may be used now. {doubt}"] if doubt and not fault else []
    budget, chosen, hand = content["budget"], content["chosen"], content["by_hand"]
    periods = [str(one).replace("/", " to ") for one in content["periods"]]
    span = periods[0] if len(periods) == 1 else f"{periods[0]}, until {periods[-1]}"
    covered = content["coverage"]
    share = "no expected crime" if covered is None else f"{percent(float(covered))} of the expected crimes"
    judgement = KeyJudgement("The plan of patrols may not be used now.", "high", fault.rstrip("."))
    sentences = [
        *([f"The plan may not be used now. {fault}"] if fault else []),
        *(f"This report does not say whether the plan may be used now. {doubt}" for _ in doubts),
        f"The plan of {span} (rule: {content['allocator']}; aim: {content['objective']}) uses "
        f"{float(budget['amount']):g} {budget['unit']} and covers {share}.",
        f"{chosen['who']} chose it: {chosen['why']}",
        *(map(str, hand["warnings"])),
    ]
    if float(hand["share"]) > 0:
        sentences.append(
            f"{percent(float(hand['share']))} of the effort was set by hand (limit {percent(float(hand['limit']))})."
        )
    tables = [*_harm(content["harm"]), *_caps(content["frontier"]), *_groups(content["groups"])]
    if not content["groups"]:
        doubts.append("How the plan covers and exposes groups of residents: no group was audited.")
    return BriefPart(
        judgements=(judgement,) if fault else (),
        section=BriefSection("The plan and its price", tuple(sentences), tuple(tables)),
        unknown=tuple(doubts),
        questions=("Is what the plan leaves uncovered acceptable?",),
    )


def _harm(rows: Sequence[Mapping[str, Any]]) -> list[BriefTable]:
    sets = list(dict.fromkeys(str(row["harm_set"]) for row in rows))
    cells = []
    for name in sets:
        own = [row for row in rows if row["harm_set"] == name]
        cells.append(
            (name, percent_range(*(float(row["share"]) for row in own)), f"{own[0]['title']}; {own[0]['unit']}")
        )
    labels = ("Harm set", "Harm covered", "What it counts")
    return [BriefTable("Expected harm that the plan covers", labels, tuple(cells), (1,))] if cells else []


def _caps(rows: Sequence[Mapping[str, Any]]) -> list[BriefTable]:
    """Return the events that remain covered under each exposure cap."""
    seen: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        seen.setdefault("none" if row["cap"] is None else f"{float(row['cap']):g}", row)
    cells = []
    for cap, row in seen.items():
        kept = row.get("of_uncapped")
        cells.append((cap, str(row.get("note") or "") or ("not known" if kept is None else percent(float(kept)))))
    labels = ("Cap on the exposure ratio", "Events covered, of those without a cap")
    return [BriefTable("The price of exposure caps", labels, tuple(cells), (1,))] if cells else []


def _groups(rows: Sequence[Mapping[str, Any]]) -> list[BriefTable]:
    names = ("exposure_ratio", "need_adjusted_ratio", "coverage")
    cells = []
    for row in rows:
        exposure, need, coverage = (row.get(name) for name in names)
        values = ("not known" if one is None else number(float(one)) for one in (exposure, need))
        covered = "not known" if coverage is None else percent(float(coverage))
        cells.append((f"{row['dimension']}: {row['group']}", *values, covered))
    labels = ("Group of residents", "Exposure ratio", "Need-adjusted ratio", "Crime covered")
    return [BriefTable("What the plan means for groups", labels, tuple(cells), (1, 2, 3))] if cells else []


def _monitoring(content: Mapping[str, Any], week: AuditedWeek | None) -> BriefPart:
    new, audited = content["new_periods_span"], content["audited_periods"]
    count = len(content["periods_with_breach"])
    verdict, proposes = str(content["verdict"]), bool(content["proposes_withdrawal"])
    basis = f"{content['new_periods']} new periods ({new[0]} to {new[1]}) were compared with those of the audit"
    own = week is not None and content["decision"] == week.decision.seal
    sentences = (
        *([] if own else ["Monitoring is about another decision than that of this report."]),
        verdict,
        f"{basis} ({audited[0]} to {audited[1]}); {count} had a breach.",
        *(map(str, content["notes"])),
    )
    judgement = KeyJudgement("Monitoring proposes to withdraw the forecast.", "high", f"{basis}; {count} had a breach")
    return BriefPart(
        judgements=(judgement,) if proposes and own else (),
        section=BriefSection("Since the audit", sentences),
        questions=("Is the forecast withdrawn, as monitoring proposes?",) if proposes and own else (),
    )
