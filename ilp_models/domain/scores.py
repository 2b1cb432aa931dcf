"""Score tables by period, their pooled summaries with intervals, and skill relative to a baseline."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.stats.bootstrap import Bootstrap, Estimate, paired_p_value
from ilp_models.stats.pooling import pooling_ratios, required_scores

Floats = npt.NDArray[np.float64]

OPPOSITE_VERDICT: Final = {"better": "worse", "worse": "better", "tie": "tie"}
COLUMNS: Final = ("forecaster", "crime_type", "lead", "period", "score", "value")
UNIT: Final = COLUMNS[:4]
ALL: Final = "all"
ORACLE: Final = "oracle"


POISSON_DEVIANCE: Final = "poisson_deviance"  # a score of ceilings: their deviance if counts were Poisson
_CEILINGS: Final = ("ceiling (", "floor (")  # results of earlier versions have floors, with Poisson counts


SECOND: Final = "second_"  # prefix of the columns of the skill over the second baseline
_SECOND_COLUMNS: Final = ("skill", "low", "high", "p_value", "verdict")


def with_second(skill: pd.DataFrame, second: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a skill table with the skill over a second baseline in columns such as ``second_skill``."""
    keys = ["forecaster", "lead", "crime_type"]
    own = second[[*keys, *_SECOND_COLUMNS]].rename(columns={column: SECOND + column for column in _SECOND_COLUMNS})
    return skill.merge(own, on=keys, how="left").assign(**{f"{SECOND}baseline": name})


def second_baseline(skill: pd.DataFrame) -> str:
    """Return the name of the second baseline of a skill table; empty text without one."""
    column = f"{SECOND}baseline"
    return str(skill[column].dropna().iloc[0]) if column in skill and skill[column].notna().any() else ""


def ceiling_of(forecaster: str) -> str:
    """Return the name of the ceiling of a forecaster: its expected score if its distributions are true."""
    return f"ceiling ({forecaster})"


