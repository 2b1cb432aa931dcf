"""The same forecaster otherwise: on another grid, or trained without tainted records."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.replay import Replay
from ilp_models.pipeline.backtesting import Comparison, compare
from ilp_models.pipeline.study import Study
from ilp_models.scoring.scores import Scoring


@dataclass(frozen=True, eq=False)
class SensitivityRuns:
    """How the audited forecaster is tried otherwise.

    Parameters
    ----------
    study : Study
        Records, cells and periods as audited.
    models : mapping of str to Forecaster
        Forecasters by name.
    forecaster : str
        The one audited.
    plan : RollingOrigin
        Which cutoffs are replayed.
    scoring : Scoring
        Its baseline is replayed on other grids, too.
    compute : Compute
        Where the work runs.
    """

    study: Study
    models: Mapping[str, Forecaster]
    forecaster: str
    plan: RollingOrigin
    scoring: Scoring
    compute: Compute

    def on_grid(self, second: GridSpec, audit: Audit) -> AuditInput:
        """Return the forecaster and the baseline on another grid."""
        config = {**self.study.config, "grid": self.study.config["second_grid"]}
        study = replace(self.study, places=second, config=config)
        names = {self.forecaster, audit.baseline, self.scoring.baseline}
        models = {name: model for name, model in self.models.items() if name in names}
        other = compare(study, models, self.plan, self.scoring, self.compute)
        replays = other.replay_of(self.forecaster), other.replay_of(audit.baseline)
        return audit.with_residents(AuditInput(*replays, other.grid, data=study.events.digest()))

    def untainted(self, audit: Audit, comparison: Comparison) -> tuple[dict[str, Replay], str]:
        """Return the forecaster trained on records after the last tainted period, or why there is none.

        Leaving a span out would read as a span without crime, so the records start after it.
        """
        events, tainted = self.study.events, audit.governance.tainted
        inside = [one for one in tainted if pd.Timestamp(one.end) >= events.start]
        if not inside:
            return {}, ""
        start = max(pd.Timestamp(one.end) for one in inside) + pd.Timedelta(days=1)
        try:
            return {f"records from {start.date()} on": self._from(start, comparison)}, ""
        except IlpError as error:
            return {}, f"trained on records from {start.date()} on it could not be replayed: {error}"

    def _from(self, start: pd.Timestamp, comparison: Comparison) -> Replay:
        events = self.study.events
        if start >= events.end:
            msg = "no record is left."
            raise InputError(msg)
        table = events.table[events.table["occurred_at"] >= start].reset_index(drop=True)
        study = replace(self.study, events=replace(events, table=table, start=start))
        recipes = study.recipes([self.forecaster])
        models = {self.forecaster: self.models[self.forecaster]}
        world = BacktestData(study.events, comparison.grid, study.calendar, study.layers)
        with tempfile.TemporaryDirectory() as store:  # these cells are not those of the recipe: never to be reused
            outcome = replay(models, recipes, self.plan, world, Path(store), self.compute)
        found = next((one for one in outcome.replays if one.lead == 1), None)
        if found is None:
            raise InputError(outcome.not_run.get(self.forecaster, "it could not run."))
        return found
