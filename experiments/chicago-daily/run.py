"""Compare on the days of ST-SHN and ST-HSL; write the small tables and those of README.md.

.venv/bin/python experiments/chicago-daily/run.py data.path=events.parquet [further settings of ilp compare]

Forecasts that are stored are used again. benchmark.csv holds what was measured on these records in 2026 by
other code; nothing in it is computed here.
"""

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from masked import given_an_event, masked_scores

import ilp_models as ilp
from ilp_models.stats.distributions import poisson_deviance
from ilp_models.stats.ranking import Ranking

FOLDER = Path(__file__).resolve().parent
CONFIGS = FOLDER.parents[1] / "configs"
SHARES = {"hit_5": 0.05, "hit_10": 0.10, "hit_20": 0.20}
MAIN_SCORES = ("deviance", "log_score", "crps", "hit_rate_05", "sum_ratio", "coverage_90")  # of summary.csv
FLOOR = 0.001
CANDIDATE = "stacked"  # named before the test days were scored
MASKED = "lightgbm"  # whose expected counts are shown under the mask
MARKED = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(words: list[str]) -> None:
    """Replay the days and write everything."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("compare", overrides=[f"experiment={FOLDER.name}", *words])
    parts = ("data", "grid", "calendar", "model", "scoring", "compute")
    data, grid, calendar, models, scoring, compute = (instantiate(config[part], _convert_="all") for part in parts)
    backtest = ilp.run_backtest(
        models,
        data.read(),
        grid,
        calendar=calendar,
        test_periods=config.backtest.test_periods,
        refit_every=config.backtest.refit_every,
        end=config.backtest.end,
        scoring=scoring,
        compute=compute,
        store=config.store,
    )
    comparison = ilp.compare_forecasts(backtest, compute=compute)
    summary, whole = backtest.summary(), dict.fromkeys(("n", "fits", "forecasts"), "Int64")
    rows = [{"forecaster": one.forecaster, "recipe": one.recipe, **scores(one)} for one in backtest.replays]
    tables = {
        "leaderboard": comparison.leaderboard.astype(whole),
        "skill": comparison.skill,
        "summary": summary[summary["score"].isin(MAIN_SCORES)],
        "results": pd.DataFrame(rows).sort_values("deviance"),
        "masked": masked_rows(backtest.replays),
        "against": against(comparison.pairs.query("crime_type == 'all' and lead == 1")),
    }
    study = backtest.study
    # before the files of the checkout change
    origin = {"protocol": backtest.protocol, "code": study.code, "data": study.events.digest()}
    for name, table in tables.items():
        table.to_csv(FOLDER / f"{name}.csv", index=False)
    origin["attribution"] = study.attribution
    (FOLDER / "origin.json").write_text(json.dumps(origin, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_page()


def scores(replay) -> dict[str, float]:
    """Return the scores over every unit as the benchmark counts them, with intervals from resampled weeks of days."""
    observed, expected = (cube.values.astype(float) for cube in (replay.observed, replay.expected))
    resampling, days = ilp.Bootstrap(block=7), observed.shape[2]
    units = np.full(days, observed[..., 0].size, dtype=float)
    row = with_ends("deviance", resampling, poisson_deviance(observed, expected, FLOOR).sum(axis=(0, 1)), units)
    row["rmse"] = math.sqrt(((observed - expected) ** 2).mean())
    row |= with_ends("sum_ratio", resampling, expected.sum(axis=(0, 1)), observed.sum(axis=(0, 1)))
    for name, share in SHARES.items():
        cells = math.floor(share * observed.shape[1] + 0.5)
        row[name] = float(np.mean([hit_rate(y, m, cells) for y, m in zip(observed, expected, strict=True)]))
    return row


def with_ends(name: str, resampling: ilp.Bootstrap, top: np.ndarray, bottom: np.ndarray) -> dict[str, float]:
    """Return sum / sum over the days and the ends of its interval."""
    found = resampling.ratio(top[:, None], bottom[:, None])
    return {name: found.value[0], f"{name}_low": found.low[0], f"{name}_high": found.high[0]}


def hit_rate(observed: np.ndarray, expected: np.ndarray, cells: int) -> float:
    """Return the share of one type's events in the first cells of each day, ties shared out."""
    count = len(observed)
    flagged = Ranking.from_expected(expected, np.ones(count)).flagged(cells / count)
    return float((flagged * observed).sum() / observed.sum())


def masked_rows(replays) -> pd.DataFrame:
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
    main(sys.argv[1:])