def is_bound(forecaster: str) -> bool:
    """Return whether a name is a bound (the oracle or a ceiling) instead of a forecaster."""
    return forecaster == ORACLE or forecaster.startswith(_CEILINGS)


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Tidy scores: one row for each forecaster, crime type, lead, period and score.

    Summaries pool exact sums (see :meth:`summarise`) and add the crime type ``all``, the pool over all types.
    Undefined scores (a hit rate in a period without events) have no row. Raises InputError where a column is missing,
    a row is duplicated, a value is not finite, or forecasters were scored on different cells or periods.
    """

    table: pd.DataFrame  # columns of COLUMNS; period is the ISO date of its first day
    resampling: Bootstrap = field(default_factory=Bootstrap)
    delay: int = 0  # periods before each cutoff that were not known yet; forecasts then look 1 + delay periods ahead
    # pages, tables and terminal ask for the same ones
    _summaries: dict[Hashable, pd.DataFrame] = field(default_factory=dict, init=False, repr=False)
    _skills: dict[Hashable, pd.DataFrame] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check that the rows can be pooled and compared."""
        if tuple(self.table.columns) != COLUMNS or self.table.empty:
            msg = f"Scores need rows and the columns {', '.join(COLUMNS)}, not {', '.join(self.table.columns)}."
            raise InputError(msg)
        twice = self.table.duplicated(list(COLUMNS[:-1]))
        if twice.any():
            row = " / ".join(map(str, self.table.loc[twice, list(COLUMNS[:-1])].iloc[0]))
            msg = f"{int(twice.sum())} scores are duplicated, first {row}. Score each forecaster once."
            raise InputError(msg)
        if not np.isfinite(self.table["value"].to_numpy(dtype=float)).all():
            msg = "A score is NaN or infinite. Omit the rows of undefined scores."
            raise InputError(msg)
        if (self.table["crime_type"] == ALL).any():
            msg = f"The crime type {ALL!r} is reserved for the pool over all types. Rename that type."
            raise InputError(msg)
        self._check_same_units()

    def _check_same_units(self) -> None:
        deviance = self.table[self.table["score"] == "deviance"]
        wide = deviance.pivot_table(index=list(UNIT[1:]), columns="forecaster", values="value", observed=True)
        for name in self.table["forecaster"].unique():
            if name not in wide.columns or wide[name].isna().any():
                msg = f"{name} lacks scores for some periods or types of the others. Backtest all on the same periods."
                raise InputError(msg)

    def to_frame(self) -> pd.DataFrame:
        """Return the tidy scores by period."""
        return self.table.copy()

    def __repr__(self) -> str:
        """Return forecasters, scores and periods in one line."""
        scores, periods = self.table["score"].nunique(), self.table["period"].nunique()
        return f"<ScoreTable of {', '.join(self.forecasters)}: {scores} scores, {periods} periods>"

    def _repr_html_(self) -> str:
        """Return the summary line and the pooled scores of all types by forecaster, for notebooks."""
        summary = self.summarise()
        summary = summary[summary["crime_type"] == ALL]
        wide = summary.pivot_table(index="score", columns=["lead", "forecaster"], values="value", sort=False)
        return f"<p>{escape(repr(self))}</p>{wide.to_html(float_format='{:.4g}'.format)}"

    @property
    def forecasters(self) -> tuple[str, ...]:
        """The forecasters, in order, without the bounds."""
        return tuple(name for name in self.table["forecaster"].unique() if not is_bound(name))

    @property
    def bounds(self) -> tuple[str, ...]:
        """The names of the ceiling and oracle rows, in order."""
        return tuple(name for name in self.table["forecaster"].unique() if is_bound(name))

    def summarise(self, by: Sequence[str] = ("forecaster", "lead", "crime_type")) -> pd.DataFrame:
        """Return pooled scores with bootstrap intervals; blocks are at least as long as lead and delay.

        Means are pooled as means, hit rates and PAI as captured events / events, PEI as captured events / events of the
        oracle. Sum ratios are sum / sum, RMSE comes from squared errors, recapture rates are pooled as Mantel and
        Haenszel pool rate ratios. Harm-weighted scores count events by harm.

        Parameters
        ----------
        by : sequence of str
            Columns to group by: any of forecaster, crime_type, lead, period. With ``crime_type``, the pool ``all`` is
            added.

        Returns
        -------
        DataFrame
            ``by``, then ``score``, ``value``, ``low``, ``high`` and ``n`` (pooled periods). ``low`` and ``high`` are
            NaN with fewer than three blocks of periods.

        Raises
        ------
        InputError
            If ``by`` has another column.
        """
        if not set(by) <= set(UNIT) or not by:
            msg = f"Scores are summarised by any of {', '.join(UNIT)}, not {', '.join(by) or 'nothing'}."
            raise InputError(msg)
        if tuple(by) not in self._summaries:
            self._summaries[tuple(by)] = self._summarise(list(by))
        return self._summaries[tuple(by)].copy()

    def _summarise(self, by: list[str]) -> pd.DataFrame:
        wide = self._wide()
        if "crime_type" in by:
            wide = pd.concat([wide, wide.assign(crime_type=ALL)], ignore_index=True)
        result = pd.concat(self._pooled(wide, by), ignore_index=True)
        root = result["score"] == "rmse"
        result.loc[root, ["value", "low", "high"]] **= 0.5
        return result

    def _pooled(self, wide: pd.DataFrame, by: list[str]) -> Iterator[pd.DataFrame]:
        groups = wide[by].drop_duplicates(ignore_index=True)
        group = wide.groupby(by, sort=False).ngroup().to_numpy()
        time = np.zeros(len(wide), dtype=int) if "period" in by else pd.factorize(wide["period"], sort=True)[0]
        shape = (int(time.max()) + 1, len(groups))
        leads = (groups if "lead" in by else groups.assign(lead=wide["lead"].max()))["lead"].to_numpy(dtype=int)
        for score, numerator, denominator in pooling_ratios(wide, list(wide.columns[len(UNIT) :])):
            columns = (numerator.fillna(0), denominator.fillna(0), numerator.notna())
            top, bottom, scored = (
                np.bincount(time * shape[1] + group, column, shape[0] * shape[1]).reshape(shape).astype(float)
                for column in columns
            )
            estimate = self._estimate(top, bottom, leads)
            frame = groups.assign(score=score, value=estimate.value, low=estimate.low, high=estimate.high)
            yield frame.assign(n=(scored > 0).sum(axis=0))[~np.isnan(estimate.value)]

    def _estimate(self, top: Floats, bottom: Floats, leads: npt.NDArray[np.int_]) -> Estimate:
        """Return the ratio of each column; the lead decides the block length."""
        found = np.full((3, len(leads)), np.nan)
        blocks = np.maximum(leads + self.delay, self.resampling.block)
        for block in np.unique(blocks):
            at = blocks == block
            # compress keeps the order of floating-point sums
            columns = (np.compress(at, part, axis=1) for part in (top, bottom))
            estimate = self.resampling.for_lead(int(block)).ratio(*columns)
            found[:, at] = estimate.value, estimate.low, estimate.high
        return Estimate(*found)

    def by_period(self, score: str, lead: int = 1, crime_type: str = ALL) -> tuple[pd.DataFrame, pd.Series]:
        """Return the numerators (periods x forecasters) and the common denominators of a pooled score.

        The pooled score is ``numerators.sum() / denominators.sum()``. Forecasters without the score are left out.
        Raises InputError if none has it, or they have it in different periods.
        """
        rows = self.table[(self.table["lead"] == lead) & self.table["forecaster"].isin(self.forecasters)]
        rows = rows if crime_type == ALL else rows[rows["crime_type"] == crime_type]
        if not (rows["score"] == score).any():
            msg = f"There is no score {score!r} of {crime_type!r} at lead {lead}. See the column score of scores.csv."
            raise InputError(msg)
        scored = set(rows.loc[rows["score"] == score, "forecaster"])
        rows = rows[rows["score"].isin(required_scores(score, list(rows["score"].unique())))]
        wide = rows.pivot_table(index=list(UNIT), columns="score", values="value", sort=False, observed=True)
        names, wide = list(wide.columns), wide.reset_index()
        name = "rmse" if score == "squared_error" else score
        sums = next(parts for pooled, *parts in pooling_ratios(wide, names) if pooled == name)
        numerators, denominators = (
            wide[["period", "forecaster"]]
            .assign(part=part.astype(float))
            .pivot_table(index="period", columns="forecaster", values="part", aggfunc="sum", dropna=False)
            .reindex(columns=[one for one in self.forecasters if one in scored])
            for part in sums
        )
        if not np.allclose(denominators.to_numpy(), denominators.to_numpy()[:, :1], rtol=1e-9, atol=0.0):
            msg = f"Forecasters have the score {score!r} in different periods. Backtest all on the same periods."
            raise InputError(msg)
        return numerators, denominators.iloc[:, 0]

    def skill(self, against: str, *, bounds: bool = False, score: str = "deviance") -> pd.DataFrame:
        """Return the skill of each forecaster: 1 - Poisson deviance / deviance of the baseline.

        Parameters
        ----------
        against : str
            Name of the baseline.
        bounds : bool, default False
            Return the skill of the ceiling and the oracle instead of the forecasters.
        score : str, default "deviance"
            Another mean score whose best value is 0, such as ``crps``, ``brier_any`` or ``city_deviance``.

        Returns
        -------
        DataFrame
            ``forecaster, lead, crime_type, skill, low, high, p_value, verdict, n``. The interval is from the block
            bootstrap, the p-value from :func:`paired_p_value` on the deviance of ``n`` periods. The verdict is
            ``better`` or ``worse`` where interval and test agree, otherwise ``tie``.
        """
        if against not in self.forecasters:
            msg = f"The baseline {against!r} has no scores. Add it to model=[...], or choose one of {self.forecasters}."
            raise InputError(msg)
        key = (against, bounds, score)
        if key not in self._skills:
            self._skills[key] = self._all_skills(against, score, bounds=bounds)
        return self._skills[key].copy()

    def _all_skills(self, against: str, score: str, *, bounds: bool) -> pd.DataFrame:
        scored = set(self.table.loc[self.table["score"] == score, "forecaster"])  # some have no distribution
        names = [name for name in (self.bounds if bounds else self.forecasters) if name in scored]
        rows = [row for name in names for row in self._skill_of(name, against, score)]
        columns = ["forecaster", "lead", "crime_type", "skill", "low", "high", "p_value", "verdict", "n"]
        return pd.DataFrame(rows, columns=columns)

    def _skill_of(self, name: str, against: str, score: str) -> Iterator[tuple[object, ...]]:
        for lead in self.table["lead"].unique():
            own, baseline = self._means(name, lead, score), self._means(against, lead, score)
            horizon = int(lead) + self.delay
            estimate = self.resampling.for_lead(horizon).ratio(own.to_numpy(), baseline.to_numpy())
            lags = self.resampling.lags(horizon)
            for index, kind in enumerate(own.columns):
                value, low, high = 1 - estimate.value[index], 1 - estimate.high[index], 1 - estimate.low[index]
                p_value = paired_p_value(baseline[kind].to_numpy() - own[kind].to_numpy(), lags)
                verdict = self._verdict(low, high, p_value)
                yield name, lead, kind, value, low, high, p_value, verdict, len(own)

    def _means(self, name: str, lead: int, score: str) -> pd.DataFrame:
        """Return the mean score of each period (rows) by crime type and over all (columns)."""
        rows = self.table[(self.table["forecaster"] == name) & (self.table["lead"] == lead)]
        rows = rows[rows["score"] == score]
        wide = rows.pivot_table(index="period", columns="crime_type", values="value", sort=False, observed=True)
        return wide.sort_index().assign(**{ALL: wide.mean(axis=1)})

    def _verdict(self, low: float, high: float, p_value: float) -> str:
        if not p_value < 1 - self.resampling.confidence:
            return "tie"
        return "better" if low > 0 else "worse" if high < 0 else "tie"

    def _wide(self) -> pd.DataFrame:
        wide = self.table.pivot_table(index=list(UNIT), columns="score", values="value", sort=False, observed=True)
        return wide.reset_index()
