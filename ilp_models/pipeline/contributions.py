"""What each jurisdiction contributes to a pooled model: samples of its records, or the reason why it gives none."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.reading import check_seen
from ilp_models.domain.compute import Compute
from ilp_models.domain.enforcement_kinds import enforcement_kind
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.events import Events
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.governance import Governance
from ilp_models.domain.history import History
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.region import JurisdictionResult, RunState
from ilp_models.model.means.pooled_bayes import PooledEmpiricalBayes, PriorSample
from ilp_models.model.regressions.pooled import PooledLightGBM
from ilp_models.model.regressions.training_sample import TrainingSample
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.outputs import write_json
from ilp_models.pipeline.study import Study

CONTRIBUTION: Final = "contribution.json"
SAMPLES: Final = "samples"
_STAMP: Final = "%Y-%m-%dT%H-%M-%S"
_POOLED: Final = (PooledLightGBM, PooledEmpiricalBayes)
_SAMPLES: Final[Mapping[str, type[TrainingSample | PriorSample]]] = {
    kind.ending: kind for kind in (TrainingSample, PriorSample)
}

PooledForecaster = PooledLightGBM | PooledEmpiricalBayes


class StoredSample(NamedTuple):
    """The file of a sample. It is read when a model is trained, because those of all cutoffs together may be large."""

    cutoff: pd.Timestamp
    path: Path


@dataclass(frozen=True)
class Contribution:
    """What a jurisdiction gives to a pooled model, or why it gives nothing."""

    name: str
    samples: tuple[StoredSample, ...] = ()
    left_out: str = ""  # the reason; empty if it contributes
    records: int = 0  # that its newest sample was counted from
    types_left_out: tuple[str, ...] = ()
    damaged: bool = False  # its files cannot be read


def write_contribution(
    name: str, study: Study, forecaster: PooledForecaster, backtest: RollingOrigin, audit: Audit, folder: Path
) -> Mapping[str, Any]:
    """Write the samples of a jurisdiction, one for each cutoff, or why it contributes nothing; return what it wrote."""
    events, calendar = study.events, study.calendar
    reasons = list(contribution_faults(audit.governance, events))
    kinds = [kind for kind in events.crime_types if not enforcement_kind(kind, audit.enforcement_types)]
    left_out = [kind for kind in events.crime_types if kind not in kinds]
    if not kinds:
        reasons.append("the records of all its crime types depend on where police patrol")
    written: dict[str, str] = {}
    if not reasons:
        cutoffs = [fold.cutoff for fold in backtest.folds(events, calendar) if fold.refit]
        why = ""
        for cutoff in dict.fromkeys([*cutoffs, study.cutoff]):
            try:
                sample = forecaster.training_sample(_history(study, cutoff, kinds), name)
            except NotRunError as error:  # at an early cutoff the records may be too short, and later long enough
                why = str(error)
                continue
            (folder / SAMPLES).mkdir(exist_ok=True)
            written[cutoff.isoformat()] = f"{cutoff.strftime(_STAMP)}.{sample.ending}"
            sample.write(folder / SAMPLES / written[cutoff.isoformat()])
        reasons += [] if written else [why]
    known = events.select_types(kinds).known_at(calendar.earlier(study.cutoff, study.record_lag))
    facts = {"jurisdiction": name, "left_out": "; ".join(reasons), "records": 0 if reasons else len(known)}
    facts |= {"types_left_out": left_out, "cutoffs": list(written), "samples": list(written.values())}
    write_json(folder / CONTRIBUTION, facts)
    return facts


def contribution_faults(governance: Governance, events: Events) -> tuple[str, ...]:
    """Return why a jurisdiction may not contribute: open questions of governance, and records of tainted periods."""
    tainted = [
        f"its records from {one.start} to {one.end} are tainted ({one.why})"
        for one in governance.tainted
        if pd.Timestamp(one.start) < events.end and pd.Timestamp(one.end) >= events.start
    ]
    return (*(f"governance: {fault}" for fault in governance.faults(now())), *tainted)


def pooled_forecaster(model: Mapping[str, Forecaster]) -> tuple[str, PooledForecaster]:
    """Return the only pooled forecaster among the models, with its name; InputError if there is another number."""
    found = [(name, one) for name, one in model.items() if isinstance(one, _POOLED)]
    if len(found) != 1:
        msg = (
            f"pool trains one pooled model, not {len(found)}. Choose 'model=[pooled_lightgbm]' or "
            "'model=[pooled_empirical_bayes]'."
        )
        raise InputError(msg)
    return found[0]


class TrainingTask(NamedTuple):
    """The pooled models of all cutoffs, which one worker trains and writes."""

    forecaster: PooledForecaster
    models: tuple[tuple[pd.Timestamp, tuple[Path, ...], Mapping[str, str]], ...]  # cutoff, samples, those left out
    folder: Path


def train(
    contributions: Sequence[Contribution], model: Mapping[str, Forecaster], folder: Path, compute: Compute
) -> list[str]:
    """Train a model for each cutoff on the samples of all jurisdictions, and return lines for the terminal.

    One worker trains one model after the other, because the samples of a nation for one model fill its memory.
    A sample of an earlier cutoff counts where a jurisdiction has none of this cutoff, and none of a later one.
    """
    model_name, forecaster = pooled_forecaster(model)
    samples = {one.name: one.samples for one in contributions if not one.left_out}
    reasons = {one.name: one.left_out for one in contributions if one.left_out}
    lines = [f"Contributes: {', '.join(samples) or 'no jurisdiction'}"]
    lines += [f"Left out: {name}: {why}" for name, why in reasons.items()]
    if not samples:
        return [*lines, "No model was trained."]
    cutoffs = sorted({sample.cutoff for parts in samples.values() for sample in parts})
    models = []
    for cutoff in cutoffs:
        newest = {name: [one for one in parts if one.cutoff <= cutoff] for name, parts in samples.items()}
        late = {name: "it has no sample of this or an earlier cutoff" for name, parts in newest.items() if not parts}
        known = tuple(max(parts).path for parts in newest.values() if parts)
        models.append((cutoff, known, reasons | late))
    folder.mkdir(parents=True, exist_ok=True)
    compute.map(_train_all, [TrainingTask(forecaster, tuple(models), folder)], "pooled models")
    days = f"{cutoffs[0]:%Y-%m-%d} to {cutoffs[-1]:%Y-%m-%d}"
    return [*lines, f"Models: {len(cutoffs)} cutoffs, {days}. Use them with model.{model_name}.pool={folder}"]


def _train_all(task: TrainingTask) -> None:
    check_seen(task.folder)
    for cutoff, samples, left_out in task.models:
        task.forecaster.fit_pool(samples, cutoff, left_out).write(task.folder)


def _history(study: Study, cutoff: pd.Timestamp, kinds: Sequence[str]) -> History:
    events = study.events.select_types(kinds)
    cells = study.grid_at(cutoff)
    return History.from_events(cutoff, events, cells, study.calendar, study.layers, study.record_lag)


def read_contribution(result: JurisdictionResult) -> Contribution:
    """Return the samples of a finished run, or the reason why it contributes nothing."""
    if result.state is RunState.FAILED:
        return Contribution(result.name, left_out=result.error or "its run failed")
    folder = Path(result.folder)
    try:
        facts = json.loads(file_in_folder(folder, CONTRIBUTION).read_text(encoding="utf-8"))
        types = tuple(map(str, facts["types_left_out"]))
        if facts["left_out"]:
            return Contribution(result.name, left_out=str(facts["left_out"]), types_left_out=types)
        paths = [file_in_folder(folder / SAMPLES, name) for name in facts["samples"]]
        samples = [StoredSample(_SAMPLES[path.suffix[1:]].read(path).cutoff, path) for path in paths]
        if not samples:
            return Contribution(result.name, left_out="it has no sample", types_left_out=types)
        return Contribution(result.name, tuple(samples), "", int(facts["records"]), types)
    except Exception as error:  # what is wrong with one run must not stop the others
        return Contribution(result.name, left_out=f"its samples cannot be read: {error}", damaged=True)
