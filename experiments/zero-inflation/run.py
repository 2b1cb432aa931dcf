"""Say whether zero inflation improves the forecasts of a negative-binomial regression.

python experiments/zero-inflation/run.py    writes the table of README.md

One crime type of the bundled Toronto records, 500 m squares, one week ahead. Everything ends with 2020: the test weeks
of the comparison experiments are never read.
"""

import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import SplineTransformer
from statsmodels.discrete.count_model import ZeroInflatedNegativeBinomialP, ZeroInflatedPoisson
from statsmodels.discrete.discrete_model import NegativeBinomial, Poisson

import ilp_models as ilp
from ilp_models.features.calendar import CalendarColumns
from ilp_models.features.means import ExponentialMeans

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
KIND = "Break and Enter"
END = "2020-12-28"
LEARN, TEST = 104, 26
FAMILIES = (
    ExponentialMeans((4, 26, 104)),
    ExponentialMeans((26, 104), reach_cells=1.0),
    ExponentialMeans((104,), all_types=True),
    CalendarColumns(),
)
RATES, FLOOR = 6, 0.01
LONG_RATE = 3  # the intercept and two shorter half-lives stand before it


def main() -> None:
    """Fit on the weeks before the test weeks, score each week's distributions, write the table."""
    counts, columns = records()
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
    text = format_table(rows, scores, float((counts[test] == 0).mean()))
    page = FOLDER / "README.md"
    page.write_text(MARKED.sub(lambda found: found[1] + text + found[2], page.read_text("utf-8")), encoding="utf-8")


def records() -> tuple[np.ndarray, np.ndarray]:
    """Return counts (weeks, cells) and columns (weeks, cells, columns), the first of them ones."""
    events, cutoff = ilp.load_toronto(end=END), pd.Timestamp(END)
    grid = ilp.SquareGrid(500).build(events.known_at(cutoff - pd.Timedelta(weeks=TEST)))
    history = ilp.History.from_events(cutoff, events, grid, ilp.Calendar())
    at = events.crime_types.index(KIND)
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


def format_table(rows: list[tuple], scores: dict[str, np.ndarray], zeros: float) -> str:
    """Return log scores and their differences from the negative binomial, with an interval from blocks of weeks."""
    base = scores["negative binomial"]
    lines = [
        "",
        "| model | settled | CPU s | - log likelihood | log score | less than negative binomial | zeros expected |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, settled, seconds, loss, empty in rows:
        gain = ilp.Bootstrap().ratio((base - scores[name])[:, None], np.ones((TEST, 1)))
        less = f"{gain.value[0]:+.5f} [{gain.low[0]:+.5f}, {gain.high[0]:+.5f}]"
        cells = [name, "yes" if settled else "no", f"{seconds:.0f}", f"{loss:.1f}", f"{scores[name].mean():.5f}"]
        lines.append(f"| {' | '.join([*cells, '-' if scores[name] is base else less, f'{empty:.4f}'])} |")
    span = f"{KIND}: {TEST} weeks to 2020-12-27, learned from the {LEARN} before; {zeros:.4f} of the counts are 0"
    return "\n".join([*lines, "", f"{span}. Made with {ilp.describe_code()}.", "", ""])


if __name__ == "__main__":
    main()
