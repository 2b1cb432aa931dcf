"""Train pooled models: sample each jurisdiction, fit trees to all samples together, and store them by cutoff."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from logging import getLogger
from pathlib import Path

import pandas as pd

from ilp_models.backtest.replay import BacktestData
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.model.means.pooled_bayes import PooledEmpiricalBayes, PooledPrior, PriorSample
from ilp_models.model.regressions.pool import PooledModel
from ilp_models.model.regressions.pooled import PooledLightGBM

_LOG = getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SampleTask:
    """One jurisdiction whose sample a worker writes."""

    jurisdiction: str
    history: History
    path: Path


def train_pooled(
    histories: Mapping[str, History],
    forecaster: PooledLightGBM,
    *,
    cutoff: pd.Timestamp | None = None,
    left_out: Mapping[str, str] | None = None,
    compute: Compute | None = None,
) -> PooledModel:
    """Train one model on several jurisdictions, store it in the forecaster's ``pool`` folder, and return it.

    Each jurisdiction contributes numbers of units without places: features, the logarithm of its own level times
    share, the count, a weight, and the crime type. Give histories only of jurisdictions whose own governance, crime
    types and tainted periods were checked, and name the others in ``left_out``. A jurisdiction whose records are too
    short is left out with the reason.

    Parameters
    ----------
    histories : mapping of str to History
        What is known of each jurisdiction, by label. Crime types must have the names that all share.
    forecaster : PooledLightGBM
        The settings of features, sample and trees, and the folder. Use the same one to forecast.
    cutoff : Timestamp, optional
        Time of the pooled model. By default the latest cutoff of the histories.
    left_out : mapping of str to str, optional
        Label and reason of the jurisdictions that contribute nothing; stored in ``pool.json``.
    compute : Compute, optional
        Where the samples are made. By default in processes of this machine.

    Returns
    -------
    PooledModel
        The trees with the facts that ``pool.json`` holds.

    Raises
    ------
    InputError
        If a history has a later cutoff, features differ, or no jurisdiction contributes.

    Examples
    --------
    >>> import tempfile
    >>> import ilp_models as ilp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model = ilp.PooledLightGBM(folder, n_estimators=20, min_child_samples=50)
    ...     pooled = ilp.train_pooled({"here": history}, model, left_out={"there": "No mandate."})
    >>> pooled.left_out
    {'there': 'No mandate.'}
    """
    folder, reasons = _checked(histories, forecaster, left_out)
    folder.mkdir(parents=True, exist_ok=True)  # workers on other machines write there too
    with tempfile.TemporaryDirectory(prefix=".samples-", dir=folder, ignore_cleanup_errors=True) as temporary:
        samples = Path(temporary, "samples")
        samples.mkdir()
        tasks = [
            SampleTask(label, histories[label], samples / f"{number:04d}.parquet")
            for number, label in enumerate(sorted(histories), start=1)
        ]
        failures = (compute or LocalProcesses()).map(partial(_write_sample, forecaster), tasks, "training samples")
        reasons |= {task.jurisdiction: failure for task, failure in zip(tasks, failures, strict=True) if failure}
        parts = [task.path for task, failure in zip(tasks, failures, strict=True) if not failure]
        latest = _latest(histories) if cutoff is None else cutoff
        pooled = forecaster.fit_pool(parts, latest, reasons)
        pooled.write(folder, samples)
    _report(reasons, latest)
    return pooled


def train_pooled_prior(
    histories: Mapping[str, History],
    forecaster: PooledEmpiricalBayes,
    *,
    cutoff: pd.Timestamp | None = None,
    left_out: Mapping[str, str] | None = None,
    compute: Compute | None = None,
) -> PooledPrior:
    """Estimate the prior of empirical Bayes across jurisdictions, store it in the ``pool`` folder, and return it.

    Each jurisdiction contributes one number for each crime type and candidate setting: how well the setting forecast
    its latest year. Nothing else leaves it. Its own checks come first, as for :func:`train_pooled`.

    Parameters
    ----------
    histories : mapping of str to History
        What is known of each jurisdiction, by label. Crime types must have the names that all share.
    forecaster : PooledEmpiricalBayes
        The candidates, and the folder. Use the same one to forecast.
    cutoff : Timestamp, optional
        Time of the prior. By default the latest cutoff of the histories.
    left_out : mapping of str to str, optional
        Label and reason of the jurisdictions that contribute nothing; stored with the prior.
    compute : Compute, optional
        Where the losses are computed. By default in processes of this machine.

    Returns
    -------
    PooledPrior
        The loss of each setting per event.

    Raises
    ------
    InputError
        If a history has a later cutoff, settings differ, or no jurisdiction contributes.

    Examples
    --------
    >>> import tempfile
    >>> import ilp_models as ilp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model = ilp.PooledEmpiricalBayes(folder, half_lives=(16, 64))
    ...     prior = ilp.train_pooled_prior({"here": history}, model, left_out={"there": "No mandate."})
    >>> sorted(prior.losses)
    ['', 'a', 'b']
    """
    folder, reasons = _checked(histories, forecaster, left_out)
    latest = _latest(histories) if cutoff is None else cutoff
    tasks = [(label, histories[label]) for label in sorted(histories)]
    found = (compute or LocalProcesses()).map(partial(_prior_sample, forecaster), tasks, "losses of settings")
    samples = [one for one in found if not isinstance(one, str)]
    reasons |= {label: one for (label, _), one in zip(tasks, found, strict=True) if isinstance(one, str)}
    prior = forecaster.fit_pool(samples, latest, reasons)
    prior.write(folder)
    _report(reasons, latest)
    return prior


def train_pooled_backtest(
    jurisdictions: Mapping[str, BacktestData],
    plan: RollingOrigin,
    forecaster: PooledLightGBM,
    *,
    tested: str,
    left_out: Mapping[str, str] | None = None,
    compute: Compute | None = None,
) -> tuple[PooledModel, ...]:
    """Train the pooled models of each cutoff at which the backtest of one jurisdiction refits; return them.

    Each uses what was known of every jurisdiction at that cutoff. A jurisdiction whose records ended before it
    contributes what was known at the end of its records.
    """
    data = jurisdictions[tested]
    cutoffs = [fold.cutoff for fold in plan.folds(data.events, data.calendar) if fold.refit]
    models = []
    for cutoff in cutoffs:
        histories, reasons = {}, dict(left_out or {})
        for label, one in jurisdictions.items():
            try:
                if label not in reasons:
                    histories[label] = one.known_at(min(cutoff, _end_of_records(one)))
            except InputError as error:  # no whole period is known at the cutoff
                reasons[label] = str(error)
        models.append(train_pooled(histories, forecaster, cutoff=cutoff, left_out=reasons, compute=compute))
    return tuple(models)


def _checked(
    histories: Mapping[str, History],
    forecaster: PooledLightGBM | PooledEmpiricalBayes,
    left_out: Mapping[str, str] | None,
) -> tuple[Path, dict[str, str]]:
    """Return the folder of the pool and the reasons of those left out."""
    if forecaster.pool is None:
        msg = f"pool is not set. Give the folder of the pool: {type(forecaster).__name__}(pool=...)."
        raise InputError(msg)
    if not histories:
        msg = "histories is empty. Give the history of at least one jurisdiction."
        raise InputError(msg)
    reasons = dict(left_out or {})
    both = sorted(set(histories) & set(reasons))
    if both:
        msg = f"{both[0]!r} is both in histories and in left_out. Give it once."
        raise InputError(msg)
    return Path(forecaster.pool), reasons


def _latest(histories: Mapping[str, History]) -> pd.Timestamp:
    return max(history.cutoff for history in histories.values())


def _report(reasons: Mapping[str, str], cutoff: pd.Timestamp) -> None:
    for label, reason in reasons.items():
        _LOG.warning("%s contributes nothing to what is pooled at %s: %s", label, cutoff.date(), reason)


def _end_of_records(data: BacktestData) -> pd.Timestamp:
    """Return the start of the first period that the records do not cover."""
    periods = data.calendar.whole_periods(data.events.start, data.events.end)
    return (periods[-1] + 1).start_time


def _write_sample(forecaster: PooledLightGBM, task: SampleTask) -> str:
    """Write the sample of one jurisdiction, and return why there is none; empty if there is one."""
    try:
        forecaster.training_sample(task.history, task.jurisdiction).write(task.path)
    except NotRunError as error:
        return str(error)
    return ""


def _prior_sample(forecaster: PooledEmpiricalBayes, task: tuple[str, History]) -> PriorSample | str:
    """Return the losses of one jurisdiction, or why there are none."""
    label, history = task
    try:
        return forecaster.training_sample(history, label)
    except NotRunError as error:
        return str(error)
