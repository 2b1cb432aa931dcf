"""Monitor an EWMA forecaster in four years of Toronto, each compared with the year before.

python experiments/monitoring-toronto/run.py PEOPLE    writes results.csv and the table of README.md

PEOPLE is a folder with census counts of the neighbourhoods; README.md names them. The records are bundled.
"""

import re
import sys
import tempfile
from pathlib import Path

import pandas as pd

import ilp_models as ilp
from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.audit.monitoring.drift import composition_shifts, located_events
from ilp_models.audit.monitoring.series import MeasureSeries, SeriesOptions

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
ENDS = ("2018-12-30", "2019-12-29", "2020-12-27", "2021-12-26")
FLOORS = (0.01, 0.025, 0.05)
WEEKS = 52


def main(people: Path) -> None:
    """Write the results and the table."""
    with tempfile.TemporaryDirectory() as place:
        results = monitor_years(people, Path(place))
    results.to_csv(FOLDER / "results.csv", index=False, float_format="%.3f", lineterminator="\n")
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: found[1] + format_tables(results) + found[2], page.read_text("utf-8"))
    page.write_text(text, encoding="utf-8")


def monitor_years(people: Path, place: Path) -> pd.DataFrame:
    """Return one row per monitored year and least spread."""
    census(people).to_csv(place / "residents.csv", index=False)
    table, events = ilp.GroupTable(path=str(place / "residents.csv")), ilp.load_toronto()
    options = SeriesOptions("count", 0.05, WEEKS, MinEvidence())
    rows = []
    for end in ENDS:
        backtest = ilp.run_backtest(
            {"ewma": ilp.EWMA()},
            events,
            ilp.SquareGrid(500),
            test_periods=2 * WEEKS,
            end=end,
            store=place / "forecasts",
        )
        study, grid, replay = backtest.study, backtest.grid, backtest.replay_of("ewma")
        series = MeasureSeries.from_replay(replay, grid, table.to_cells(grid), options)
        located = located_events(study.events, grid, study.calendar, replay.periods)
        drift = composition_shifts(located, [one.ordinal for one in replay.periods], WEEKS, study.resolution)
        rows += [row(end[:4], Monitoring(least_spread=floor), series, drift) for floor in FLOORS]
    return pd.DataFrame(rows)


def row(year: str, monitoring: Monitoring, series: MeasureSeries, drift: pd.DataFrame) -> dict[str, object]:
    """Return the monitoring result of one year."""
    outcome = monitoring.evaluate(series, WEEKS)
    breached = outcome.series[outcome.series["breaches"] > 0]
    values = pd.DataFrame(series.values)
    movement = (values[WEEKS:].mean() / values[:WEEKS].mean() - 1).abs()[breached.index]
    return {
        "year": year,
        "least_spread": monitoring.least_spread,
        "series": outcome.facts["series_watched"],
        "limit": outcome.facts["limit"],
        "periods_with_breach": len(outcome.breached_periods),
        "first": outcome.breached_periods[0] if outcome.breached_periods else "",
        "third": outcome.breached_periods[2] if outcome.proposes_withdrawal else "",
        **{f"{name}_series": int((breached["measure"] == name).sum()) for name in monitoring.measures},
        "median_movement": movement.median(),
        "distributions": len(drift),
        "drifted": int(drift["exceeds_noise"].sum()),
    }


def census(people: Path) -> pd.DataFrame:
    """Return residents of neighbourhoods: low income, Black, and the rest of each."""
    names = pd.read_csv(people / "event_name_crosswalk.csv")
    counts = names.merge(pd.read_csv(people / "neighbourhoods_2016.csv"), on="hood_140").set_index("event_name")
    parts = []
    for dimension, group, column in (("income", "low", "lim_at"), ("origin", "black", "vm_black")):
        wide = pd.DataFrame({group: counts[column], "rest": counts["pop_2016"] - counts[column]}).rename_axis("area")
        long = wide.reset_index().melt("area", var_name="group", value_name="population")
        parts.append(long.assign(dimension=dimension))
    return pd.concat(parts)


def format_tables(results: pd.DataFrame) -> str:
    """Return the table as Markdown."""
    lines = [
        "\n| year watched | least spread | weeks with a breach | first, third | exposure | exposure ratio | coverage | "
        "coverage ratio | sum ratio | median movement of these | distributions that drifted |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results.to_dict("records"):
        when = ", ".join(filter(None, (one["first"], one["third"]))) or "none"
        movement = "" if pd.isna(one["median_movement"]) else f"{one['median_movement']:.1%}"
        counts = [one[f"{name}_series"] for name in Monitoring().measures]
        cells = [one["year"], f"{one['least_spread']:.1%}", one["periods_with_breach"], when, *counts, movement]
        lines.append(f"| {' | '.join(map(str, cells))} | {one['drifted']} of {one['distributions']} |")
    return "\n".join(lines) + "\n\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
