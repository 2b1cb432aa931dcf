"""What the page of a comparison shows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.grid import Grid


@dataclass(frozen=True)
class MethodCard:
    """Who a forecaster is.

    Parameters
    ----------
    name : str
        Name in the comparison.
    kind : str
        Dotted name of its class; empty where only stored forecasts are known.
    about : tuple of str
        Paragraphs on the method, its source among them.
    settings : mapping of str to str
        Settings by dotted name.
    recipe : str
        Fingerprint.
    source : str
        Where its forecasts come from.
    """

    name: str
    kind: str
    about: tuple[str, ...]
    settings: Mapping[str, str]
    recipe: str
    source: str


@dataclass(frozen=True, eq=False)
class Rivals:
    """Where the two best forecasters differ.

    Parameters
    ----------
    first, second : str
        Their names, the better first.
    grid : Grid
        The cells.
    expected : ndarray of float64
        Expected events per cell and period over all crime types, first less second, mean over periods.
    deviance : ndarray of float64
        Deviance, first less second, mean over crime types and periods, one value a cell.
    """

    first: str
    second: str
    grid: Grid
    expected: npt.NDArray[np.float64]
    deviance: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ComparisonEvidence:
    """What a run knows of its comparison; the page is made from nothing else.

    Parameters
    ----------
    city, data, protocol, baseline : str
        The study area; the records in one line; how all was scored; what skill is measured against.
    leaderboard : DataFrame
        As :func:`ilp_models.report.comparison.leaderboard.leaderboard`.
    skill, seasons : DataFrame
        ``forecaster, lead, crime_type, skill, low, high, p_value, verdict, n``, the latter with ``season``.
    pairs : DataFrame
        ``forecaster, other, lead, crime_type, difference, low, high, p_value, holm, verdict``.
    ranks : DataFrame or None
        ``forecaster, mean_rank, group``, best first; None with a single forecaster.
    critical_difference, rank_p_value : float
        Of the mean ranks, and of Friedman's test that all are alike; NaN with too few blocks.
    blocks : int
        Blocks of periods that were ranked.
    hit_curves : DataFrame
        ``forecaster, lead, crime_type, share, hit_rate, oracle``.
    calibration, pit, coverage, consistency : DataFrame
        Calibration of every forecaster, by crime type and lead.
    rivals : Rivals or None
        The two best; None where there is but one.
    cards : tuple of MethodCard
        One a forecaster.
    provenance : mapping of str to str
        Digests, versions and times by name.
    command, attribution : str
        What to type to make it again; the words the publisher's licence asks for.
    """

    city: str
    data: str
    protocol: str
    baseline: str
    leaderboard: pd.DataFrame
    skill: pd.DataFrame
    seasons: pd.DataFrame
    pairs: pd.DataFrame
    ranks: pd.DataFrame | None
    critical_difference: float
    rank_p_value: float
    blocks: int
    hit_curves: pd.DataFrame
    calibration: pd.DataFrame
    pit: pd.DataFrame
    coverage: pd.DataFrame
    consistency: pd.DataFrame
    rivals: Rivals | None
    cards: tuple[MethodCard, ...]
    provenance: Mapping[str, str]
    command: str
    attribution: str

    @property
    def lead(self) -> int:
        """The first lead; what is shown for one lead only is shown for this one."""
        return int(self.leaderboard["lead"].min())

    @property
    def forecasters(self) -> tuple[str, ...]:
        """The forecasters by deviance at the first lead, best first, without bounds and those that could not run."""
        rows = self.leaderboard[(self.leaderboard["lead"] == self.lead) & (self.leaderboard["kind"] == "forecaster")]
        return tuple(rows["forecaster"])
