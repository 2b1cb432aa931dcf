"""Find and read the runs that a report for decision makers is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ilp_models.audit.register.register import Register, RegisterState
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import UNFINISHED, InputError, WithheldError
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.pipeline.run_record import RunRecord, read_record

BUNDLE: Final = "model/bundle.json"
INTAKE: Final = "intake.json"


@dataclass(frozen=True)
class RunKind:
    """A kind of run that a report can use: its setting, tasks, the file that says that it is whole, and the command."""

    setting: str  # that names the folder of such a run
    tasks: tuple[str, ...]
    record: str
    command: str
    what: str  # that is missing without it


KINDS: Final[Mapping[str, RunKind]] = {
    "assessment": RunKind("assessment", ("assess",), "assessment.json", "ilp assess", "threat assessment"),
    "totals": RunKind(
        "totals", ("forecast",), "totals.json", "ilp forecast experiment=strategic", "forecast of the next 12 months"
    ),
    "weekly": RunKind("weekly", ("weekly", "audit"), "decision.json", "ilp weekly", "audited weekly forecast"),
    "allocation": RunKind("allocate", ("allocate",), "allocation.json", "ilp allocate", "allocation of patrols"),
    "monitoring": RunKind("monitoring", ("monitor",), "monitor.json", "ilp monitor", "monitoring since the audit"),
    "trial": RunKind(
        "trial", ("evaluate-trial",), "evaluation.json", "ilp evaluate-trial", "evaluation of a field trial"
    ),
    "description": RunKind(
        "describe", ("describe",), "description.json", "ilp describe", "description of recorded crime"
    ),
}


@dataclass(frozen=True, eq=False)
class AuditedWeek:
    """A run with a decision, and whether the decision permits its use now."""

    run: RunFolder
    decision: Decision  # as the register knows it
    refusal: str  # why it does not permit allocation now; empty if it does
    city: str
    intake: RunRecord | None


@dataclass(frozen=True, eq=False)
class BriefSources:
    """The runs of a report, and the register that knows who decided what."""

    records: Mapping[str, RunRecord]
    week: AuditedWeek | None
    register: RegisterState
    missing: Mapping[str, RunKind]  # without those that were left out on request

    @property
    def city(self) -> str:
        """The city of all runs; InputError if they are of different ones."""
        names = {kind: str(one.facts.get("city", "")) for kind, one in self.records.items()}
        names |= {} if self.week is None else {"weekly": self.week.city}
        named = {kind: city for kind, city in names.items() if city}
        if len(set(named.values())) > 1:
            listed = ", ".join(f"{kind} of {city!r}" for kind, city in named.items())
            msg = f"The runs are of different cities: {listed}. Name runs of one city, or leave_out=[{[*named][-1]}]."
            raise InputError(msg)
        return next(iter(named.values()), "The study area")


def read_sources(
    runs: str | Path,
    folders: Mapping[str, str | Path | None],
    leave_out: Sequence[str],
    register: Register,
    trusted_keys: str | None = None,
) -> BriefSources:
    """Return the named runs, and the latest run of each other kind that is not left out."""
    unknown = sorted(set(leave_out) - set(KINDS))
    if unknown:
        msg = f"leave_out names {unknown[0]!r}, which is no part. Use {', '.join(KINDS)}."
        raise InputError(msg)
    found: dict[str, Path] = {}
    for kind, about in KINDS.items():
        given = folders.get(about.setting)
        if given is not None and kind in leave_out:
            msg = f"{about.setting}={given} is named, and left out by leave_out. Choose one of both."
            raise InputError(msg)
        folder = latest_run(Path(runs), about) if given is None else named_run(given, about)
        if folder is not None and kind not in leave_out:
            found[kind] = folder
    if not found:
        listed = ", ".join(f"`{one.command}`" for kind, one in KINDS.items() if kind not in leave_out)
        msg = (
            f"{runs} has no finished run to report on. Run one of these first: {listed or 'leave_out names all parts'}."
        )
        raise InputError(msg)
    records = {kind: read_record(path, KINDS[kind].record) for kind, path in found.items() if kind != "weekly"}
    week = _audited_week(found["weekly"], register, trusted_keys) if "weekly" in found else None
    absent = {kind: one for kind, one in KINDS.items() if kind not in found and kind not in leave_out}
    return BriefSources(records, week, register.verify(), absent)


def latest_run(runs: Path, kind: RunKind) -> Path | None:
    """Return the latest finished run of a kind, or None; names of runs begin with their time."""
    own = (path for task in kind.tasks for path in (runs / task).glob("*") if path.is_dir() and not path.is_symlink())
    whole = [path for path in own if (path / kind.record).is_file() and not (path / UNFINISHED).exists()]
    return max(whole, key=lambda path: path.name, default=None)


def named_run(given: str | Path, about: RunKind) -> Path:
    """Return the folder that a setting names; InputError unless it is a finished run of that kind."""
    folder = Path(given)
    if (folder / UNFINISHED).exists():
        msg = f"{about.setting}={folder} is of a run that has not finished. Run `{about.command}` again."
        raise InputError(msg)
    if not (folder / about.record).is_file():
        msg = f"{about.setting}={folder} has no {about.record}. Name the folder of a run of `{about.command}`."
        raise InputError(msg)
    return folder


def _audited_week(folder: Path, register: Register, trusted_keys: str | None) -> AuditedWeek:
    """Return a decided run; StorageError or WithheldError if its files are not those that were decided on."""
    run = RunFolder.from_path(folder)
    decision = run.decision()
    run.check_forecast(decision)
    run.check_evidence(decision, register)
    refusal = ""
    try:
        decision = run.active_decision(register, trusted_keys)
        decision.require_permission(run.forecast, now())
    except WithheldError as error:
        refusal = str(error)
    bundle = read_record(folder, BUNDLE)
    intake = read_record(folder, INTAKE) if (folder / INTAKE).is_file() else None
    return AuditedWeek(run, decision, refusal, str(bundle.content.get("city", "")), intake)
