"""Settings outside the audit that differ from their defaults, such as those of grid, periods and backtest."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

from ilp_models.audit.audit import Audit
from ilp_models.audit.defaults import changed_settings
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.recipe import describe
from ilp_models.explain.explain import Explain
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.wrappers.across_borders import AcrossBorders
from ilp_models.pipeline.registration import RegisterPath
from ilp_models.pipeline.study import Study


def outside_changes(
    study: Study,
    plan: RollingOrigin,
    explain: Explain,
    register: RegisterPath,
    baseline: Mapping[str, Forecaster],
) -> list[str]:
    """Return the settings outside the audit that differ from their defaults, in words.

    ``baseline`` has the forecaster to beat by its name.
    """
    intake = study.events.intake
    return [
        *(() if intake is None else intake.declared),
        *(
            change
            for name, model in baseline.items()
            for change in _described_changes(_within_borders(model), MovingAverage(), f"model.{name}")
        ),
        *changed_settings(asdict(explain), asdict(Explain()), "explain"),
        *_described_changes(study.grid, SquareGrid(), "grid"),
        *changed_settings(asdict(study.calendar), asdict(Calendar()), "calendar"),
        *_window_changes(plan, study),
        *register.change(),
    ]


def all_changes(audit: Audit, outside: list[str]) -> tuple[str, ...]:
    """Return the whole list of an audit: its own settings, those outside it, and those of its tables."""
    return tuple(dict.fromkeys((*audit.changes(), *outside, *audit.changes_of_tables())))


def _within_borders(model: Forecaster) -> Forecaster:
    """Return the method itself: records of neighbours do not weaken a forecaster to beat, and are stated elsewhere."""
    return model.forecaster if isinstance(model, AcrossBorders) else model


def _described_changes(given: object, usual: object, prefix: str) -> Iterator[str]:
    default = describe(usual)
    yield from changed_settings({**default, **describe(given)}, default, prefix)


def _window_changes(plan: RollingOrigin, study: Study) -> Iterator[str]:
    """Yield the settings of the backtest, and how many periods its end leaves between audit and forecast."""
    newest = replace(plan, end=None)
    yield from changed_settings(asdict(newest), asdict(RollingOrigin()), "backtest")
    last, latest = (one.folds(study.events, study.calendar)[-1].periods[0] for one in (plan, newest))
    if last != latest:
        unit = study.calendar.period_unit
        yield (
            f"backtest.end={plan.end} (default null), {latest.ordinal - last.ordinal} {unit}(s) between the last "
            "audited one and the forecast"
        )
