"""Apply changes made by hand to a plan, and refuse those that break what the plan claims or what was audited."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.allocation.frontier import expected_share, group_impact
from ilp_models.domain.allocation import AllocationInput, Allocator, Effort, Override
from ilp_models.domain.checks import CATALOGUE, label_of
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError, InputError, WithheldError
from ilp_models.domain.finding import Limit, State
from ilp_models.domain.local_file import local_file
from ilp_models.domain.text_output import csv_marks
from ilp_models.report.formatting import percent

Floats = npt.NDArray[np.float64]

# The gate fails a map that shares less than 0.6 of its flagged cells with another one (check reporting_sensitivity).
# A plan of which 20 % was exchanged shares (1 - 0.2) / (1 + 0.2) = 0.67, one of which 25 % was exchanged 0.6.
MAX_OVERRIDE_SHARE: Final = 0.2
_COLUMNS: Final = ("cell", "period", "effort", "who", "reason")
_JUDGED: Final = ("exposure_ratio", "need_adjusted_ratio", "coverage_ratio")
_MEND: Final = "Change or remove overrides"
_SLACK: Final = 1e-9


def check_override_share(most: float) -> None:
    """Raise InputError unless the largest share set by hand is a share."""
    if isinstance(most, bool | str) or not 0 <= most <= 1:  # a file of settings may hold a word
        msg = f"max_override_share={most} must be from 0 to 1. Write 20 % as 0.2."
        raise InputError(msg)


def read_overrides(path: str | None) -> tuple[Override, ...]:
    """Return the overrides listed in a CSV file, with commas or semicolons between the columns."""
    if path is None:
        return ()
    try:
        kinds = dict.fromkeys(("cell", "period", "who", "reason"), str)
        found = local_file(path, "overrides=")
        mark, separator = csv_marks(found)
        table = pd.read_csv(
            found,
            dtype=kinds,
            keep_default_na=False,
            compression=None,
            encoding="utf-8-sig",
            sep=separator,
            decimal=mark,
        )
        efforts = pd.to_numeric(table["effort"])
        rows = zip(table["cell"], table["period"], efforts, table["who"], table["reason"], strict=True)
        return tuple(Override(cell, period, float(effort), who, reason) for cell, period, effort, who, reason in rows)
    except IlpError:
        raise
    except (OSError, KeyError, ValueError) as error:
        msg = f"overrides={path} cannot be read ({error}). Provide a CSV file with the columns {', '.join(_COLUMNS)}."
        raise InputError(msg) from error


def apply_overrides(
    effort: Effort, changes: tuple[Override, ...], cells: pd.Index, periods: pd.PeriodIndex, need: Floats
) -> Effort:
    """Return the effort with the overrides applied; overridden cells are no longer drawn at random."""
    amount, inclusion = effort.amount.copy(), effort.inclusion.copy()
    starts = pd.Index(periods.start_time.strftime("%Y-%m-%d"))
    named: set[tuple[str, str]] = set()
    for one in changes:
        if one.cell not in cells or one.period not in starts:
            msg = (
                f"An override names {one.cell} in {one.period}; the plan holds cells such as {cells[0]} in {starts[0]}."
            )
            raise InputError(msg)
        at = cells.get_loc(one.cell), starts.get_loc(one.period)
        most = float(need[at[0]])
        if not 0 <= one.effort <= most * (1 + _SLACK):
            msg = (
                f"The override of {one.cell} in {one.period} sets the effort {one.effort:g}. Full coverage of the cell "
                f"needs {most:g}; write a number from 0 to {most:g}."
            )
            raise InputError(msg)
        if (one.cell, one.period) in named:
            msg = f"Two overrides name {one.cell} in {one.period}. Keep one of them."
            raise InputError(msg)
        named.add((one.cell, one.period))
        amount[at], inclusion[at] = one.effort, float(one.effort > 0)
    return Effort(amount, inclusion, effort.gap)


@dataclass(frozen=True)
class OverrideEffect:
    """How much of the effort was set by hand, and which audited limits the final plan does not meet."""

    share: float  # of the effort, in the period where it is highest
    most: float  # largest share allowed
    warnings: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The share in words, with its limit, and the warnings."""
        limit = f"limit {percent(self.most, 0)}"
        if abs(self.most - MAX_OVERRIDE_SHARE) > _SLACK:
            limit += f", default {percent(MAX_OVERRIDE_SHARE, 0)}"
        return (f"{percent(self.share)} of the effort was set by hand ({limit}).", *self.warnings)

    @property
    def text(self) -> str:
        """All lines as one text."""
        return " ".join(self.lines)


