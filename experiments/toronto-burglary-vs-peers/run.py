"""Replay the peers' 26 weeks with our methods; write results.csv, against.csv, runs.json and the tables of README.md.

.venv/bin/python experiments/toronto-burglary-vs-peers/run.py [mlforecast=python] [settings of ilp compare]

Forecasts that are stored are used again. ``mlforecast`` is the interpreter of an environment that has mlforecast, which
is then replayed itself. published.csv holds what was measured of the peers in 2026, with the versions named there;
nothing in it is computed here.
"""

import json
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

import ilp_models as ilp
from ilp_models.stats.distributions import poisson_deviance
from ilp_models.stats.ranking import Ranking

FOLDER = Path(__file__).resolve().parent
CONFIGS = FOLDER.parents[1] / "configs"
ONE_TYPE = "Any type"
LABELS = ("Assault", "Auto Theft", "Break and Enter", "Robbery", "Theft Over")
AS_ONE = f"data.crime_types={{{','.join(f'{label}:{ONE_TYPE}' for label in LABELS)}}}"
STUDIES = {"burglary": ("Break and Enter", []), "all types": (ONE_TYPE, [AS_ONE])}
SHARES = {"pai_1": 0.01, "pai_5": 0.05, "pai_10": 0.10}
PAIRED = "pai_5"  # the one PAI that is compared in pairs, too
FLOOR = 0.005
CANDIDATE = "stacked"  # named before the test weeks were scored
SAME = {"moving_average": "52-week mean", "history_mean": "all-history mean", "last_period": "last week"}
FORMS = {  # published row, by how it begins: our own form of the method
    "open_cp grid SEPP, 104 w": "like_open_cp_sepp",
    "open_cp grid SEPP, 390 w": "like_open_cp_sepp_all",
    "open_cp full SEPP": "self_exciting",
    "open_cp KDE, 250 m": "like_open_cp_kde",
    "open_cp prospective": "prospective_hot_spot",
    "mlforecast": "like_mlforecast",
    "GridPred": "like_gridpred",
}
ITSELF = "mlforecast 1.1.0"
MARKED = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(words: list[str]) -> None:
    """Replay both studies and write everything."""
    mlforecast = next((word.partition("=")[2] for word in words if word.startswith("mlforecast=")), None)
    words = [word for word in words if not word.startswith("mlforecast=")]
    published = pd.read_csv(FOLDER / "published.csv")
    results, rivals, facts = [], [], {}
    for events, (kind, settings) in STUDIES.items():
        backtest = replay([*settings, *words])
        observed = backtest.replays[0].observed.sel(crime_type=kind)
        expected = {one.forecaster: one.expected.sel(crime_type=kind).values.astype(float) for one in backtest.replays}
        if mlforecast:
            expected[ITSELF] = forecast_by_mlforecast(mlforecast, kind, backtest)
        counts = observed.values.astype(float)
        rows = pd.DataFrame([{"forecaster": name, **scores(counts, told)} for name, told in expected.items()])
        results.append(rows.sort_values("deviance").assign(events=events))
        weekly = {
            name: (weekly_deviance(counts, told), weekly_pai(counts, told, PAIRED)) for name, told in expected.items()
        }
        theirs = published[(published["events"] == events) & (published["role"] == "peer")]
        mine = rows.set_index("forecaster").loc[CANDIDATE]
        rivals.append(against(mine, counts.sum(axis=0), weekly, theirs).assign(events=events))
        cells, weeks = observed.shape
        facts[events] = (
            f"{cells:,} cells; {weeks} weeks to {observed.indexes['period'][-1].end_time.date()}, "
            f"{int(observed.sum()):,} events; forecasts floored at {FLOOR} for the deviance. {backtest.study.code}. "
            f"Data {backtest.events.digest()[:16]}."
        )
    pd.concat(results).to_csv(FOLDER / "results.csv", index=False)
    pd.concat(rivals).to_csv(FOLDER / "against.csv", index=False)
    (FOLDER / "runs.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    write_page(published)


def replay(words: list[str]):
    """Return the backtest of one study; stored forecasts are used again."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("compare", overrides=[f"experiment={FOLDER.name}", *words])
    parts = ("data", "grid", "model", "scoring", "compute")
    data, grid, models, scoring, compute = (instantiate(config[part], _convert_="all") for part in parts)
    return ilp.run_backtest(
        models,
        data.read(),
        grid,
        test_periods=config.backtest.test_periods,
        refit_every=config.backtest.refit_every,
        end=config.backtest.end,
        scoring=scoring,
        compute=compute,
        store=config.store,
    )


def scores(observed: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Return PAI, deviance and sum ratio of one forecaster, with intervals from resampled blocks of four weeks."""
    resampling, row, events = ilp.Bootstrap(), {}, observed.sum(axis=0)
    for name in SHARES:
        row |= with_ends(name, resampling, weekly_pai(observed, expected, name), events)
    row |= with_ends("deviance", resampling, weekly_deviance(observed, expected), np.ones_like(events))
    return row | with_ends("sum_ratio", resampling, expected.sum(axis=0), events)


def weekly_deviance(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the mean deviance of each week."""
    return poisson_deviance(observed, expected, FLOOR).mean(axis=0)


def weekly_pai(observed: np.ndarray, expected: np.ndarray, name: str) -> np.ndarray:
    """Return what each week adds to a PAI: events on the first cells, over the share that these are of all."""
    cells = len(observed)
    part = math.ceil(SHARES[name] * cells) / cells  # whole cells, as the peers' table counts them
    return np.asarray((Ranking.from_expected(expected, np.ones(cells)).flagged(part) * observed).sum(axis=0) / part)


def with_ends(name: str, resampling: ilp.Bootstrap, top: np.ndarray, bottom: np.ndarray) -> dict[str, float]:
    """Return sum / sum over the weeks and the ends of its interval."""
    found = resampling.ratio(top[:, None], bottom[:, None])
    return {name: found.value[0], f"{name}_low": found.low[0], f"{name}_high": found.high[0]}


def against(
    mine: pd.Series, events: np.ndarray, weekly: dict[str, tuple[np.ndarray, np.ndarray]], theirs: pd.DataFrame
) -> pd.DataFrame:
    """Return the candidate, each published row of a peer, and a replay of its method if there is one."""
    lines = []
    for _, row in theirs.iterrows():
        line = {"peer": row["forecast"], "version": row["version"]}
        for name in (*SHARES, "deviance"):
            line |= {f"published_{name}": row[name], f"{name}_is": standing(mine, name, row[name])}
        if (name := stand_in(row["forecast"], weekly)) is not None:
            less, more = (ours - others for ours, others in zip(weekly[CANDIDATE], weekly[name], strict=True))
            line |= {"form": name, **with_ends("difference", ilp.Bootstrap(), less, np.ones_like(less))}
            line |= with_ends(f"{PAIRED}_difference", ilp.Bootstrap(), more, events)
        lines.append(line)
    return pd.DataFrame(lines)


def stand_in(peer: str, weekly: Iterable[str]) -> str | None:
    """Return the forecaster that represents a peer in pairs: mlforecast if it was run, else our version."""
    names = [ITSELF] if peer.startswith("mlforecast") else []
    names += [ours for begins, ours in FORMS.items() if peer.startswith(begins)]
    return next((name for name in names if name in weekly), None)


def standing(mine: pd.Series, name: str, other: float) -> str:
    """Return where the candidate stands against a fixed number: a tie where its interval holds the number."""
    if math.isnan(other):
        return ""
    if mine[f"{name}_low"] <= other <= mine[f"{name}_high"]:
        return "tie"
    return "better" if (mine[name] < other) == (name == "deviance") else "worse"


def forecast_by_mlforecast(python: str, kind: str, backtest) -> np.ndarray:
    """Return the forecasts of mlforecast itself, made by the interpreter of an environment that has it."""
    weeks, grid, calendar = backtest.replays[0].periods, backtest.grid, backtest.study.calendar
    history = ilp.History.from_events((weeks[-1] + 1).start_time, backtest.events, grid, calendar)
    counts = history.panel.counts.sel(crime_type=kind)
    starts = pd.PeriodIndex(counts.indexes["period"]).start_time
    long = pd.DataFrame({"unique_id": np.repeat(counts["cell"].values, len(starts)), "ds": np.tile(starts, len(grid))})
    with tempfile.TemporaryDirectory() as folder:
        source, target = (str(Path(folder) / name) for name in ("counts.parquet", "forecasts.parquet"))
        long.assign(y=counts.values.ravel().astype(np.float32)).to_parquet(source, index=False)
        command = [python, str(FOLDER / "mlforecast_peer.py"), source, target, str(len(weeks))]
        subprocess.run(command, check=True)  # noqa: S603 - the interpreter that the user names
        told = pd.read_parquet(target)
    return (
        told.pivot_table(index="unique_id", columns="ds", values="expected")
        .loc[grid.cells, weeks.start_time]
        .to_numpy()
    )


def write_page(published: pd.DataFrame) -> None:
    """Update the tables of README.md."""
    results, rivals = (pd.read_csv(FOLDER / f"{name}.csv") for name in ("results", "against"))
    facts = json.loads((FOLDER / "runs.json").read_text(encoding="utf-8"))
    tables = {"protocol": protocol_table(results, published)}
    for events in STUDIES:
        name = events.replace(" ", "-")
        rows, met, theirs = (one[one["events"] == events] for one in (results, rivals, published))
        tables[name] = "\n".join([*score_table(rows, theirs), "", facts[events]])
        tables[f"{name}-against"] = "\n".join(against_table(met))
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(
        MARKED.sub(lambda found: f"{found[1]}\n{tables[found['name']]}\n\n{found[3]}", text), encoding="utf-8"
    )


def protocol_table(results: pd.DataFrame, published: pd.DataFrame) -> str:
    """Return the rows that both sides can compute: if they agree, the protocol is the same."""
    lines = ["| events | forecast | published deviance, PAI 1 / 5 / 10 % | here |", "|---|---|---|---|"]
    for events in STUDIES:
        for ours, theirs in SAME.items():
            here = results[(results["events"] == events) & (results["forecaster"] == ours)].iloc[0]
            there = published[(published["events"] == events) & (published["forecast"] == theirs)].iloc[0]
            values = [
                f"{row['deviance']:.4f}, {row['pai_1']:.1f} / {row['pai_5']:.2f} / {row['pai_10']:.2f}"
                for row in (there, here)
            ]
            lines.append(f"| {events} | {theirs} (`{ours}`) | {values[0]} | {values[1]} |")
    return "\n".join(lines)


def score_table(rows: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """Return our rows with their intervals and the published ones between them, ordered by PAI at 5 %."""
    lines = []
    for _, row in rows.iterrows():
        pai = [
            f"{row[name]:.{digits}f} ({row[f'{name}_low']:.{digits}f}-{row[f'{name}_high']:.{digits}f})"
            for name, digits in digits_of()
        ]
        deviance = f"{row['deviance']:.4f} ({row['deviance_low']:.4f}-{row['deviance_high']:.4f})"
        lines.append(
            (row["pai_5"], f"| `{row['forecaster']}` | {' | '.join(pai)} | {deviance} | {row['sum_ratio']:.2f} |")
        )
    for _, row in theirs.iterrows():
        pai = [f"{row[name]:.{digits}f}" for name, digits in digits_of()]
        rest = [
            "-" if math.isnan(row[name]) else f"{row[name]:.{digits}f}"
            for name, digits in (("deviance", 4), ("sum_ratio", 2))
        ]
        lines.append((row["pai_5"], f"| *{row['forecast']}* ({row['role']}) | {' | '.join([*pai, *rest])} |"))
    lines.sort(key=lambda line: -line[0])
    return [
        "| forecast | PAI 1 % | PAI 5 % | PAI 10 % | deviance | expected / recorded |",
        "|---" * 6 + "|",
        *(text for _, text in lines),
    ]


def digits_of() -> tuple[tuple[str, int], ...]:
    """Return each PAI with the digits the published tables show."""
    return ("pai_1", 1), ("pai_5", 2), ("pai_10", 2)


def against_table(rivals: pd.DataFrame) -> list[str]:
    """Return where the candidate stands against each peer."""
    titles = ("peer", *(f"PAI {name[4:]} %" for name in SHARES), "deviance, published", "replay", "deviance", "PAI 5 %")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for _, row in rivals.astype(object).fillna("").iterrows():
        word = "with" if row["deviance_is"] == "tie" else "than"
        fixed = f"{row['deviance_is']} {word} {row['published_deviance']:.4f}" if row["deviance_is"] else "-"
        cells = [row["peer"], *(row[f"{name}_is"] for name in SHARES), fixed, "-", "-", "-"]
        if row["form"]:
            cells[-3:] = f"`{row['form']}`", signed(row, "difference", 4), signed(row, f"{PAIRED}_difference", 2)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def signed(row: pd.Series, name: str, digits: int) -> str:
    """Return a difference with its interval."""
    value, low, high = (f"{row[key]:+.{digits}f}" for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    main(sys.argv[1:])
