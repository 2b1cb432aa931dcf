"""Score settings of a forecaster by its forecasts of the periods before the test."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import clone

from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.events import Events
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.recipe import Recipe, describe
from ilp_models.model.wrappers.across_borders import AcrossBorders
from ilp_models.pipeline.study import Study
from ilp_models.scoring.scores import Scoring
from ilp_models.tuning.search import OptunaSearch
from ilp_models.tuning.trials import ScoreSums


@dataclass(frozen=True, eq=False)
class TrialScorer:
    """Scores settings on the last periods before the first test period of a backtest."""

    whole: Study  # with the records of the test periods, which no score sees
    forecaster: Forecaster
    backtest: RollingOrigin
    tuning: OptunaSearch
    scoring: Scoring
    compute: Compute
    folder: Path

    @cached_property
    def first_test(self) -> pd.Timestamp:
        """The first cutoff of the test."""
        return self.backtest.folds(self.whole.events, self.whole.calendar)[0].cutoff

    @cached_property
    def study(self) -> Study:
        """The study with what was known at the first test cutoff."""
        return replace(self.whole, events=self.whole.events.known_at(self.first_test))

    @property
    def plan(self) -> RollingOrigin:
        """The backtest of each trial."""
        return _search_plan(self.backtest, self.tuning)

    @property
    def periods(self) -> pd.PeriodIndex:
        """The periods that settings are scored on."""
        folds = self.plan.folds(self.study.events, self.study.calendar)
        return pd.PeriodIndex([fold.periods[0] for fold in folds])

    @cached_property
    def key(self) -> str:
        """The key of the search: other settings, records, code, space or score are another search."""
        study, scoring = self.study, self.scoring
        score = {"floor": scoring.floor, "shares": scoring.land_shares, "area_share": scoring.curve_land_share}
        settings = {
            "recipe": study.recipe(self.forecaster),
            "tuning": self.tuning.identity,
            "scoring": {**score, "harm_sets": scoring.harm_sets},
        }
        return Recipe(describe(settings), study.events.digest(), study.tags()["code"]).fingerprint

    def score(self, settings: Mapping[str, Any]) -> ScoreSums:
        """Return the sums from which the score of some settings is computed."""
        inner = "forecaster__" if isinstance(self.forecaster, AcrossBorders) else ""
        changed = {inner + name.replace(".", "__"): value for name, value in settings.items()}
        forecaster = clone(self.forecaster).set_params(**changed)
        data, name = self._data(), "trial"
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="trial-") as store:
            outcome = replay({name: forecaster}, self.plan, data, Path(store), self.compute)
        if name in outcome.not_run:
            raise NotRunError(outcome.not_run[name])
        table = self.scoring.run(outcome.replays, data.grid.area_m2)
        parts = [table.by_period(self.tuning.score, one.lead) for one in outcome.replays]
        return ScoreSums(_sum_leads(top[name] for top, _ in parts), _sum_leads(bottom for _, bottom in parts))

    def _data(self) -> BacktestData:
        first = self.plan.folds(self.study.events, self.study.calendar)[0].cutoff
        return BacktestData(self.study.events, self.study.grid_at(first), self.study.calendar, self.study.layers)


def search_start(events: Events, calendar: Calendar, backtest: RollingOrigin, tuning: OptunaSearch) -> pd.Timestamp:
    """Return the first cutoff of the search, all of whose periods lie before the test."""
    first = backtest.folds(events, calendar)[0].cutoff
    past = events.known_at(first)
    whole = calendar.whole_periods(past.start, past.end - past.settles_after)
    if len(whole) <= tuning.periods:
        msg = (
            f"tuning.periods={tuning.periods} leaves no period to learn from: only {len(whole)} "
            f"{calendar.period_unit}(s) lie before the first test period ({first.date()}). Set fewer, lower "
            "backtest.test_periods, or give more records."
        )
        raise InputError(msg)
    return _search_plan(backtest, tuning).folds(past, calendar)[0].cutoff


def _search_plan(backtest: RollingOrigin, tuning: OptunaSearch) -> RollingOrigin:
    return RollingOrigin(tuning.periods, backtest.horizon, tuning.refit_every)


def _sum_leads(leads: Iterable[pd.Series]) -> tuple[float, ...]:
    """Return the sum over leads in each period; the longer leads have fewer periods."""
    return tuple(pd.concat(leads, axis=1).sum(axis=1).sort_index().tolist())
