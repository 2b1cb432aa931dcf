"""Run the audited forecaster under other choices: on another grid, or without tainted records."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.recipe import describe, without_classes
from ilp_models.domain.replay import Replay
from ilp_models.pipeline.audit_report import ReportContext
from ilp_models.pipeline.backtesting import Backtest, run_backtest


@dataclass(frozen=True, eq=False)
class SensitivityRuns:
    """Backtests of the audited forecaster under other choices."""

    backtest: Backtest
    forecaster: str
    audit: Audit
    compute: Compute
    store: Path

    def report_context(self, second_grid: GridSpec | None, command: str) -> ReportContext:
        """Return the additional runs that the report shows."""
        study = self.backtest.study
        retrained, why = self.without_tainted()
        return ReportContext(
            city=study.city,
            intake=study.events.intake,
            code=study.code,
            settings=without_classes(describe(self.audit)),
            command=command,
            other_grids={} if second_grid is None else {"second grid": self.on_grid(second_grid)},
            retrained=retrained,
            absent={"tainted_periods": why} if why else {},
        )

    def on_grid(self, grid: GridSpec) -> AuditInput:
        """Return the forecaster and the baseline on another grid."""
        tested, study = self.backtest, self.backtest.study
        names = {self.forecaster, self.audit.baseline, tested.scoring.baseline}
        other = run_backtest(
            {name: model for name, model in tested.models.items() if name in names},
            study.events,
            grid,
            calendar=study.calendar,
            layers=study.layers,
            scoring=tested.scoring,
            compute=self.compute,
            store=self.store,
            recompute={self.forecaster, self.audit.baseline},
            **vars(tested.plan),
        )
        replays = other.replay_of(self.forecaster), other.replay_of(self.audit.baseline)
        return self.audit.with_residents(AuditInput(*replays, other.grid, data=study.events.digest()))

    def without_tainted(self) -> tuple[dict[str, Replay], str]:
        """Return the forecaster trained on records after the last tainted period, or why there is none."""
        events, tainted = self.backtest.events, self.audit.governance.tainted
        inside = [one for one in tainted if pd.Timestamp(one.end) >= events.start]
        if not inside:
            return {}, ""
        start = max(pd.Timestamp(one.end) for one in inside) + pd.Timedelta(days=1)
        try:
            return {f"records from {start.date()} on": self._trained_from(start)}, ""
        except IlpError as error:
            return {}, f"trained on records from {start.date()} on it could not be backtested: {error}"

    def _trained_from(self, start: pd.Timestamp) -> Replay:
        tested, events = self.backtest, self.backtest.events
        if start >= events.end:
            msg = "no record is left."
            raise InputError(msg)
        table = events.table[events.table["occurred_at"] >= start].reset_index(drop=True)
        study = replace(tested.study, events=replace(events, table=table, start=start))
        data = BacktestData(study.events, tested.grid, study.calendar, study.layers, study.record_lag)
        models = {self.forecaster: tested.models[self.forecaster]}
        outcome = replay(models, tested.plan, data, self.store.absolute(), self.compute, models)
        found = next((one for one in outcome.replays if one.lead == 1), None)
        if found is None:
            raise InputError(outcome.not_run.get(self.forecaster, "it could not run."))
        return replace(found, recipe=study.recipe(models[self.forecaster]))
