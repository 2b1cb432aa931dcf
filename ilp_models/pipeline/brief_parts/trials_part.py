"""What field trials add to a report for decision makers: the evaluated one, and all that the register has."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ilp_models.audit.register.declarations import DECLARED
from ilp_models.audit.register.register import RegisterEntry, RegisterState
from ilp_models.domain.brief import BriefPart, BriefSection, BriefTable, KeyJudgement
from ilp_models.domain.digest import digest_of
from ilp_models.domain.timing import SIMULATED_RECORDS
from ilp_models.evaluation.outcomes import TYPE
from ilp_models.pipeline.run_record import RunRecord
from ilp_models.pipeline.trial_register import EVALUATED, TRIAL
from ilp_models.report.formatting import percent
from ilp_models.report.trial_page import effect_texts
from ilp_models.report.trial_text import OBSERVATIONAL

_UNKNOWN: Final = "not known"
_NUMBERS: Final = ("ratio", "ratio_low", "ratio_high", "events", "events_low", "events_high", "p_value", "p_adjusted")
_WEAK: Final = {"few assignments", "few events", "no events", "not over", "one treated unit"}  # of no conclusion
_NOT_MEASURED: Final = "The trial counts recorded crimes. It measures no stops, complaints or trust."
_CHANGED: Final = (
    "The register has no evaluation with this digest: evaluation.json was changed, or made with another register. Its "
    "result is not repeated."
)


def has_trials(register: RegisterState) -> bool:
    """Return whether the register has a field trial."""
    return any(TRIAL in line.content for line in register.lines)


def trials_part(record: RunRecord | None, register: RegisterState, moment: datetime) -> BriefPart:
    """Return the result of an evaluated trial, its limits, and every trial of the register, running ones first."""
    trials = _trials_table(register, moment)
    if record is None:
        return BriefPart(section=BriefSection("Field trials", (_running_text(trials),), (trials,)))
    digest = digest_of(record.path.read_text(encoding="utf-8").encode())
    if not any(digest == _trial_in(line).get("digest") for line in register.lines if line.act == EVALUATED):
        section = BriefSection("Field trials", (_CHANGED,), (trials,) if trials.rows else ())
        return BriefPart(section=section, unknown=(f"What the field trial shows. {_CHANGED}",))
    return record.read(lambda content: _evaluated(content, trials))


def _evaluated(content: Mapping[str, Any], trials: BriefTable) -> BriefPart:
    observational = bool(content["observational"])
    mark = f"{OBSERVATIONAL}: " if observational else ""
    limits = [one for one in content["findings"] if one["serious"]]
    named = "; ".join(str(one["check"]) for one in limits)
    span = f"{content['scheme']}, {content['start']} to {content['last_day']}"
    judgement = KeyJudgement(
        f"{mark}{content['headline']}",
        "low" if observational or _WEAK & {one["check"] for one in limits} else "moderate" if limits else "high",
        f"field trial: {span}; limits: {named or 'no finding limits it'}",
    )
    sentences = (
        judgement.text,
        f"Findings that limit it: {named}." if named else "No finding limits it.",
        str(content["planned"]),
        f"Trial: {span}.",
        *(str(one["finding"]) for one in limits),
        _NOT_MEASURED,
    )
    effects = _effects_table(content["effects"], percent(float(content["confidence"]), 0))
    return BriefPart(
        judgements=(judgement,),
        section=BriefSection("Field trials", sentences, (effects, trials)),
        unknown=(f"What acting on the forecast does to what was not counted. {_NOT_MEASURED}",),
        questions=("Is the success criterion of the trial met, and what follows from its result?",),
    )


def _effects_table(rows: list[Mapping[str, Any]], confidence: str) -> BriefTable:
    """Return the main result and the other outcomes, as the page of the trial shows them."""
    shown = []
    for row in rows:
        if row["role"] == "check":
            continue
        known = {name: float("nan") if row[name] is None else float(row[name]) for name in _NUMBERS}
        text = effect_texts({**row, **known})
        p_value = text["p_value"] if row["role"] == "main" else text["p_adjusted"]
        outcome = text["outcome"] if text["kind"] in ("", TYPE) else f"{text['outcome']} ({text['kind']})"
        shown.append((outcome, text["change"], text["interval"], p_value, text["conclusion"]))
    labels = ("Outcome", "Change", f"{confidence} interval", "p", "Conclusion")
    caption = "Change of recorded crimes in treated places; p of other outcomes is adjusted"
    return BriefTable(caption, labels, tuple(shown), (1, 2, 3))


def _trials_table(register: RegisterState, moment: datetime) -> BriefTable:
    """Return every trial of the register, those that are not evaluated first."""
    rows = []
    for decision in dict.fromkeys(line.decision for line in register.lines if TRIAL in line.content):
        lines = register.entries_of(decision)
        declared = next((_trial_in(line) for line in lines if line.act == DECLARED), {})
        looks = [line for line in lines if line.act == EVALUATED]
        effect, power = (declared.get(name) for name in ("effect", "power"))
        chance = f"{percent(power, 0)} for {percent(effect, 0)} fewer" if power is not None and effect else _UNKNOWN
        days = (str(declared.get(name, _UNKNOWN)) for name in ("start", "last_day"))
        state = _evaluated_text(looks) if looks else _state(declared, f"{moment:%Y-%m-%d}")
        rows.append((bool(looks), (decision[:16], *days, chance, state)))
    rows.sort(key=lambda row: row[0])
    labels = ("Design", "First day", "Last day", "Chance to show the effect", "State")
    return BriefTable("Field trials in the register", labels, tuple(row for _, row in rows))


def _trial_in(line: RegisterEntry) -> Mapping[str, Any]:
    found = line.content.get(TRIAL)
    return found if isinstance(found, Mapping) else {}


def _state(declared: Mapping[str, Any], today: str) -> str:
    first, last = (str(declared.get(name, "")) for name in ("start", "last_day"))
    if declared.get("simulated"):
        return f"{SIMULATED_RECORDS.lower()}, not evaluated"
    if not last:
        return "not evaluated"
    return "not begun" if today < first else "running" if today <= last else "over, not evaluated"


def _evaluated_text(looks: list[RegisterEntry]) -> str:
    """Return the last conclusion, and how often the trial was evaluated: several looks find an effect more often."""
    last = _trial_in(looks[-1])
    found = f"evaluated on {looks[-1].moment:%Y-%m-%d}: {last.get('conclusion', _UNKNOWN)}"
    marks = [OBSERVATIONAL.lower()] if last.get("observational") else []
    marks += ["before its end"] if "not over" in last.get("findings", ()) else []
    marks += [f"evaluated {len(looks)} times"] if len(looks) > 1 else []
    return ", ".join([found, *marks])


def _running_text(trials: BriefTable) -> str:
    running = sum(row[-1] == "running" for row in trials.rows)
    return f"Field trials in the register: {len(trials.rows)}. Running: {running}. This report has no result of one."