@dataclass(frozen=True, eq=False)
class OverriddenPlan:
    """A plan before and after its overrides."""

    planned: Effort
    final: Effort
    value: Floats  # (cells, periods): what the rule covers
    need: Floats  # (cells,)
    inputs: AllocationInput  # with expected counts

    def check(self, rule: Allocator, limits: Mapping[str, Limit], most: float) -> OverrideEffect:
        """Return the effect of the overrides.

        Raises WithheldError where they set too much effort, break a constraint of the rule or an audited fail limit,
        or move a value further beyond one that the plan did not meet before.
        """
        share = self.share_by_hand
        if share > most + _SLACK:
            msg = (
                f"The overrides set {percent(share)} of the effort by hand, and max_override_share={most:g} allows "
                f"{percent(most)}. {_MEND}, or raise the setting: every page then shows both numbers."
            )
            raise WithheldError(msg)
        broken = list(self._broken_constraints(rule))
        if broken:
            msg = f"The overrides break a constraint of the plan: {'; '.join(broken)}."
            raise WithheldError(msg)
        failed, warnings = self._group_measures(limits)
        if failed:
            msg = (
                f"The overrides break a limit of the audit, or break it further: {'; '.join(failed)}. {_MEND}, so that "
                "effort follows the recorded events of every group."
            )
            raise WithheldError(msg)
        return OverrideEffect(share, most, tuple(warnings))

    @property
    def share_by_hand(self) -> float:
        """Effort that was added or removed by hand, the larger of both, as a share of all effort of its period.

        For random draws, the expected effort counts too: a cell that was not drawn could have been.
        """
        expected = [expected_share(one, self.need) * self.need[:, None] for one in (self.planned, self.final)]
        return max(_moved(self.planned.amount, self.final.amount), _moved(*expected))

    @property
    def gap(self) -> Floats:
        """Maximum relative distance of the final plan from the best allocation, by period.

        Rules that do not search for the best allocation are compared with their plan before the overrides.
        """
        before, after = (
            (expected_share(one, self.need) * self.value).sum(axis=0) for one in (self.planned, self.final)
        )
        best = before * (1 + self.planned.gap)
        lost = 1 - np.divide(after, best, out=np.ones_like(best), where=best > 0)
        changed = (self.planned.amount != self.final.amount).any(axis=0)
        return np.where(changed, np.maximum(lost, 0.0), self.planned.gap)

    def _broken_constraints(self, rule: Allocator) -> Iterator[str]:
        """Yield each constraint that the final plan breaks and the plan before kept, or broke less."""
        before, after = (
            rule.constraint_values(one, expected_share(one, self.need), self.inputs)
            for one in (self.planned, self.final)
        )
        earlier = {(one.name, one.period): one for one in before}
        for one in after:
            known = earlier.get((one.name, one.period))
            if one.excess > (0.0 if known is None else known.excess):
                was = "" if known is None else f", {known.value:.4g} before the overrides"
                yield f"{one.as_text()}{was}. {_MEND}, or {one.remedy}"

    def _group_measures(self, limits: Mapping[str, Limit]) -> tuple[list[str], list[str]]:
        """Return the measures that the overrides moved beyond a fail limit, and all others that do not pass."""
        failed, warnings = [], []
        earlier = {key: value for key, _, value in self._measures(self.planned)}
        for key, about, value in self._measures(self.final):
            check, before = key[0], earlier.get(key, np.nan)
            limit = limits.get(check, CATALOGUE[check].limit)
            state = limit.judge(value, value, value)
            if state is State.PASS or (state is State.INSUFFICIENT and not np.isfinite(before)):
                continue
            text = (
                f"{label_of(check)} of {about} is {value:.4g} after the overrides and {before:.4g} before "
                f"({limit.as_text()})"
            )
            if state is State.REVIEW or (state is State.FAIL and not _further(before, value, limit)):
                warnings.append(f"{text}.")
            else:
                failed.append(text)
        return failed, warnings

    def _measures(self, effort: Effort) -> Iterator[tuple[tuple[str, ...], str, float]]:
        """Yield key, group and value of each measure of groups as the audit defines it, on expected events."""
        share = expected_share(effort, self.need)
        events = np.asarray(self.inputs.expected)
        for residents in self.inputs.residents:
            dimension = residents.dimension
            table = group_impact(share, events, residents)
            for check in ("exposure_ratio", "need_adjusted_ratio"):
                for group, value in zip(table["group"], table[check], strict=True):
                    yield (check, dimension, group), f"{dimension}/{group}", float(value)
            covered = table.loc[table["coverage"].notna()].sort_values("coverage", kind="stable")
            if len(covered):
                low, high = covered.iloc[0], covered.iloc[-1]
                ratio = low["coverage"] / high["coverage"] if high["coverage"] > 0 else np.nan
                about = f"{dimension}/{low['group']} to {dimension}/{high['group']}"
                yield ("coverage_ratio", dimension), about, float(ratio)


def audited_limits(decision: Decision) -> dict[str, Limit]:
    """Return the limits of the group measures that a decision was made with."""
    return {one.check: one.limit for one in decision.findings if one.check in _JUDGED and one.limit is not None}


def _moved(before: Floats, after: Floats) -> float:
    """Return the largest share of the effort of a period that was added or removed."""
    change = after - before
    moved = np.maximum(np.maximum(change, 0).sum(axis=0), np.maximum(-change, 0).sum(axis=0))
    whole = np.maximum(before.sum(axis=0), after.sum(axis=0))
    return float(np.divide(moved, whole, out=np.zeros_like(moved), where=whole > 0).max(initial=0.0))


def _further(before: float, after: float, limit: Limit) -> bool:
    """Whether a failed value is new, or lies further beyond its limit than before."""
    if limit.judge(before, before, before) is not State.FAIL:
        return True
    above = limit.fail_above is not None and after > limit.fail_above
    return after > before + _SLACK if above else after < before - _SLACK
