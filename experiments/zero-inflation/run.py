"""Say whether zero inflation improves the forecasts of a negative-binomial regression.

python experiments/zero-inflation/run.py [crime type]

One crime type of the bundled Toronto records, 500 m squares, one week ahead. Everything ends with 2020: the test weeks
of the comparison experiments are never read.
"""

import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import OmegaConf
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import SplineTransformer
from statsmodels.discrete.count_model import ZeroInflatedNegativeBinomialP, ZeroInflatedPoisson
from statsmodels.discrete.discrete_model import NegativeBinomial, Poisson

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.history import History
from ilp_models.features.calendar import CalendarColumns
from ilp_models.features.means import ExponentialMeans
from ilp_models.stats.bootstrap import Bootstrap

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
END = "2020-12-28"
LEARN, TEST = 104, 26
FAMILIES = (
    ExponentialMeans((4, 26, 104)),
    ExponentialMeans((26, 104), reach_cells=1.0),
    ExponentialMeans((104,), all_types=True),
    CalendarColumns(CalendarTerms("CA", "ON")),
)
RATES, FLOOR = 6, 0.01
LONG_RATE = 3  # the intercept and two shorter half-lives stand before it


def main() -> None:
    """Fit on the weeks before the test weeks, score each week's distributions, print the table."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "Break and Enter"
    counts, columns = records(kind)
    learn, test = slice(-LEARN - TEST, -TEST), slice(-TEST, None)
    y, held = counts[learn].ravel(), counts[test].ravel()
    plain, ahead = (columns[part].reshape(-1, columns.shape[-1]) for part in (learn, test))
    splines = SplineTransformer(n_knots=3, degree=3, include_bias=False, extrapolation="linear")
    bend = make_column_transformer((splines, list(range(1, 1 + RATES))), remainder="passthrough").fit(plain)
    scores, rows = {}, []
    for name, model, on_splines, inflation in models(y, plain, bend.transform(plain)):
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the table shows whether the fit converged
            fitted = model.fit(disp=0, method="bfgs", maxiter=500)
        more = {} if inflation is None else {"exog_infl": ahead[:, inflation]}
        seen = bend.transform(ahead) if on_splines else ahead
        chance = fitted.predict(seen, which="prob", y_values=np.arange(held.max() + 1), **more)
        weekly = -np.log(np.maximum(chance[np.arange(len(held)), held], 1e-12)).reshape(TEST, -1).mean(axis=1)
        scores[name] = weekly
        zeros = chance[:, 0].mean()
        rows.append((name, fitted.mle_retvals["converged"], time.process_time() - began, -fitted.llf, zeros))
    print_table(kind, rows, scores, float((counts[test] == 0).mean()))


def records(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return counts (weeks, cells) and columns (weeks, cells, columns), the first of them ones."""
    data = OmegaConf.load(CONFIGS / "data" / "toronto.yaml")
    data.end = END
    events = instantiate(data, _convert_="all").read()
    cutoff = pd.Timestamp(END)
    active = History.from_events(cutoff - pd.Timedelta(weeks=TEST), events, whole(events), Calendar()).events
    history = History.from_events(cutoff, events, whole(active), Calendar())
    at = events.crime_types.index(kind)
    periods = history.panel.periods[-LEARN - TEST :]
    shape = len(periods), len(events.crime_types), len(history.grid)
    parts = [np.ones((*shape, 1), dtype=np.float32)]
    for family in FAMILIES:
        part = np.empty((*shape, len(family.columns(history))), dtype=np.float32)
        family.write(history, periods, 1, part)
        parts.append(part)
    columns = np.concatenate(parts, axis=-1)[:, at].astype(float)
    columns[..., 1 : 1 + RATES] = np.log(columns[..., 1 : 1 + RATES] + FLOOR)
    return history.panel.by_period[-LEARN - TEST :, at].astype(int), columns


def whole(events):
    """Return the 500 m squares that hold an event."""
    return instantiate(OmegaConf.load(CONFIGS / "grid" / "squares.yaml"), _convert_="all").build(events)


def models(y: np.ndarray, plain: np.ndarray, bent: np.ndarray) -> Iterator[tuple[str, object, bool, list[int] | None]]:
    """Yield each model, whether its rates are splines, and which of the plain columns its share of zeros depends on."""
    yield "Poisson", Poisson(y, plain), False, None
    for on_splines, x in ((False, plain), (True, bent)):
        more = " on splines" if on_splines else ""
        yield f"negative binomial{more}", NegativeBinomial(y, x), on_splines, None
        for words, inflation in (("one share of zeros", [0]), ("share of zeros by the long mean", [0, LONG_RATE])):
            share = plain[:, inflation]
            if not on_splines:
                yield f"Poisson, {words}", ZeroInflatedPoisson(y, x, exog_infl=share), on_splines, inflation
            inflated = ZeroInflatedNegativeBinomialP(y, x, exog_infl=share)
            yield f"negative binomial{more}, {words}", inflated, on_splines, inflation


def print_table(kind: str, rows: list[tuple], scores: dict[str, np.ndarray], zeros: float) -> None:
    """Print log scores and their differences from the negative binomial, with an interval from blocks of weeks."""
    base = scores["negative binomial"]
    lines = [
        f"{kind}: {TEST} weeks to 2020-12-27, learned from the {LEARN} before; {zeros:.4f} of the counts are 0",
        "",
        "| model | settled | CPU s | - log likelihood | log score | less than negative binomial | zeros expected |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, settled, seconds, loss, empty in rows:
        gain = Bootstrap().ratio((base - scores[name])[:, None], np.ones((TEST, 1)))
        less = f"{gain.value[0]:+.5f} [{gain.low[0]:+.5f}, {gain.high[0]:+.5f}]"
        cells = [name, "yes" if settled else "no", f"{seconds:.0f}", f"{loss:.1f}", f"{scores[name].mean():.5f}"]
        lines.append(f"| {' | '.join([*cells, '-' if scores[name] is base else less, f'{empty:.4f}'])} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
