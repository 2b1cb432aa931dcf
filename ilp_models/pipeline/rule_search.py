"""Search for an allocation rule on the periods before the audited ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.proportional import Proportional
from ilp_models.allocation.top_areas import Capped, TopAreas
from ilp_models.audit.accuracy import check_baseline, check_sums
from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import with_total
from ilp_models.audit.measures.checks import check_groups
from ilp_models.domain.allocation import Allocator
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.finding import Finding, State
from ilp_models.domain.recipe import describe
from ilp_models.domain.replay import Replay
from ilp_models.domain.rule_trials import GROUP_MEASURES
from ilp_models.pipeline.audited_rule import is_top_areas, plan_replay
from ilp_models.pipeline.backtesting import Backtest, run_backtest
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.tuning.rule_search import RuleSearch

Floats = npt.NDArray[np.float64]

_SPACING_CELLS: Final = 2.0  # distance between chosen cells, in widths of a median cell


@dataclass(frozen=True, eq=False)
class Candidate:
    """One plan to try: a rule, a forecaster, and a crime type that is left out."""

    name: str
    rule: Allocator | None  # None: the top areas of each crime type
    land_share: float  # of the top areas
    forecaster: str
    left_out: str = ""


def check_rule_search(search: RuleSearch | None, audit: Audit) -> None:
    """Raise InputError before any backtest if no plan could pass a search."""
    if search is None:
        return
    if audit.groups.path is None and audit.groups.source is None:
        msg = (
            "rule_search compares allocation rules by groups of residents, and there is no group table. Set "
            "audit.groups.path=FILE, or leave rule_search out."
        )
        raise InputError(msg)
    if search.periods < audit.evidence_needed.periods:
        msg = (
            f"rule_search.periods={search.periods} is below audit.min_evidence.periods="
            f"{audit.evidence_needed.periods}, so no plan could pass. Search on at least that many periods."
        )
        raise InputError(msg)


@dataclass(frozen=True, eq=False)
class RuleTrials:
    """Backtests on the periods before the audited ones, and the terms of the audit that is to be passed."""

    backtest: Backtest
    audit: Audit
    forecaster: str
    compute: Compute

    @classmethod
    def from_backtest(
        cls, audited: Backtest, audit: Audit, forecaster: str, search: RuleSearch, compute: Compute
    ) -> "RuleTrials":
        """Backtest the models before the audited periods, on the records known when these began."""
        check_rule_search(search, audit)
        study = audited.study
        cutoff = audited.plan.folds(study.events, study.calendar)[0].cutoff
        names = [one.forecaster for one in audited.replays] if search.other_models else [forecaster, audit.baseline]
        plan = replace(audited.plan, test_periods=search.periods, end=None, horizon=1)
        earlier = run_backtest(
            {name: audited.models[name] for name in dict.fromkeys(names) if name in audited.models},
            study.events.known_at(cutoff),
            study.grid,
            calendar=study.calendar,
            layers=study.layers,
            scoring=replace(audited.scoring, baseline=audit.baseline),
            record_lag=study.record_lag,
            compute=compute,
            store=audited.store,
            recompute=set(names),  # stored forecasts can be edited
            **vars(plan),
        )
        return cls(earlier, audit, forecaster, compute)

    def run(self, search: RuleSearch) -> dict[str, Any]:
        """Return all trials as plain values, the audited rule first."""
        rows = [self._row(one) for one in self._candidates(search)]
        periods = self.backtest.replay_of(self.forecaster).periods.start_time
        found: dict[str, Any] = _finite(
            {
                "first_period": periods[0].isoformat(),
                "last_period": periods[-1].isoformat(),
                "settings": describe(asdict(replace(search, rules={}))) | {"rules": describe(search.rules)},
                "trials": [_with_cost(row, rows[0], self.audit.bootstrap) for row in rows],
            }
        )
        return found

    def _candidates(self, search: RuleSearch) -> Iterator[Candidate]:
        current = Candidate("the audited rule", self.audit.rule, self.audit.land_share, self.forecaster)
        yield current
        yield from self._other_rules(search)
        if search.other_models:
            for name in self.backtest.recipes:
                if name not in (self.forecaster, self.audit.baseline):
                    yield replace(current, name=f"forecaster {name}", forecaster=name)
        types = self.backtest.replay_of(self.forecaster).crime_types
        if search.leave_out and len(types) > 1:
            for kind in types:
                yield replace(current, name=f"without {kind}", left_out=kind)

    def _other_rules(self, search: RuleSearch) -> Iterator[Candidate]:
        audit = self.audit
        budget = Budget(budget_share=audit.land_share) if audit.rule is None else audit.rule.budget
        current = TopAreas(budget) if audit.rule is None else audit.rule
        for share in search.shares:
            for name, rule in _rules(budget, share, self._spacing).items():
                if rule != current:
                    named = None if is_top_areas(rule) else rule
                    yield Candidate(f"{name}, {_effort(rule)}", named, rule.budget.budget_share, self.forecaster)
        for name, rule in search.rules.items():
            yield Candidate(name, rule, audit.land_share, self.forecaster)

    @cached_property
    def _spacing(self) -> float:
        return _SPACING_CELLS * float(np.sqrt(np.median(self.backtest.grid.area_m2)))

    def _row(self, candidate: Candidate) -> dict[str, Any]:
        """Return what a candidate covers and which checks it misses, or why it cannot be planned."""
        row: dict[str, Any] = {
            "name": candidate.name,
            "rule": None if candidate.rule is None else describe(candidate.rule),
            "forecaster": candidate.forecaster,
            "left_out": candidate.left_out,
        }
        try:
            context = self._context(candidate)
        except IlpError as error:
            return row | {"error": str(error)}
        findings = [*check_groups(context), *check_baseline(context), *check_sums(context)]
        bad = [one for one in findings if one.required and not one.holds]
        lacking = {one.check for one in bad if one.state is State.INSUFFICIENT}
        failed = {one.check for one in bad if not one.reviewable} - lacking
        recorded = with_total(context.observed)[-1]
        hits = (context.flags[-1] * recorded).sum(axis=0)
        return row | {
            "budget_share": context.land_share,
            "worst": {name: _worst(findings, name) for name in GROUP_MEASURES},
            "failed": sorted(failed),
            "lacking": sorted(lacking),
            "reviewed": sorted({one.check for one in bad if one.reviewable} - failed - lacking),
            "hits": hits.tolist(),
            "recorded": recorded.sum(axis=0).tolist(),
            "covered": _ratio(self.audit.bootstrap, hits, recorded.sum(axis=0)),
        }

    def _context(self, candidate: Candidate) -> CheckContext:
        backtest, base = self.backtest, self.audit
        replays = [backtest.replay_of(name) for name in (candidate.forecaster, base.baseline)]
        if candidate.left_out:
            replays = [_without(one, candidate.left_out) for one in replays]
        audit = replace(base, rule=candidate.rule, land_share=candidate.land_share)
        subject = audit.with_residents(AuditInput(replays[0], replays[1], backtest.grid))
        if not subject.residents:
            msg = f"Rules cannot be compared without groups: {subject.no_groups or 'there is no group table'}"
            raise InputError(msg)
        if candidate.rule is not None:
            ranking = audit.rank_by, audit.ranking_harm(replays[0].crime_types)
            plans = [
                plan_replay(candidate.rule, one, backtest.grid, subject.residents, ranking, self.compute)
                for one in replays
            ]
            subject = replace(subject, plan=plans[0], baseline_plan=plans[1])
        return audit.context(subject)


def _rules(budget: Budget, share: float, spacing: float) -> dict[str, Allocator]:
    """Return the rules without group data to try, each with a multiple of the budget."""
    if budget.amount is None:
        own = replace(budget, budget_share=min(1.0, budget.budget_share * share))
    else:
        own = replace(budget, amount=max(1.0, float(round(budget.amount * share))))
    return {
        "top areas": TopAreas(own),
        "proportional to the forecast": Proportional(own),
        "at most a quarter for one district": Capped(own, most=0.25),
        "one cell for every district": Constrained(own, districts=float(own.per_cell)),
        f"cells {spacing:.0f} m apart": Constrained(own, spacing=spacing),
    }


def _effort(rule: Allocator) -> str:
    budget = rule.budget
    if budget.amount is not None:
        return f"{budget.amount:g} {budget.budget_unit}"
    return f"{100 * budget.budget_share:g} % of the cells"


def _without(replay: Replay, kind: str) -> Replay:
    """Return a replay without one crime type; its other forecasts are unchanged."""
    kept = [name for name in replay.crime_types if name != kind]
    cubes = ("expected", "quantiles", "dispersion", "observed")
    return replace(replay, **{name: getattr(replay, name).sel(crime_type=kept) for name in cubes})


def _worst(findings: Sequence[Finding], check: str) -> dict[str, Any] | None:
    """Return the finding of a ratio that is lowest, with what it is about; None without one with enough evidence."""
    own = [one for one in findings if one.check == check and one.state is not State.INSUFFICIENT]
    if not own:
        return None
    low = min(own, key=lambda one: one.value)
    return {name: getattr(low, name) for name in ("value", "low", "high", "crime_type", "dimension", "group")}


def _finite(plain: Any) -> Any:
    """Return plain values with None for numbers that are not finite, which JSON does not know."""
    if isinstance(plain, Mapping):
        return {str(name): _finite(value) for name, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [_finite(value) for value in plain]
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain


def _ratio(resampling: Bootstrap, top: Floats, bottom: Floats) -> dict[str, float]:
    found = resampling.ratio(top, bottom)
    return {name: float(getattr(found, name)) for name in ("value", "low", "high")}


def _with_cost(row: dict[str, Any], first: Mapping[str, Any], resampling: Bootstrap) -> dict[str, Any]:
    """Return a row with the share of all recorded events that it covers less than the audited rule does."""
    kept = {name: value for name, value in row.items() if name not in ("hits", "recorded")}
    if "hits" not in row or "hits" not in first:
        return kept
    lost = np.array(first["hits"]) - np.array(row["hits"])
    return kept | {"cost": _ratio(resampling, lost, np.array(first["recorded"]))}
