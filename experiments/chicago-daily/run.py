"""Compare on the days of ST-SHN and ST-HSL; write the small tables and those of README.md.

.venv/bin/python experiments/chicago-daily/run.py data.path=events.parquet [further settings of ilp compare]

Forecasts that are stored are used again. benchmark.csv holds what was measured on these records in 2026 by
other code; nothing in it is computed here.
"""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from masked import given_an_event, masked_scores

from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.replay import Replay
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import poisson_deviance
from ilp_models.stats.ranking import Ranking

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
SLUG = FOLDER.name
SHARES = {"hit_5": 0.05, "hit_10": 0.10, "hit_20": 0.20}
FLOOR = 0.001
CANDIDATE = "stacked"  # named before the test days were scored
MASKED = "lightgbm"  # whose expected counts are shown under the mask
MARKED = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(words: list[str]) -> int:
    """Return an exit code, having replayed the days and written everything."""
    output = next((Path(word.partition("=")[2]) for word in words if word.startswith("output=")), Path("outputs"))
    command = [sys.executable, "-m", "ilp_models", "compare", f"experiment={SLUG}", *words]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - this very program, asked for another task
    write((ROOT / output / "compare" / "latest").resolve(), ROOT / output / "forecasts")
    return 0


def write(run: Path, forecasts: Path) -> None:
    """Write the tables from a finished run and its stored forecasts."""
    replays = stored(run, forecasts)
    rows = pd.DataFrame([{"forecaster": one.forecaster, "recipe": one.recipe, **scores(one)} for one in replays])
    rows.sort_values("deviance", ignore_index=True).to_csv(FOLDER / "results.csv", index=False)
    masked_rows(replays).to_csv(FOLDER / "masked.csv", index=False)
    pairs = pd.read_csv(run / "pairs.csv").query("crime_type == 'all' and lead == 1")
    against(pairs).to_csv(FOLDER / "against.csv", index=False)
    take_over = [sys.executable, str(FOLDER.parent / "update_tables.py"), str(run)]
    subprocess.run(take_over, check=True)  # noqa: S603 - leaderboard and origin, as for every experiment
    write_page()


def stored(run: Path, forecasts: Path) -> list[Replay]:
    """Return the stored forecasts of every forecaster of a run."""
    board = pd.read_csv(run / "leaderboard.csv").query("kind == 'forecaster' and lead == 1").dropna(subset=["deviance"])
    store, found = ForecastStore(forecasts), []
    for name, recipe in zip(board["forecaster"], board["recipe"], strict=True):
        found.append(store.replays(recipe, name, store.stored_cutoffs(recipe)[name], "D")[0])
    return found


def scores(replay: Replay) -> dict[str, float]:
    """Return the scores over every unit as the benchmark counts them, with intervals from resampled weeks of days."""
    observed, expected = (cube.values.astype(float) for cube in (replay.observed, replay.expected))
    resampling, days = Bootstrap(block=7), observed.shape[2]
    units = np.full(days, observed[..., 0].size, dtype=float)
    row = with_ends("deviance", resampling, poisson_deviance(observed, expected, FLOOR).sum(axis=(0, 1)), units)
    row["rmse"] = math.sqrt(((observed - expected) ** 2).mean())
    row |= with_ends("sum_ratio", resampling, expected.sum(axis=(0, 1)), observed.sum(axis=(0, 1)))
    for name, share in SHARES.items():
        cells = math.floor(share * observed.shape[1] + 0.5)
        row[name] = float(np.mean([hit_rate(y, m, cells) for y, m in zip(observed, expected, strict=True)]))
    return row


def with_ends(name: str, resampling: Bootstrap, top: np.ndarray, bottom: np.ndarray) -> dict[str, float]:
    """Return sum / sum over the days and the ends of its interval."""
    found = resampling.ratio(top[:, None], bottom[:, None])
    return {name: found.value[0], f"{name}_low": found.low[0], f"{name}_high": found.high[0]}


def hit_rate(observed: np.ndarray, expected: np.ndarray, cells: int) -> float:
    """Return the share of one type's events in the first cells of each day, ties shared out."""
    count = len(observed)
    flagged = Ranking.from_expected(expected, np.ones(count)).flagged(cells / count)
    return float((flagged * observed).sum() / observed.sum())


