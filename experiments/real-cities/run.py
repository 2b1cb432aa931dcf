"""Audit allocation rules in three cities: which rule passes, at what price in events covered, or why none does.

python experiments/real-cities/run.py PATH [CITY ...]
    writes results.csv, origin.json and the table of README.md; with cities, only their rows are made again

PATH is a folder with records, residents and polygons of the cities; README.md names the files.
"""

import json
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas
import pandas as pd

import ilp_models as ilp

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
MODELS = {"moving_average": ilp.MovingAverage(), "ewma": ilp.EWMA(), "lightgbm": ilp.LightGBM()}
FORECASTER, BASELINE = "lightgbm", "moving_average"
SHARE, YEAR = 0.10, 52
REPORTED = 0.7  # share of events outside patrolled areas that is assumed to be reported
GOVERNANCE = {
    "purpose": "an experiment on published records, without any use",
    "legal_basis": "public records",
    "tier": "strategic",
    "owner": "O. Wner",
    "trainer": "T. Rainer",
    "reviewer": "R. Viewer",
    "reviewer_key": "0" * 64,
    "complaints": "the issue tracker",
    "review_date": "2099-12-31",
    "retention_until": "2099-12-31",
}
OF_INPUTS = ("governance", "goal", "earlier_decisions", "changed_settings", "data_age")
COLUMNS = (
    *("city", "rule", "covered", "covered_low", "covered_high", "of_top_areas", "coverage_ratio", "least_covered"),
    *("failed", "lacking", "reviewed", "error"),
)


@dataclass(frozen=True)
class City:
    """Records, areas and residents of a city; rules that use groups look at ``optimised`` alone."""

    events: ilp.Events
    grid: ilp.AreaGrid
    residents: pd.DataFrame
    optimised: str


def main(words: list[str]) -> int:
    """Audit the cities that are named, or all of them, and write the results."""
    code, data, wanted = ilp.describe_code(), Path(words[0]), words[1:] or list(CITIES)
    path, rows, facts = FOLDER / "results.csv", [], {}
    for name in CITIES:
        if name not in wanted:
            known = pd.read_csv(path) if path.exists() else pd.DataFrame({"city": []})
            rows.append(known[known["city"] == name])
            continue
        with tempfile.TemporaryDirectory() as place:
            city = CITIES[name](data, Path(place))
            facts[name] = {"events": len(city.events), "data": city.events.digest()[:16]}
            rows.append(pd.DataFrame(audited(name, city, Path(place))))
    table = pd.concat(rows, ignore_index=True).reindex(columns=list(COLUMNS))
    table.to_csv(path, index=False, float_format="%.4f", lineterminator="\n")
    origin = FOLDER / "origin.json"
    known = json.loads(origin.read_text("utf-8")) if origin.exists() else {}
    made = {name: {**one, "code": code} for name, one in facts.items()}
    origin.write_text(json.dumps(known | made, indent=2) + "\n", encoding="utf-8")
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: found[1] + as_table(table) + found[2], page.read_text("utf-8"))
    page.write_text(text, encoding="utf-8")
    return 0


def rules(city: City) -> dict[str, object]:
    """Return the rules that are audited. They were written down before the first run, and all are reported."""
    own, wide = ilp.Budget(budget_share=SHARE), ilp.Budget(budget_share=2 * SHARE)
    cap = {city.optimised: {"cap": 1.25}}
    solver = {"gap": 0.01, "time_limit_s": 5}
    return {
        "top areas, 10 %": ilp.TopAreas(own),
        "top areas, 20 %": ilp.TopAreas(wide),
        "proportional, 10 %": ilp.Proportional(own),
        "proportional, 20 %": ilp.Proportional(wide),
        "areas 3 km apart, 10 %": ilp.Constrained(own, spacing=3000, spend_all=False, **solver),
        f"exposure by {city.optimised} at most 1.25, 10 %": ilp.Constrained(own, exposure=cap, **solver),
        f"exposure by {city.optimised} at most 1.25, 20 %": ilp.Constrained(wide, exposure=cap, **solver),
    }


