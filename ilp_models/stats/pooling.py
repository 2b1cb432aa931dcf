"""Pool scores as ratios of sums, and know whether larger or smaller values are better."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError

_SUMS: Final = (
    "expected_total",
    "observed_total",
    "oracle_hits",
    "recaptured_now",
    "recaptured_then",
)
HARM_PREFIX: Final = "harm_"  # of scores weighted by harm: harm_<set>[_<reading>]_total and ..._hit_rate_<share>
SMALLER_IS_BETTER: Final = ("deviance", "log_score", "crps", "brier_any", "log_any", "pinball", "squared_error")
OF_SUMS: Final = ("_deviance", "_absolute_error")  # of the city or parent areas, such as city_deviance
LARGER_IS_BETTER: Final = ("hit_rate", "pai", "pei")


def direction(score: str) -> int:
    """Return 1 where larger values of a score are better and -1 where smaller ones are."""
    if score in SMALLER_IS_BETTER or score.endswith(OF_SUMS):
        return -1
    if score.rpartition("_")[0] in LARGER_IS_BETTER or _harm_of(score) is not None:
        return 1
    msg = (
        f"Cannot rank by {score!r}: it has no better direction. "
        f"Choose one of {', '.join(SMALLER_IS_BETTER)} or {', '.join(f'{name}_05' for name in LARGER_IS_BETTER)}."
    )
    raise InputError(msg)


def required_scores(score: str, names: Sequence[str]) -> list[str]:
    """Return the stored scores that are needed to pool one score."""
    harm = _harm_of(score)
    wanted = {score, score.replace("pei_", "hit_rate_"), *(() if harm is None else (f"{harm}_total",))}
    return [name for name in names if name in wanted or (_is_sum(name) and not name.startswith(HARM_PREFIX))]


def pooling_ratios(wide: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, pd.Series, pd.Series]]:
    """Yield each score with the numerators and denominators whose sums give its pooled value."""
    for name in names:
        values = wide[name]
        stem, _, label = name.rpartition("_")
        harm = _harm_of(name)
        if _is_sum(name):
            continue
        if name == "squared_error":
            yield "rmse", values, values.notna()
        elif name == "sum_ratio":
            scored = values.notna().groupby(wide["forecaster"]).transform("any")
            yield name, wide["expected_total"].where(scored), _events(wide).where(scored)
        elif stem in ("hit_rate", "pai") or harm is not None:
            events = _events(wide) if harm is None else wide[f"{harm}_total"]
            yield name, values * events, events.where(values.notna())
        elif stem == "pei":
            hits = wide[f"hit_rate_{label}"] * _events(wide)
            yield name, hits.where(values.notna()), wide[f"oracle_hits_{label}"].where(values.notna())
        elif stem == "rri":
            yield name, wide[f"recaptured_now_{label}"], wide[f"recaptured_then_{label}"]
        else:
            yield name, values, values.notna()


def _is_sum(name: str) -> bool:
    harm = name.startswith(HARM_PREFIX) and name.endswith("_total")
    return harm or name in _SUMS or name.rpartition("_")[0] in _SUMS


def _harm_of(name: str) -> str | None:
    """Return set and reading of a harm-weighted hit rate, such as ``harm_ons_css_low``; None for other scores."""
    harm, found, label = name.rpartition("_hit_rate_")
    return harm if found and label and harm.startswith(HARM_PREFIX) else None


def _events(wide: pd.DataFrame) -> pd.Series:
    return wide["observed_total"] if "observed_total" in wide else pd.Series(np.nan, index=wide.index)
