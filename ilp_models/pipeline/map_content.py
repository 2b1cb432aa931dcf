"""Gather what the interactive map of the weekly report shows: expected and recorded counts, and flagged cells."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.flagging import HARM, FlaggingRule
from ilp_models.domain.harm import harm_weights
from ilp_models.domain.panel import Panel
from ilp_models.domain.place_names import place_names
from ilp_models.pipeline.auditing import AuditResult
from ilp_models.pipeline.forecasting import NextForecast
from ilp_models.report.weekly_map import MapEvidence

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RecentCounts:
    """Recorded counts on the cells of a forecast, of the periods that were known when it was made."""

    panel: Panel

    @classmethod
    def of_forecast(cls, forecast: NextForecast) -> "RecentCounts":
        """Return the counts that the forecaster knew: no later period, and none with records outstanding."""
        return cls(forecast.forecaster.history_.panel)

    @property
    def last_period(self) -> pd.Period:
        """The latest period with complete records."""
        return self.panel.periods[-1]

    @cached_property
    def last(self) -> Floats:
        """Counts of the latest period, shape (types, cells)."""
        return self.panel.values[:, :, -1].astype(float)

    def year_before(self, period: pd.Period) -> Floats | None:
        """Return the counts of the same period a year earlier (52 weeks), or None if the records start later."""
        back = {"W": 52, "M": 12}.get(period.freqstr.partition("-")[0], 364)
        at = int(period.ordinal - back - self.panel.periods[0].ordinal)
        return self.panel.values[:, :, at].astype(float) if 0 <= at < len(self.panel.periods) else None


def flagged_cells(audit: AuditResult) -> Floats:
    """Return the part of each cell that the audited rule flags in the first forecast period, shape (types, cells)."""
    settings, subject, forecast = audit.settings, audit.audit_input, audit.forecast
    same = forecast.grid.cells.equals(subject.grid.cells)
    residents = subject.residents if same else subject.residents_ahead
    people = residents[0].total if residents else None
    types = tuple(map(str, forecast.forecast.expected.indexes["crime_type"]))
    harm = harm_weights(settings.harm, types, "audit.harm") if settings.rank_by == HARM else None
    rule = FlaggingRule(forecast.grid.area_m2, settings.rank_by, settings.share_of, people, harm)
    expected = np.asarray(forecast.forecast.expected.values[:, :, :1], dtype=float)
    return rule.flagged(expected, settings.land_share)[0][:, :, 0]


def map_evidence(audit: AuditResult) -> MapEvidence:
    """Return what the map of the weekly report shows besides the forecast."""
    forecast = audit.forecast
    recent = RecentCounts.of_forecast(forecast)
    layers = forecast.study.layers.known
    return MapEvidence(
        recorded=recent.last,
        recorded_period=recent.last_period,
        flagged=flagged_cells(audit),
        places=place_names(forecast.grid, layers),
        layers=layers,
    )