def masked_rows(replays: list[Replay]) -> pd.DataFrame:
    """Return the masked score of all forecasters, of a constant and of a forecast made for the mask."""
    first = replays[0].observed
    shown = next(one for one in replays if one.forecaster == MASKED).expected.values
    rows = [
        {"forecast": "always 1", **masked_scores(first, np.ones(first.shape))},
        {"forecast": f"median given an event, {MASKED}", **masked_scores(first, given_an_event(shown))},
    ]
    rows += [{"forecast": one.forecaster, **masked_scores(one.observed, one.expected.values)} for one in replays]
    return pd.DataFrame(rows).sort_values("mae", ignore_index=True)


def against(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the candidate's deviance less that of each other forecaster, with interval and verdict."""
    turned = pairs.rename(columns={"forecaster": "other", "other": "forecaster"})
    turned = turned.assign(difference=-turned["difference"], low=-pairs["high"], high=-pairs["low"])
    turned["verdict"] = pairs["verdict"].map({"better": "worse", "worse": "better", "tie": "tie"})
    both = pd.concat([pairs, turned], ignore_index=True)
    columns = ["other", "difference", "low", "high", "holm", "verdict"]
    return both[both["forecaster"] == CANDIDATE][columns].sort_values("difference", ignore_index=True)


def write_page() -> None:
    """Update the tables of README.md."""
    facts = json.loads((FOLDER / "origin.json").read_text(encoding="utf-8"))
    note = f"Forecasts floored at {FLOOR}. {facts['protocol']} {facts['code']}. Data {facts['data'][:16]}."
    tables = {"every-unit": f"{score_table()}\n\n{note}", "against": against_table(), "masked": masked_table()}
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    filled = MARKED.sub(lambda found: f"{found[1]}\n{tables[found['name']]}\n\n{found[3]}", text)
    page.write_text(filled, encoding="utf-8")


def score_table() -> str:
    """Return our rows and those of the benchmark, by deviance."""
    lines = []
    for _, row in pd.read_csv(FOLDER / "results.csv").iterrows():
        ends = {name: f" [{row[f'{name}_low']:.{d}f}, {row[f'{name}_high']:.{d}f}]" for name, d in FORMS}
        lines.append((row["deviance"], score_line(f"`{row['forecaster']}`", row, ends)))
    for _, row in pd.read_csv(FOLDER / "benchmark.csv").iterrows():
        lines.append(
            (row["deviance"], score_line(f"*{row['forecast']}* (benchmark)", row, dict.fromkeys(dict(FORMS), "")))
        )
    lines.sort(key=lambda line: line[0])
    head = "| forecast | deviance | RMSE | expected / recorded | hit 5 % | hit 10 % | hit 20 % |"
    return "\n".join([head, "|---" * 7 + "|", *(text for _, text in lines)])


FORMS = (("deviance", 4), ("sum_ratio", 3))


def score_line(name: str, row: pd.Series, ends: dict[str, str]) -> str:
    """Return one line of the first table."""
    hits = " | ".join(f"{row[hit]:.3f}" for hit in SHARES)
    deviance, ratio = (f"{row[key]:.{digits}f}{ends[key]}" for key, digits in FORMS)
    return f"| {name} | {deviance} | {row['rmse']:.3f} | {ratio} | {hits} |"


def against_table() -> str:
    """Return what the candidate saves against each other forecaster."""
    lines = ["| less than | difference in deviance | verdict |", "|---|---|---|"]
    for _, row in pd.read_csv(FOLDER / "against.csv").iterrows():
        ends = f"[{row['low']:+.4f}, {row['high']:+.4f}]"
        lines.append(f"| `{row['other']}` | {row['difference']:+.4f} {ends} | {row['verdict']} |")
    return "\n".join(lines)


def masked_table() -> str:
    """Return the masked score, smallest error first."""
    lines = ["| forecast | MAE where y > 0 | MAPE where y > 0 |", "|---|---|---|"]
    for _, row in pd.read_csv(FOLDER / "masked.csv").iterrows():
        lines.append(f"| {row['forecast']} | {row['mae']:.3f} | {row['mape']:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
