"""From the tables of a comparison to what its page shows: who the methods are, and where the two best differ."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ilp_models.domain.forecaster import Forecaster
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.comparison_statistics import ComparisonResult
from ilp_models.pipeline.stored_forecasts import StoredForecast, StoredForecasts
from ilp_models.pipeline.study import Study
from ilp_models.report.comparison.page import ComparisonEvidence, MethodCard, TopTwo
from ilp_models.report.formatting import records_summary
from ilp_models.stats.distributions import poisson_deviance

_OWN: Final = "made or reused by this run"


def evidence_of(
    contest: ComparisonResult, study: Study, models: Mapping[str, Forecaster], guests: StoredForecasts, floor: float
) -> ComparisonEvidence:
    """Return what the page of a comparison shows."""
    ranks = contest.ranks
    return ComparisonEvidence(
        city=study.city,
        data=records_summary(study.intake),
        protocol=contest.comparison.protocol,
        baseline=contest.field.baseline,
        leaderboard=contest.leaderboard,
        skill=contest.skill,
        seasons=contest.seasons,
        pairs=contest.pairs,
        ranks=None if ranks is None else ranks.table,
        critical_difference=float("nan") if ranks is None else ranks.critical_difference,
        rank_p_value=float("nan") if ranks is None else ranks.p_value,
        blocks=0 if ranks is None else ranks.n,
        hit_curves=contest.comparison.hit_curves(),
        calibration=contest.calibration,
        pit=contest.pit,
        coverage=contest.coverage,
        consistency=contest.consistency,
        top_two=rivals_of(contest, floor),
        cards=tuple(_cards(contest, study, models, guests.present)),
        provenance={
            "Data digest": study.events.digest(),
            "Cells digest": contest.comparison.grid.digest(),
            "Code": study.code,
            "Events in no active cell": f"{contest.comparison.outside:,} in the test periods, scored for nobody",
            **({"Left out of runs": " ".join(guests.left_out)} if guests.left_out else {}),
            "Made": now().isoformat(),
        },
        command=str(study.config.get("command", "")),
        attribution=study.intake.attribution,
    )


def rivals_of(contest: ComparisonResult, floor: float) -> TopTwo | None:
    """Return where the two best forecasters differ."""
    if len(contest.rivals) < 2:
        return None
    first, second = (contest.comparison.replay_of(name) for name in contest.rivals)
    observed = first.observed.values
    deviance = [poisson_deviance(observed, one.expected.values, floor).mean(axis=(0, 2)) for one in (first, second)]
    expected = [one.expected.values.sum(axis=0).mean(axis=1) for one in (first, second)]
    return TopTwo(
        first=first.forecaster,
        second=second.forecaster,
        grid=contest.comparison.grid,
        expected=expected[0] - expected[1],
        deviance=deviance[0] - deviance[1],
    )


def _cards(
    contest: ComparisonResult, study: Study, models: Mapping[str, Forecaster], guests: Sequence[StoredForecast]
) -> Iterator[MethodCard]:
    recipes = contest.field.recipes
    for name, forecaster in models.items():
        kind = type(forecaster)
        settings = dict(_flat(study.config["model"][name], ""))
        yield MethodCard(name, f"{kind.__module__}.{kind.__qualname__}", _about(kind), settings, recipes[name], _OWN)
    for guest in guests:
        stored = f"stored as {guest.stored_as} in {guest.place}"
        yield MethodCard(guest.name, "", (), {}, guest.recipe, stored)


def _about(kind: type) -> tuple[str, ...]:
    """Return the paragraphs of a class's documentation before its parameters."""
    text, _, _ = (inspect.getdoc(kind) or "").partition("\nParameters\n")
    return tuple(" ".join(part.split()).replace("``", "") for part in text.split("\n\n") if part.strip())


def _flat(node: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield settings by dotted name, without the class that the card names already."""
    children = node.items() if isinstance(node, Mapping) else enumerate(node) if _nested(node) else None
    if children is None:
        yield where, str(node)
        return
    for key, child in children:
        if key != "_target_" or where:
            yield from _flat(child, f"{where}.{key}".lstrip("."))


def _nested(node: Any) -> bool:
    return isinstance(node, list) and any(isinstance(child, Mapping) for child in node)
