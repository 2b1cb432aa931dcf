"""Simulate the drift of forecasters whose records depend on their own maps, in Toronto and in the simulated city.

python experiments/feedback-forecasters/run.py    writes distances.csv and the table of README.md
"""

import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from ilp_models.audit.feedback.feedback import COMPLETE, FOLLOWED, WEIGHTED, Feedback, PatrolRule
from ilp_models.audit.feedback.simulation import simulate_feedback
from ilp_models.domain.grid import parent_labels
from ilp_models.domain.history import History

FOLDER = Path(__file__).resolve().parent
CONFIGS = FOLDER.parents[1] / "configs"
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
CITIES = {"Toronto": "toronto-weekly", "simulated city": "simulated-city"}
FORECASTERS = ("moving_average", "ewma", "lightgbm")
SETTINGS = ((0.9, 0.0), (0.6, 0.0), (0.3, 0.0), (0.3, 0.2), (0.0, 0.2))  # reporting, exploration
SHARE = 0.05
COLUMNS = ["city", "areas", "forecaster", "reporting", "exploration", "crime_type", "records", "distance"]


def main() -> None:
    """Write the table of all cities, forecasters and settings."""
    parts = []
    for city, experiment in CITIES.items():
        config = compose_config(experiment)
        history, truth = read_history(config)
        for name in FORECASTERS:
            model = instantiate(config.model[name], _convert_="all")
            for reporting, exploration in SETTINGS:
                started = time.process_time()
                settings = Feedback(unpatrolled_reporting_rate=reporting, exploration=exploration)
                outcome = simulate_feedback(model, history, PatrolRule(SHARE), settings, truth)
                print(city, name, reporting, exploration, f"{time.process_time() - started:.1f} CPU s", flush=True)  # noqa: T201
                parts.append(
                    rows(outcome).assign(city=city, forecaster=name, reporting=reporting, exploration=exploration)
                )
    table = pd.concat(parts, ignore_index=True)[[*COLUMNS, "excess", "low", "high", "patrolled"]]
    table.to_csv(FOLDER / "distances.csv", index=False, float_format="%.4f", lineterminator="\n")
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: found[1] + format_tables(table) + found[2], page.read_text("utf-8"))
    page.write_text(text, encoding="utf-8")


def compose_config(experiment: str):
    """Return the settings of an experiment."""
    with initialize_config_dir(str(CONFIGS), version_base=None):
        models = f"model=[{','.join(FORECASTERS)}]"
        return compose("weekly", overrides=[f"experiment={experiment}", models])


def read_history(config) -> tuple[History, np.ndarray | None]:
    """Return the history at the end of the records, and the true rates per period if they are known."""
    source, calendar, places = (instantiate(config[part], _convert_="all") for part in ("data", "calendar", "grid"))
    events = source.read()
    grid = places.build(events)
    cutoff = (calendar.whole_periods(events.start, events.end)[-1] + 1).start_time
    history = History.from_events(cutoff, events, grid, calendar)
    if not hasattr(source, "reporting_rates"):
        return history, None
    recorded = source.reporting_rates().set_index("area")["rate"].reindex(parent_labels(grid)).to_numpy()
    return history, history.panel.values.mean(axis=2) / recorded[:, None].T


def rows(outcome) -> pd.DataFrame:
    """Return the final distance and the excess of feedback, by crime type and kind of records."""
    found = []
    for _, own in outcome.observed.iterrows():
        for records in (COMPLETE, FOLLOWED, WEIGHTED):
            ends = outcome.final_distances(own["crime_type"], records)
            if len(ends):
                found.append(
                    [
                        outcome.areas,
                        own["crime_type"],
                        records,
                        ends.mean(),
                        *outcome.excess(own["crime_type"], records),
                        own["patrolled"],
                    ]
                )
    return pd.DataFrame(
        found, columns=["areas", "crime_type", "records", "distance", "excess", "low", "high", "patrolled"]
    )


def format_tables(table: pd.DataFrame) -> str:
    """Return the table as Markdown: all crime types together, and the lowest and highest of single types."""
    heads = ["city", "forecaster", "reporting", "exploration", "areas patrolled", "distance, all recorded"]
    heads += ["added by feedback", "single types", "added with weights"]
    lines = ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for key, own in table.groupby(["city", "forecaster", "reporting", "exploration"], sort=False):
        pool, types = own[own["crime_type"] == "all"].set_index("records"), own[own["crime_type"] != "all"]
        single = types.loc[types["records"] == FOLLOWED, "excess"]
        added = [_interval(pool.loc[records]) for records in (FOLLOWED, WEIGHTED)]
        lines.append(
            f"| {key[0]} | `{key[1]}` | {key[2]:g} | {key[3]:g} | {pool['patrolled'].iloc[0]:.2f} "
            f"| {pool.loc[COMPLETE, 'distance']:.3f} | {added[0]} | {single.min():+.3f} to {single.max():+.3f} "
            f"| {added[1]} |"
        )
    return "\n".join([*lines, "", ""])


def _interval(row: pd.Series) -> str:
    return f"{row['excess']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"


if __name__ == "__main__":
    main()
