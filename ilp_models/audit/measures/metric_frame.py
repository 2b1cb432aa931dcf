"""Exposure, coverage and error by group as a fairlearn MetricFrame."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.metrics import MetricFrame as MetricFrame

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import with_total
from ilp_models.audit.measures.group_sums import Basis, GroupSums, error_cubes, flag_cubes
from ilp_models.audit.residents import Residents
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import ALL
from ilp_models.domain.replay import Replay

Floats = npt.NDArray[np.float64]

METRICS: Final = ("exposure", "coverage", "error")


def metric_frame(context: CheckContext, dimension: str, crime_type: str = ALL) -> MetricFrame:
    """Return exposure, coverage and error by group as a fairlearn MetricFrame.

    ``exposure`` is the share of resident-periods in flagged areas, ``coverage`` the share of recorded events in flagged
    areas, ``error`` the mean absolute difference between expected and recorded events of a cell and period. Use
    ``.by_group``, ``.overall``, ``.difference()`` and ``.ratio()``. A row of the frame is one crime type, period and
    group; its cells are summed first, weighted by the residents of the group (exposure) or by its share of the
    residents (coverage and error).
    """
    residents = next((one for one in context.residents if one.dimension == dimension), None)
    if residents is None:
        known = ", ".join(one.dimension for one in context.residents) or "none"
        msg = f"Dimension {dimension!r} is not in the group table (dimensions: {known}). Set audit.groups.path=FILE."
        raise InputError(msg)
    if crime_type not in context.scopes:
        msg = f"Crime type {crime_type!r} was not audited. Choose one of {', '.join(context.scopes)}."
        raise InputError(msg)
    part = [context.scopes.index(crime_type)]
    samples = _Samples.from_replay(context, residents, context.replay, context.flags)
    groups = pd.Series(np.tile(residents.groups, len(part) * samples.periods), name=dimension)
    return samples.frame(part, groups)


@dataclass(frozen=True, eq=False)
class AuditedFrames:
    """MetricFrames of the audited map and of the baseline's map, over every crime type and group of one dimension."""

    context: CheckContext
    residents: Residents

    @cached_property
    def own(self) -> MetricFrame:
        """The frame of the audited map."""
        samples = _Samples.from_replay(self.context, self.residents, self.context.replay, self.context.flags)
        return samples.by_crime_type(self.context.scopes, self.residents.groups)

    @cached_property
    def baseline(self) -> MetricFrame:
        """The frame of the baseline's map."""
        samples = _Samples.from_replay(self.context, self.residents, self.context.baseline, self.context.baseline_flags)
        return samples.by_crime_type(self.context.scopes, self.residents.groups)

    def values(self, metric: str) -> tuple[Floats, Floats]:
        """Return a metric of the forecaster and of the baseline, each of shape (crime types and their pool, groups)."""
        places = pd.MultiIndex.from_product((self.context.scopes, self.residents.groups))
        shape = len(self.context.scopes), len(self.residents.groups)
        own, baseline = (
            one.by_group[metric].reindex(places).to_numpy(dtype=float).reshape(shape)
            for one in (self.own, self.baseline)
        )
        return own, baseline

    def gaps(self) -> pd.DataFrame:
        """Return the difference and the ratio between groups, one row for each crime type and kind of gap."""
        tables: dict[str, pd.DataFrame] = {"difference": self.own.difference(), "ratio": self.own.ratio()}
        parts = [table.reindex(self.context.scopes).assign(gap=name) for name, table in tables.items()]
        rows = pd.concat(parts).rename_axis("crime_type").reset_index().assign(dimension=self.residents.dimension)
        return rows[["crime_type", "dimension", "gap", *METRICS]]


def group_gaps(context: CheckContext) -> pd.DataFrame:
    """Return how far groups are apart on the audited map: ``.difference()`` and ``.ratio()`` of the MetricFrames."""
    frames = [AuditedFrames(context, one) for one in context.residents]
    return pd.concat([one.gaps() for one in frames], ignore_index=True)


@dataclass(frozen=True, eq=False)
class _Samples:
    """Sums of one map, by crime type, period and group; the rows of a frame."""

    sums: GroupSums
    types: int  # number of crime types; a last row has all of them together

    @classmethod
    def from_replay(cls, context: CheckContext, residents: Residents, replay: Replay, flags: Floats) -> Self:
        expected = np.asarray(replay.expected.values, dtype=float)
        errors = error_cubes(expected, context.observed)
        summed = {name: cube._replace(values=with_total(cube.values)) for name, cube in errors.items()}
        cubes = flag_cubes(flags, context.observed) | summed
        return cls(GroupSums.from_cubes(Basis.from_residents(residents), cubes), len(context.replay.crime_types))

    @property
    def periods(self) -> int:
        return self.sums.periods

    def by_crime_type(self, scopes: Sequence[str], groups: Sequence[str]) -> MetricFrame:
        """Return a frame with the crime types and their pool as control feature."""
        control = np.repeat(np.array(scopes, dtype=object), self.periods * len(groups))
        sensitive = np.tile(np.array(groups, dtype=object), len(scopes) * self.periods)
        return self.frame(range(len(scopes)), pd.Series(sensitive), pd.Series(control))

    def frame(
        self, part: Sequence[int], groups: "pd.Series[str]", control: "pd.Series[str] | None" = None
    ) -> MetricFrame:
        """Return the frame of some scopes, by position."""
        sums = {name: one[list(part), :, :-1] for name, one in self.sums.by_period.items()}
        basis, shape = self.sums.basis, sums["recorded"].shape
        # the error of all crime types together is a mean over types
        maps = np.where(np.array(part) < self.types, 1, self.types)[:, None, None]
        rates = {
            "exposure": (sums["exposed"], basis.people.sum(axis=0)[:-1]),
            "coverage": (sums["covered"], sums["burdened"]),
            "error": (sums["over"] + sums["under"], maps * basis.cells.sum(axis=0)[:-1]),
        }
        return MetricFrame(
            metrics=dict.fromkeys(METRICS, _ratio_of_sums),
            y_true=sums["recorded"].ravel(),
            y_pred=sums["predicted"].ravel(),
            sensitive_features=groups,
            control_features=control,
            sample_params={
                name: {"amount": amount.ravel(), "whole": np.broadcast_to(whole, shape).ravel()}
                for name, (amount, whole) in rates.items()
            },
        )


def _ratio_of_sums(y_true: Floats, y_pred: Floats, *, amount: Floats, whole: Floats) -> float:
    """Return a mean weighted by what it is a share of; NaN without any. The signature is fairlearn's."""
    del y_true, y_pred
    total = float(np.sum(whole))
    return float(np.sum(amount)) / total if total > 0 else float("nan")
