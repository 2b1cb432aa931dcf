"""Say what is left to win beyond the best forecaster of a comparison, and how its quantiles cover.

python experiments/toronto-weekly/left.py outputs/compare/latest    writes left.csv and the table of README.md
"""

import csv
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

import ilp_models as ilp
from ilp_models.stats.distributions import expected_deviance, poisson_deviance

FOLDER = Path(__file__).resolve().parent
CONFIGS = FOLDER.parents[1] / "configs"
MARKED = re.compile(r"(<!-- left -->\n).*?(<!-- end of left -->)", re.DOTALL)
FLOOR, BASELINE = 0.005, "ewma"


def main(run: Path) -> None:
    """Write the table of what is left."""
    board = pd.read_csv(run / "leaderboard.csv")
    board = board[board["kind"] == "forecaster"].set_index("forecaster")
    best = str(board["deviance"].idxmin())
    backtest = _replay(best, run.resolve().parents[1] / "forecasts")
    observed, expected, spread = _cubes(backtest.replay_of(best))
    base = poisson_deviance(*_cubes(backtest.replay_of(BASELINE))[:2], FLOOR)
    totals = observed.sum(axis=1, keepdims=True) / expected.sum(axis=1, keepdims=True)
    known = poisson_deviance(observed, expected * totals, FLOOR)
    cells = expected.shape[1]
    of_chance = expected_deviance(expected.sum(axis=1, keepdims=True), 0.0, FLOOR) / cells
    right = {name: expected_deviance(expected, wide, FLOOR) for name, wide in (("ceiling", spread), ("Poisson", 0.0))}
    rows = [
        (f"`{best}` as it forecast", poisson_deviance(observed, expected, FLOOR)),
        ("with each week's total of each crime type known beforehand", known),
        ("the same without what knowing totals gains by chance alone", known + of_chance),
        ("its rates right and counts as scattered as it says (the *ceiling*)", right["ceiling"]),
        ("its rates right and counts Poisson", right["Poisson"]),
    ]
    lines = [[name, *_skill(base, deviance)] for name, deviance in rows]
    with (FOLDER / "left.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["row", "skill", "low", "high"], *lines])
    shown = [f"| {name} | {skill:+.2%} [{low:+.2%}, {high:+.2%}] |" for name, skill, low, high in lines]
    miss = f"within {_largest_miss(run, best):.1f} points of each level, in every decile of risk of every crime type"
    told = f"Coverage of the quantiles of `{best}` lies {miss}."
    table = "\n".join(["", f"| forecast | skill over `{BASELINE}` |", "|---|---|", *shown, "", told, "", ""])
    page = FOLDER / "README.md"
    page.write_text(
        MARKED.sub(lambda found: found[1] + table + found[2], page.read_text(encoding="utf-8")), encoding="utf-8"
    )


def _largest_miss(run, name):
    """Return the largest distance of a coverage from its level, in points."""
    table = pd.read_csv(run / "coverage.csv")
    own = table[table["forecaster"] == name]
    return float(100 * (own["coverage"] - own["level"]).abs().max())


def _replay(best, store):
    """Return the backtest of the baseline and the best forecaster; stored forecasts are used again."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("compare", overrides=[f"experiment={FOLDER.name}", f"model=[{BASELINE},{best}]"])
    return ilp.run_backtest(
        instantiate(config.model, _convert_="all"),
        ilp.load_toronto(),
        ilp.SquareGrid(500),
        test_periods=config.backtest.test_periods,
        refit_every=config.backtest.refit_every,
        end=config.backtest.end,
        store=store,
    )


def _cubes(replay):
    """Return counts, expected counts and dispersions, each (types, cells, weeks)."""
    spread = replay.dispersion.broadcast_like(replay.expected).transpose(*replay.expected.dims)
    return tuple(np.asarray(one.values, dtype=float) for one in (replay.observed, replay.expected, spread))


def _skill(base, deviance):
    """Return the share of the baseline's deviance that is saved, with its interval over weeks."""
    saved = ilp.Bootstrap().ratio((base - deviance).sum(axis=(0, 1))[:, None], base.sum(axis=(0, 1))[:, None])
    return [float(part[0]) for part in (saved.value, saved.low, saved.high)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
