"""Account for the skill that forecasts of the simulated city miss: level, weeks, static shares and near repeats.

.venv/bin/python experiments/simulated-hawkes/attained.py    writes attained.csv and the tables of README.md

Forecasts that `ilp compare experiment=simulated-hawkes` stored are used again.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

import ilp_models as ilp
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.stats.distributions import poisson_deviance

FOLDER = Path(__file__).resolve().parent
CONFIGS = FOLDER.parents[1] / "configs"
MARKED = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"
TRUTH, BASELINE, FLOOR = "true_intensity", "ewma", 0.005
METHODS = ("etas", "lightgbm", "poisson_glm", "level_share", BASELINE)
PARTS = ("level of the year", "weeks of the city", "static shares", "near repeats")  # in the order of replacement
COUNTS, RATES = "recorded counts", "true rates"


def main() -> int:
    """Run the backtest and write the account."""
    code = ilp.describe_code()
    backtest, data = run()
    cubes = {name: cube(backtest.replay_of(name).expected) for name in (*METHODS, TRUTH)}
    truth, observed = cubes[TRUTH], cube(backtest.replay_of(TRUTH).observed)
    base = poisson_deviance(observed, cubes[BASELINE], FLOOR)
    rows = []
    for against, counts in ((COUNTS, observed), (RATES, truth)):
        for name in METHODS:
            rows += [{"counts": against, "forecaster": name, **row} for row in account(cubes, name, counts, base)]
    table = pd.DataFrame(rows)
    table.to_csv(FOLDER / "attained.csv", index=False, lineterminator="\n", float_format="%.6g")
    made = f"Made by `experiments/simulated-hawkes/attained.py` with {code}. Data {data[:16]}."
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    for mark, content in {"attained": as_markdown(table), "origin of attained": made}.items():
        pattern = MARKED.format(mark)
        filled = lambda found, content=content: f"{found[1]}\n{content}\n\n{found[2]}"  # noqa: E731
        text = re.sub(pattern, filled, text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")
    return 0


def run() -> tuple[Backtest, str]:
    """Return the backtest of the experiment and the digest of its records."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        names = ",".join((*METHODS, TRUTH))
        config = compose("compare", overrides=[f"experiment={FOLDER.name}", f"model=[{names}]"])
    events = instantiate(config.data, _convert_="all").read()
    backtest = ilp.run_backtest(
        instantiate(config.model, _convert_="all"),
        events,
        ilp.SquareGrid(500),
        test_periods=config.backtest.test_periods,
        refit_every=config.backtest.refit_every,
    )
    return backtest, events.digest()


def cube(counts: object) -> np.ndarray:
    """Return counts as (types, cells, weeks)."""
    return np.asarray(counts.values, dtype=float)


def account(cubes: dict[str, np.ndarray], name: str, counts: np.ndarray, base: np.ndarray) -> list[dict[str, object]]:
    """Return the skill of a forecaster, its share of the attainable skill, and what each part would add."""
    steps = [poisson_deviance(counts, one, FLOOR) for one in replacements(cubes[name], cubes[TRUTH])]
    start = poisson_deviance(counts, cubes[BASELINE], FLOOR)
    rows = [
        {"row": "skill", **ratio(start - steps[0], base)},
        {"row": "attainable", **ratio(start - steps[-1], base)},
        {"row": "share", **ratio(start - steps[0], start - steps[-1])},
    ]
    missing = zip(PARTS, steps[:-1], steps[1:], strict=True)
    return rows + [{"row": part, **ratio(before - after, base)} for part, before, after in missing]


def replacements(forecast: np.ndarray, truth: np.ndarray) -> list[np.ndarray]:
    """Return the forecast with one part after the other taken from the truth; the last is the truth.

    A forecast is the total of its type in the year, times the share of the week, times the mean share of the cell,
    times the deviation of the cell from that mean in this week.
    """
    own, true = forecast.sum(axis=1, keepdims=True), truth.sum(axis=1, keepdims=True)
    level = forecast * true.sum(axis=2, keepdims=True) / own.sum(axis=2, keepdims=True)
    weeks = forecast * true / own
    means = [(one / total).mean(axis=2, keepdims=True) for one, total in ((forecast, own), (truth, true))]
    placed = forecast / own * means[1] / means[0]
    static = placed * true / placed.sum(axis=1, keepdims=True)
    return [forecast, level, weeks, static, truth]


def ratio(saved: np.ndarray, base: np.ndarray) -> dict[str, float]:
    """Return a ratio of sums with its interval over blocks of weeks."""
    found = ilp.Bootstrap().ratio(saved.sum(axis=(0, 1))[:, None], base.sum(axis=(0, 1))[:, None])
    return {"value": float(found.value[0]), "low": float(found.low[0]), "high": float(found.high[0])}


def as_markdown(table: pd.DataFrame) -> str:
    """Return one table for recorded counts and one for true rates."""
    texts = []
    for against, rows in table.groupby("counts", sort=False):
        lines = [
            f"Against {against}:",
            "",
            f"| forecaster | skill | share of the attainable | missing: {' | '.join(PARTS)} |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, own in rows.groupby("forecaster", sort=False):
            found = own.set_index("row")
            cells = [shown(found.loc["skill"], 2), shown(found.loc["share"], 0)]
            cells += [shown(found.loc[part], 2) for part in PARTS]
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
        attainable = rows[rows["row"] == "attainable"].iloc[0]
        texts += [*lines, "", f"Attainable: {shown(attainable, 2)}.", ""]
    return "\n".join(texts).rstrip()


def shown(row: pd.Series, digits: int) -> str:
    """Return a share with its interval."""
    if row["low"] == row["high"]:
        return f"{row['value']:.{digits}%}"
    sign = "+" if digits else ""
    return f"{row['value']:{sign}.{digits}%} [{row['low']:{sign}.{digits}%}, {row['high']:{sign}.{digits}%}]"


if __name__ == "__main__":
    sys.exit(main())
