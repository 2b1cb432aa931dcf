"""Compile what runs found into a report for decision makers, with the readiness checklist."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ilp_models.audit.register.register import Register
from ilp_models.domain.brief import FULL, LENGTHS, Brief, BriefPart, BriefSection
from ilp_models.domain.digest import folder_digests
from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError
from ilp_models.domain.readiness import Readiness, ReadinessAnswer, answers_in
from ilp_models.domain.text_table import read_marked_table
from ilp_models.domain.timing import SIMULATED
from ilp_models.pipeline.brief_parts.decisions_part import decisions_table, objection_texts
from ilp_models.pipeline.brief_parts.description_part import description_part
from ilp_models.pipeline.brief_parts.groups_part import groups_part
from ilp_models.pipeline.brief_parts.plan_part import monitoring_part, plan_part
from ilp_models.pipeline.brief_parts.readiness_facts import facts_of_runs
from ilp_models.pipeline.brief_parts.sources import BriefSources, read_sources
from ilp_models.pipeline.brief_parts.threats_part import threats_part
from ilp_models.pipeline.brief_parts.totals_part import totals_part
from ilp_models.pipeline.brief_parts.trials_part import has_trials, trials_part
from ilp_models.pipeline.brief_parts.weekly_part import weekly_part
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.registration import REGISTER
from ilp_models.report.formatting import sentence

_Entry = TypeVar("_Entry")


def compile_brief(  # noqa: PLR0913 - the runs of a report, each with a default
    runs: str | Path,
    *,
    describe: str | Path | None = None,
    assessment: str | Path | None = None,
    totals: str | Path | None = None,
    weekly: str | Path | None = None,
    allocate: str | Path | None = None,
    monitoring: str | Path | None = None,
    trial: str | Path | None = None,
    groups: str | Path | None = None,
    recipients: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    readiness: str | None = None,
    register: str | Path | Register = REGISTER,
    trusted_keys: str | None = None,
) -> Brief:
    """Compile what runs found into a report for decision makers.

    It repeats what runs wrote and names who decided. It recommends nothing, and names no cell.

    Parameters
    ----------
    runs : str or Path
        Folder of the runs, such as ``outputs``; the latest finished one of each kind is used.
    describe, assessment, totals, weekly, allocate, monitoring, trial : str or Path, optional
        Folder of a run of ``describe``, ``assess``, ``forecast experiment=strategic``, ``weekly``, ``allocate``,
        ``monitor`` and ``evaluate-trial``, in place of the latest.
    groups : str or Path, optional
        Folder of a run of ``assess matrix=FILE``. Groups are included only on request.
    recipients : sequence of str
        Who receives a report with groups; the authorisation of the matrix must name each.
    leave_out : sequence of str
        Parts to leave out, such as ``allocation``.
    readiness : str, optional
        The file ``readiness.csv`` of an earlier report, as people filled it in.
    register : str, Path or Register, default "outputs/register.jsonl"
        The register of decisions.
    trusted_keys : str, optional
        File or folder with public keys of reviewers; an approval must then be signed by one of them.

    Returns
    -------
    Brief
        Of full length; ``shorten("policy")`` and ``shorten("management")`` give the others.

    Raises
    ------
    InputError
        If no run is found, a named folder is not of such a run, or runs are of different cities. Also if an answer of
        the checklist cannot be used, or a report with groups has no permitted recipient.
    StorageError, WithheldError
        If the register or a file of the decided run was changed.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=60).read()
    >>> description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.Concentration()])
    >>> page = ilp.write_description(description, folder / "runs" / "describe" / "first")
    >>> brief = ilp.compile_brief(folder / "runs", register=folder / "runs" / "register.jsonl")
    >>> [section.title for section in brief.evidence]
    ['What was recorded']
    """
    moment = now()
    if recipients and groups is None:
        msg = f"recipients names {recipients[0]!r} without groups. Name the run with groups=FOLDER, or leave it out."
        raise InputError(msg)
    named = {
        "describe": describe,
        "assessment": assessment,
        "totals": totals,
        "weekly": weekly,
        "allocate": allocate,
        "monitoring": monitoring,
        "trial": trial,
    }
    answers = _answers(readiness, moment)  # before anything else is read
    sources = read_sources(runs, named, leave_out, Register.from_path(register), trusted_keys)
    parts = _parts(sources, moment)
    marks: tuple[str, ...] = ()
    if groups is not None:
        part, marks = groups_part(groups, recipients, moment)
        parts["groups"] = part
    checklist = Readiness.from_answers(facts_of_runs(sources, moment), answers)
    return _brief(sources, parts, marks, checklist, moment)


def _answers(path: str | None, moment: datetime) -> Mapping[str, ReadinessAnswer]:
    if path is None:
        return {}
    table, _ = read_marked_table(path, "readiness=")
    return answers_in(table, moment.date(), path)


def _parts(sources: BriefSources, moment: datetime) -> dict[str, BriefPart]:
    """Return the parts of the report, in the order in which they are read."""
    assessment = sources.records.get("assessment")
    make: Mapping[str, Any] = {
        "assessment": threats_part,
        "totals": partial(totals_part, assessment=assessment),
        "weekly": weekly_part,
        "allocation": partial(plan_part, week=sources.week, register=sources.register),
        "monitoring": partial(monitoring_part, week=sources.week),
        "trial": partial(trials_part, register=sources.register, moment=moment),
        "description": description_part,
    }
    found: dict[str, Any] = {**sources.records, **({} if sources.week is None else {"weekly": sources.week})}
    if "trial" in sources.missing and has_trials(sources.register):
        found["trial"] = None  # the register has trials that no run has evaluated
    return {kind: part(found[kind]) for kind, part in make.items() if kind in found}


def _brief(
    sources: BriefSources,
    parts: Mapping[str, BriefPart],
    marks: tuple[str, ...],
    checklist: Readiness,
    moment: datetime,
) -> Brief:
    each = [*parts.values()]
    lacking = [
        f"This report has no {one.what}, because there is no such run. Run `{one.command}`."
        for one in sources.missing.values()
    ]
    open_items = [] if checklist.complete else ["What is done about each prerequisite that is not met, and by whom?"]
    return Brief(
        city=sources.city,
        made=f"{moment:%-d %B %Y}",
        length=FULL,
        marks=(*_use_marks(sources), *marks),
        judgements=tuple(_in_turn([part.judgements for part in each])),
        evidence=tuple(part.section for part in each if part.section is not None),
        unknown=tuple(_in_turn([*(part.unknown for part in each), lacking])),
        decisions=decisions_table(sources.register),
        questions=(
            *_in_turn([part.questions for part in each]),
            *objection_texts(sources.register),
            *open_items,
        ),
        readiness=checklist,
        annexes=(*(annex for part in each for annex in part.annexes), _caveats()),
        sources=tuple(_source_lines(sources)),
        restricted="groups" in parts,
    )


def _in_turn(several: Sequence[Sequence[_Entry]]) -> list[_Entry]:
    """Return the first entry of each part, then the second, so that a short report shows some of each."""
    longest = max(map(len, several), default=0)
    return [entries[at] for at in range(longest) for entries in several if at < len(entries)]


def _use_marks(sources: BriefSources) -> list[str]:
    """Return what stands at the top: that records are simulated, and that nothing here permits a use."""
    timing = None if sources.week is None else sources.week.decision.timing
    simulated = any(one.facts.get("simulated") for one in sources.records.values())
    simulated = simulated or (timing is not None and timing.simulated)
    admitted = sources.week is not None and not sources.week.refusal
    use = (
        "This report gives no permission: a plan needs the decision that it names."
        if admitted
        else sentence(RESEARCH_ONLY)
    )
    return [*([SIMULATED] if simulated else []), use]


def _source_lines(sources: BriefSources) -> list[str]:
    """Return each run with the digest of its record and the code and data that made it."""
    lines = []
    for kind, one in sources.records.items():
        facts, (digest,) = one.facts, folder_digests(one.folder, (one.name,)).values()
        about = [f"{name} {str(facts[name])[:60]}" for name in ("made", "data", "code") if facts.get(name)]
        lines.append("; ".join([f"{kind}: {one.folder.resolve().name}, {one.name} {digest[:16]}", *about]))
    week = sources.week
    if week is not None:
        source = week.run.provenance
        lines.append(
            f"weekly: {week.run.folder.resolve().name}, decision {week.decision.short}; made {source.created}; data "
            f"{source.data[:16]}; {source.code}"
        )
    attributions = {str(one.facts.get("attribution") or "") for one in sources.records.values()}
    attributions |= set() if week is None else {week.run.provenance.attribution}
    lines += sorted(filter(None, attributions))
    end = f"its last line has the digest {sources.register.digest}" if sources.register.entries else "it has no line"
    return [*lines, f"Register: {sources.register.entries} lines; {end}."]


def _caveats() -> BriefSection:
    texts = (
        CAVEAT,
        f"Scope: {SCOPE}.",
        f"Lengths: {', '.join(f'{name}, {one.pages_text}' for name, one in LENGTHS.items())}.",
    )
    return BriefSection("How to read this report", texts)