def audited(name: str, city: City, place: Path) -> list[dict[str, object]]:
    """Return one row for each rule, all on the last year of the records."""
    store = place / "forecasts"
    backtest = ilp.run_backtest(MODELS, city.events, city.grid, baseline=BASELINE, test_periods=YEAR, store=store)
    forecast = ilp.make_forecast(MODELS[FORECASTER], city.events, city.grid, horizon=1, name=FORECASTER)
    explanation = ilp.explain_forecast(forecast)
    settings = ilp.Audit(land_share=SHARE, share_of="cells", baseline=BASELINE)
    feedback = replace(settings.feedback, unpatrolled_reporting_rate=REPORTED, periods=52, replicates=2)
    settings = replace(settings, feedback=feedback)
    rows: list[dict[str, object]] = []
    for number, (rule, one) in enumerate(rules(city).items()):
        row: dict[str, object] = {"city": name, "rule": rule}
        try:
            audit = ilp.audit_plan(
                backtest,
                forecast,
                explanation,
                rule=one,
                residents=city.residents,
                governance=GOVERNANCE,
                audit=settings,
                register=place / f"register-{number}.jsonl",
            )
        except ilp.IlpError as error:
            rows.append(row | {"error": str(error)})
            continue
        rows.append(row | measured(audit.to_frame()))
        sys.stderr.write(f"{rows[-1]}\n")
    return [row | {"of_top_areas": ratio(row, rows[0])} for row in rows]


def measured(findings: pd.DataFrame) -> dict[str, object]:
    """Return what the plans cover, where coverage is most unequal, and the checks that do not pass."""
    scope = "all" if (findings["crime_type"] == "all").any() else findings["crime_type"].iloc[-1]
    own = findings[findings["crime_type"] == scope].set_index("check")
    covered = own.loc["events_covered"]
    lowest = findings[findings["check"] == "coverage_ratio"].sort_values("value").iloc[0]
    bad = findings[findings["required"] & ~findings["state"].isin(["pass"]) & ~findings["check"].isin(OF_INPUTS)]
    accepted = bad["signable"] & (bad["state"] == "review")
    lacking = bad["state"] == "insufficient"
    failed, without = set(bad.loc[~accepted & ~lacking, "check"]), set(bad.loc[lacking, "check"])
    return {
        "covered": covered["value"],
        "covered_low": covered["low"],
        "covered_high": covered["high"],
        "coverage_ratio": lowest["value"],
        "least_covered": f"{lowest['crime_type']}, {lowest['dimension']}",
        "failed": "; ".join(sorted(failed)),
        "lacking": "; ".join(sorted(without - failed)),
        "reviewed": "; ".join(sorted(set(bad.loc[accepted, "check"]) - failed - without)),
    }


def ratio(row: dict[str, object], first: dict[str, object]) -> float:
    """Return the events covered as a share of what the top areas with the same budget as the first rule cover."""
    return float(row["covered"]) / float(first["covered"]) if "covered" in row and "covered" in first else float("nan")


def as_table(table: pd.DataFrame) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "",
        "| city | rule | events covered | of the top areas | lowest coverage ratio | fails | lacks evidence | review |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table.astype(object).fillna("").to_dict("records"):
        if row["error"]:
            lines.append(f"| {row['city']} | {row['rule']} | - | - | - | cannot be planned: {row['error']} | - | - |")
            continue
        covered = f"{row['covered']:.1%} ({row['covered_low']:.1%} to {row['covered_high']:.1%})"
        lowest = f"{row['coverage_ratio']:.2f} ({row['least_covered']})"
        states = " | ".join(str(row[name]) or "-" for name in ("failed", "lacking", "reviewed"))
        lines.append(f"| {row['city']} | {row['rule']} | {covered} | {row['of_top_areas']:.1%} | {lowest} | {states} |")
    return "\n".join([*lines, "", ""])


