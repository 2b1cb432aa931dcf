"""Simulate the drift of forecasters whose records depend on their own maps, in Toronto and in the simulated city.

python experiments/feedback-forecasters/run.py    writes distances.csv and the table of README.md
"""

import re
import time
from pathlib import Path

import pandas as pd

import ilp_models as ilp
from ilp_models.audit.feedback.feedback import COMPLETE, FOLLOWED, WEIGHTED, Feedback, PatrolRule
from ilp_models.audit.feedback.simulation import simulate_feedback

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
SIMULATED = ilp.SimulatedCity(districts=9, segregation=0.15)  # as in configs/experiment/simulated-city.yaml
FORECASTERS = {"moving_average": ilp.MovingAverage(), "ewma": ilp.EWMA(), "lightgbm": ilp.LightGBM()}
SETTINGS = ((0.9, 0.0), (0.6, 0.0), (0.3, 0.0), (0.3, 0.2), (0.0, 0.2))  # reporting, exploration
SHARE = 0.05
COLUMNS = ["city", "areas", "forecaster", "reporting", "exploration", "crime_type", "records", "distance"]


def main() -> None:
    """Write the table of all cities, forecasters and settings."""
    toronto, simulated = last_history(ilp.load_toronto()), last_history(SIMULATED.read())
    occurred = simulated.panel.values.mean(axis=2) / SIMULATED.reporting_rate
    parts = []
    for city, history, truth in (("Toronto", toronto, None), ("simulated city", simulated, occurred)):
        for name, model in FORECASTERS.items():
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


def last_history(events: ilp.Events) -> ilp.History:
    """Return what is known at the end of the last whole week."""
    calendar = ilp.Calendar()
    cutoff = (calendar.whole_periods(events.start, events.end)[-1] + 1).start_time
    return ilp.History.from_events(cutoff, events, ilp.SquareGrid(500).build(events), calendar)


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
