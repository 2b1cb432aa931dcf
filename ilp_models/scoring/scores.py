"""Scoring settings, and the scores of all forecasters of a backtest on the same cells and periods."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid
from ilp_models.domain.harm import HarmSources, sets_side_by_side
from ilp_models.domain.harm_weights import READINGS
from ilp_models.domain.replay import NEGATIVE_BINOMIAL, Replay
from ilp_models.domain.scores import ORACLE, POISSON_DEVIANCE, ScoreTable, ceiling_of
from ilp_models.scoring.comparability import check_comparable
from ilp_models.scoring.counts import chances_of_none, dispersions, distribution_scores, mean_scores
from ilp_models.scoring.harm import harm_readings, harm_scores, reading_prefix
from ilp_models.scoring.hot_spots import (
    displacement_shares,
    flagged_events,
    hit_rate_area,
    hit_rates,
    prediction_efficiencies,
    rank_cells,
    recapture_rates,
    share_label,
)
from ilp_models.scoring.sums import sum_scores
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import expected_deviance, half_mean_difference
from ilp_models.stats.pooling import HARM_PREFIX, LARGER_IS_BETTER, SMALLER_IS_BETTER, direction

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scoring:
    """Settings for scoring stored forecasts.

    Parameters
    ----------
    land_shares : sequence of float
        Shares of the active land for hit rate, PAI, PEI, recapture rate and displacement, above 0 and at most 1.
    curve_land_share : float, default 0.20
        Share of the active land up to which the hit-rate curve is integrated (``pai_area``), above 0 and at most 1.
    harm_sets : sequence or mapping of HarmSet, optional
        Two or more harm sets; adds hit rates weighted by harm, such as ``harm_ons_css_low_hit_rate_05``.
    floor : float, default 0.005
        Deviance, log score and consistency tests raise smaller forecasts to this many events.
    bootstrap : Bootstrap, optional
        Resampling of periods for intervals, and the seed of the counts that consistency tests draw.
    baseline : str, default "ewma"
        Name of the forecaster that skill is relative to.
    second_baseline : str, default "level_share"
        Name of a forecaster whose skill tables show a second skill, over this one, where it takes part.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> Scoring(land_shares=[0.05, 0.1], baseline="moving_average").bootstrap.draws
    2000
    """

    land_shares: Sequence[float] = (0.01, 0.02, 0.05, 0.10, 0.20)
    curve_land_share: float = 0.20
    harm_sets: HarmSources = ()
    floor: float = 0.005
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    baseline: str = "ewma"
    second_baseline: str = "level_share"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.land_shares or not all(0 < share <= 1 for share in self.land_shares):
            msg = f"scoring.land_shares={list(self.land_shares)} must be above 0 and at most 1, such as 0.05."
            raise InputError(msg)
        if len({share_label(share) for share in self.land_shares}) < len(self.land_shares):
            msg = f"scoring.land_shares={list(self.land_shares)} lists a share twice. List each once."
            raise InputError(msg)
        if not 0 < self.curve_land_share <= 1:
            msg = f"scoring.curve_land_share={self.curve_land_share} must be above 0 and at most 1, such as 0.2."
            raise InputError(msg)
        sets_side_by_side(self.harm_sets)
        if not self.floor > 0:
            msg = f"scoring.floor={self.floor} must be above 0 events, such as 0.005."
            raise InputError(msg)

    def check_score(self, score: str, setting: str) -> None:
        """Raise InputError if a score is unknown with these settings or has no better direction."""
        direction(score)
        labels = [share_label(share) for share in self.land_shares]
        ends = {stem: [*labels, *(["area"] if stem.endswith("pai") else [])] for stem in LARGER_IS_BETTER}
        for one in sets_side_by_side(self.harm_sets):
            ends |= {f"{reading_prefix(one.name, reading)}_hit_rate": labels for reading in READINGS}
        known = [*SMALLER_IS_BETTER, *(f"{stem}_{end}" for stem in ends for end in ends[stem])]
        if score not in known:
            near = difflib.get_close_matches(score, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Scores: {', '.join(known)}."
            if score.startswith(HARM_PREFIX) and not self.harm_sets:
                hint = "Choose harm sets: 'harm=[csi_2009,ons_css]'."
            msg = f"{setting}={score} is unknown with scoring.land_shares={list(self.land_shares)}. {hint}"
            raise InputError(msg)

    def run(self, replays: Sequence[Replay], area_m2: npt.NDArray[np.generic], grid: Grid | None = None) -> ScoreTable:
        """Return the scores of all replays and of two bounds; a grid adds scores of the city and of parent areas.

        Rows named ``oracle`` score a forecast of the counts themselves. Rows named ``ceiling (...)`` hold the expected
        score of the forecaster with the smallest deviance if its expected counts and its dispersions are true. No
        ceiling is computed from forecasts handed in: a copy of the counts would set its own.
        """
        land = np.asarray(area_m2, dtype=float)
        check_comparable(replays, land)
        parts: list[pd.DataFrame] = []
        best: dict[int, Floats] = {}
        deviance: dict[str, list[float]] = {}
        for replay in replays:
            if replay.lead not in best:
                observed = np.asarray(replay.observed.values, dtype=float)
                best[replay.lead] = flagged_events(rank_cells(observed, land), observed, self.land_shares)
            scores = self._scores(replay, land, best[replay.lead])
            scores |= {} if grid is None else sum_scores(replay, grid, self.floor)
            if replay.distribution == NEGATIVE_BINOMIAL and not replay.handed_in:
                deviance.setdefault(replay.forecaster, []).append(float(scores["deviance"].mean()))
            parts.append(_rows(replay.forecaster, replay, scores))
        leader = min(deviance, key=lambda name: float(np.mean(deviance[name])), default=replays[0].forecaster)
        for replay in (each for each in replays if each.forecaster == leader):
            if deviance:
                parts.append(_rows(ceiling_of(leader), replay, self._ceiling(replay)))
            parts.append(_rows(ORACLE, replay, self._oracle(replay, land, best[replay.lead])))
        delay = max(replay.delay for replay in replays)
        return ScoreTable(pd.concat(parts, ignore_index=True), self.bootstrap, delay)

    def _scores(self, replay: Replay, area_m2: Floats, best: Floats) -> dict[str, Floats]:
        observed, expected = _counts(replay)
        scores = mean_scores(observed, expected, self.floor) | distribution_scores(replay, self.floor)
        return scores | self._places(replay, expected, area_m2, best)

    def _oracle(self, replay: Replay, area_m2: Floats, best: Floats) -> dict[str, Floats]:
        observed, _ = _counts(replay)
        return mean_scores(observed, observed, self.floor) | self._places(replay, observed, area_m2, best)

    def _places(self, replay: Replay, rank_by: Floats, area_m2: Floats, best: Floats) -> dict[str, Floats]:
        """Return hot spot scores of the land that ranks highest by some counts."""
        observed, _ = _counts(replay)
        rankings = rank_cells(rank_by, area_m2)
        captured = flagged_events(rankings, observed, self.land_shares)
        scores = hit_rates(captured, observed.sum(axis=1), self.land_shares) | prediction_efficiencies(
            captured, best, self.land_shares
        )
        scores["pai_area"] = hit_rate_area(rankings, observed, self.curve_land_share)
        scores |= recapture_rates(rankings, observed, self.land_shares, replay.lead + replay.delay)
        return (
            scores
            | displacement_shares(rankings, area_m2, self.land_shares)
            | self._harm(replay, rank_by, observed, area_m2)
        )

    def _harm(self, replay: Replay, rank_by: Floats, counts: Floats, area_m2: Floats) -> dict[str, Floats]:
        weights = [one.for_types(replay.crime_types) for one in sets_side_by_side(self.harm_sets)]
        return harm_scores(rank_by, counts, area_m2, harm_readings(weights, replay.crime_types), self.land_shares)

    def _ceiling(self, replay: Replay) -> dict[str, Floats]:
        """Return the expected scores of true distributions; a ranking has no such bound, so no hit rate is among them.

        The deviance of true rates with Poisson counts is kept for a note: it is too small where counts scatter more.
        """
        _, expected = _counts(replay)
        types = [self._ceiling_of_type(*one) for one in zip(expected, dispersions(replay), strict=True)]
        return {name: np.stack([one[name] for one in types]) for name in types[0]}

    def _ceiling_of_type(self, expected: Floats, dispersion: Floats) -> dict[str, Floats]:
        none, least = chances_of_none(expected, dispersion, self.floor)
        scores = {
            "deviance": expected_deviance(expected, dispersion, self.floor),
            POISSON_DEVIANCE: expected_deviance(expected, 0.0, self.floor),
            "crps": half_mean_difference(expected, dispersion),
            "brier_any": none * (1 - none),
            "log_any": -special.xlogy(none, least) - special.xlog1py(1 - none, -least),
        }
        return {name: score.mean(axis=0) for name, score in scores.items()}


def _counts(replay: Replay) -> tuple[Floats, Floats]:
    """Return recorded and expected counts, each (types, cells, periods)."""
    observed, expected = (np.asarray(cube.values, dtype=float) for cube in (replay.observed, replay.expected))
    return observed, expected


def _rows(forecaster: str, replay: Replay, scores: Mapping[str, Floats]) -> pd.DataFrame:
    """Return the long table of scores; undefined scores have no row."""
    values = np.stack(list(scores.values()))
    count, kinds, periods = values.shape
    starts = replay.periods.start_time.strftime("%Y-%m-%d").to_numpy(dtype=object)
    table = {
        "forecaster": forecaster,
        "crime_type": np.tile(np.repeat(np.array(replay.crime_types, dtype=object), periods), count),
        "lead": replay.lead,
        "period": np.tile(starts, count * kinds),
        "score": np.repeat(np.array(list(scores), dtype=object), kinds * periods),
        "value": values.ravel(),
    }
    return pd.DataFrame(table).dropna(subset="value")