def toronto(data: Path, place: Path) -> City:
    """Return Toronto, 140 neighbourhoods, 2014 to 2019, with visible minorities and low income of the 2016 census."""
    del place
    folder = data / "toronto_demography"
    census = pd.read_csv(folder / "neighbourhoods_2016.csv").assign(area=lambda one: one["hood_140"].astype(str))
    origin = census[["vm_black", "vm_south_asian", "vm_chinese", "vm_not"]].set_axis(
        ["Black", "South Asian", "Chinese", "no visible minority"], axis=1
    )
    rest = (census["vm_universe"] - origin.sum(axis=1)).clip(lower=0)
    income = {"low income": census["lim_at"], "other income": (census["lim_universe"] - census["lim_at"]).clip(lower=0)}
    people = [long_table(census["area"], "origin", origin.assign(**{"other visible minority": rest}))]
    people.append(long_table(census["area"], "income", pd.DataFrame(income)))
    events = ilp.read_events(
        data / "toronto_mci" / "events_2014_2021.parquet",
        columns={"occurred_at": "occurred_at", "crime_type": "crime_type", "lat": "lat", "lon": "lon"},
        record_columns=["premises"],
        crs="EPSG:32617",
        time_zone="America/Toronto",
        end="2020-01-01",
        as_of="end",
        reporting_delay="0 days",
    )
    grid = ilp.AreaGrid(str(folder / "neighbourhoods_140.geojson"), "hood_140")
    return City(events, grid, pd.concat(people, ignore_index=True), "origin")


def chicago(data: Path, place: Path) -> City:
    """Return Chicago, 77 community areas, 2016 and 2017, with race and poverty of the ACS 2013-2017."""
    del place
    folder = data / "chicago_demography"
    people = pd.read_csv(folder / "community_areas_acs2013_2017.csv").assign(
        area=lambda one: one["community_area"].astype(str)
    )
    names = {"black_nh": "Black", "hispanic": "Hispanic", "white_nh": "white"}
    groups = people[list(names)].rename(columns=names).assign(other=people["asian_nh"] + people["other_nh"])
    origin = long_table(people["area"], "origin", groups)
    events = ilp.read_events(
        data / "chicago_sthsl" / "events.parquet",
        columns={"occurred_at": "time", "crime_type": "category", "lat": "lat", "lon": "lon"},
        crs="EPSG:32616",
        time_zone="America/Chicago",
        end="2018-01-01",
        as_of="end",
        reporting_delay="0 days",
    )
    grid = ilp.AreaGrid(str(folder / "community_areas_77.geojson"), "community_area")
    return City(events, grid, origin, "origin")


def portland(data: Path, place: Path) -> City:
    """Return Portland, neighbourhoods, March 2012 to February 2017, burglaries and vehicle thefts, census of 2010."""
    folder = data / "portland_demography"
    shapes = geopandas.read_file(folder / "neighborhoods.geojson")
    counts = pd.read_csv(folder / "neighborhoods_census2010.csv")
    shapes = shapes[(shapes["shared"] != "Y") & shapes["neighborhood"].isin(counts["neighborhood"])]
    shapes = shapes.drop_duplicates("neighborhood")[["neighborhood", "geometry"]]
    path = place / "neighborhoods.geojson"
    shapes.to_file(path, driver="GeoJSON")
    counts = counts[counts["neighborhood"].isin(shapes["neighborhood"])]
    other = counts[["aian_nh", "nhpi_nh", "other_nh", "two_or_more_nh"]].sum(axis=1)
    names = {"white_nh": "white", "black_nh": "Black", "asian_nh": "Asian", "hispanic": "Hispanic"}
    origin = long_table(counts["neighborhood"], "origin", counts[list(names)].rename(columns=names).assign(other=other))
    homes = counts[["hh_owner", "hh_renter"]].set_axis(["owners", "renters"], axis=1)
    events = ilp.read_events(
        data / "portland_nij" / "events_2012-03_2017-02.parquet",
        columns={"occurred_date": "date", "crime_type": "category", "x": "x_ft", "y": "y_ft"},
        record_columns=["call_group", "final_case"],
        crime_types={"BURGLARY": "Burglary", "MOTOR VEHICLE THEFT": "Motor vehicle theft"},
        unmapped="set_aside",
        max_rejected_share=1.0,
        crs="EPSG:2838",
        input_crs="EPSG:2913",
        time_zone="America/Los_Angeles",
        start="2012-03-01",
        end="2017-03-01",
        as_of="end",
        reporting_delay="0 days",
    )
    people = pd.concat([origin, long_table(counts["neighborhood"], "tenure", homes)], ignore_index=True)
    return City(events, ilp.AreaGrid(str(path), "neighborhood"), people, "origin")


def long_table(area: pd.Series, dimension: str, groups: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each area and group."""
    wide = groups.assign(area=area.to_numpy())
    return wide.melt("area", var_name="group", value_name="population").assign(dimension=dimension)


CITIES: dict[str, Callable[[Path, Path], City]] = {"Toronto": toronto, "Chicago": chicago, "Portland": portland}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
