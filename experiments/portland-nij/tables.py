"""The tables of the experiment: half-lives chosen, scores pooled over origins, and the page that shows them."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

import ilp_models as ilp
from ilp_models.scoring.nij_challenge import COUNTS, HORIZONS, PooledScore, pai, pei, pooled_ratio

SIDES = {"PAI": 250, "PEI": 600}  # feet; PAI asks for the smallest cells, PEI for the largest
BASELINE = "decayed_count"
UNIT = ["score", "crime_type", "horizon"]
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
FORM = {"PAI": ("{:.1f}", "{:+.1f}"), "PEI": ("{:.3f}", "{:+.3f}")}


def grid(side: int, *, searched: bool = False) -> str:
    """Return the name of a grid."""
    return f"{side} ft searched" if searched else f"{side} ft squares"


def named(half_life: float) -> str:
    """Return the name of a decayed count before its half-life is chosen, weeks."""
    return f"{BASELINE}/{half_life:g}"


def scored(table: pd.DataFrame) -> pd.DataFrame:
    """Return tallies with the score that their grid is for, and the half-life of decayed counts."""
    side = table["grid"].str.split().str[0].astype(int)
    half_life = table["entry"].str.extract(rf"^{BASELINE}/(.+)$")[0].astype(float)
    return table.assign(score=side.map({feet: score for score, feet in SIDES.items()}), half_life=half_life)


def choose(tried: pd.DataFrame) -> pd.DataFrame:
    """Return the half-life that caught most for each score, crime type and horizon, the shortest among equals."""
    caught = scored(tried).groupby([*UNIT, "half_life"], as_index=False)["caught"].sum()
    best = caught.sort_values(["caught", "half_life"], ascending=[False, True]).drop_duplicates(UNIT)
    return best.sort_values(UNIT)[[*UNIT, "half_life"]].reset_index(drop=True)


def pick(table: pd.DataFrame, settings: pd.DataFrame) -> pd.DataFrame:
    """Return tallies with the decayed counts of the half-lives chosen alone, under one name."""
    chosen = settings.rename(columns={"half_life": "chosen"})
    rows = scored(table).merge(chosen, on=UNIT)
    rows = rows[rows["half_life"].isna() | (rows["half_life"] == rows["chosen"])]
    return rows.assign(entry=rows["entry"].where(rows["half_life"].isna(), BASELINE)).drop(columns="chosen")


def summarise(table: pd.DataFrame, every: int) -> pd.DataFrame:
    """Return the scores pooled over origins with their standard errors, and by how much they exceed the baseline's."""
    rows = []
    for unit, group in table.groupby(UNIT):
        how = ilp.Bootstrap(block=int(np.ceil(HORIZONS[unit[2]] / 7 / every)))
        parts = {key: _ratio(one.sort_values("cutoff"), unit[0]) for key, one in group.groupby(["entry", "grid"])}
        base = parts[BASELINE, grid(SIDES[unit[0]])]
        for (entry, place), part in parts.items():
            own, more = pooled_ratio(*part, how), pooled_ratio(*part, how, minus=base)
            facts = dict(zip([*UNIT, "entry", "grid"], [*unit, entry, place], strict=True))
            differences = {f"difference_{name}": value for name, value in vars(more).items()}
            verdict = "baseline" if part is base else _verdict(more)
            rows.append({**facts, "origins": len(part[0]), **vars(own), **differences, "verdict": verdict})
    return pd.DataFrame(rows)


def _ratio(rows: pd.DataFrame, score: str) -> tuple[np.ndarray, np.ndarray]:
    caught, events, best = (rows[name].to_numpy(float) for name in COUNTS)
    return (caught, best) if score == "PEI" else (pai(caught, 1.0, rows["square_miles"].to_numpy(float)), events)


def _verdict(more: PooledScore) -> str:
    if np.isnan(more.low):
        return "no interval"
    return "better" if more.low > 0 else "worse" if more.high < 0 else "tie"


def write(
    folder: Path, settings: pd.DataFrame, table: pd.DataFrame, not_run: dict[str, str], facts: dict, every: int
) -> None:
    """Write the small tables, where they come from, and the page's tables."""
    code = ilp.describe_code()  # before the files of the checkout change
    summary = summarise(table, every)
    settings.to_csv(folder / "half_lives.csv", index=False, lineterminator="\n")
    summary.to_csv(folder / "summary.csv", index=False, float_format="%.6g", lineterminator="\n")
    tested = table.groupby("crime_type")["cutoff"].agg(["min", "max"])
    origin = {
        "origins": {kind: [str(first.date()), str(last.date())] for kind, first, last in tested.itertuples()},
        "weeks_between_origins": every,
        "pools": facts,
        "not_run": not_run,
        "code": code,
    }
    (folder / "origin.json").write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
    page = folder / "README.md"
    text = MARKED.sub(lambda found: f"{found[1]}{shown(summary, origin)}{found[2]}", page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")


def shown(summary: pd.DataFrame, origin: dict) -> str:
    """Return the results as Markdown: a table a crime type and score, the baseline first."""
    lines = []
    for (kind, score), group in summary.groupby(["crime_type", "score"]):
        head = f"| method | cells | {' | '.join(HORIZONS)} |"
        lines += ["", f"**{kind}, {score}**", "", head, "|---" * (2 + len(HORIZONS)) + "|"]
        known = {(row["entry"], row["grid"], row["horizon"]): row for row in group.to_dict("records")}
        base = BASELINE, grid(SIDES[score])
        order = sorted({key[:2] for key in known}, key=lambda key: (key != base, key[0] != BASELINE, key[0]))
        for entry, place in order:
            cells = [_cell(known.get((entry, place, horizon)), score) for horizon in HORIZONS]
            lines.append(f"| `{entry}` | {place} | {' | '.join(cells)} |")
    for name, reason in origin["not_run"].items():
        lines += ["", f"Not run: `{name}`: {reason}"]
    data = ", ".join(f"{name} {one['data']} ({one['events']:,} calls)" for name, one in origin["pools"].items())
    return "\n".join([*lines, "", f"Data {data}. Made by the command above with {origin['code']}.", "", ""])


def _cell(row: dict | None, score: str) -> str:
    if row is None:
        return "-"
    value, more = FORM[score]
    own = value.format(row["value"])
    own += "" if np.isnan(row["error"]) else f" ± {value.format(row['error'])}"
    if row["verdict"] == "baseline":
        return own
    excess = more.format(row["difference_value"])
    if row["verdict"] == "no interval":
        return f"{own} ({excess})"
    return f"{own} ({excess} ± {value.format(row['difference_error'])}, {row['verdict']})"


def evaluation(table: pd.DataFrame) -> str:
    """Return one period's n, N, n*, PAI and PEI as words for the terminal."""
    rows = table.assign(
        PAI=pai(table["caught"].to_numpy(float), table["events"].to_numpy(float), table["square_miles"].to_numpy()),
        PEI=pei(table["caught"].to_numpy(float), table["best"].to_numpy(float)),
        order=table["horizon"].map({name: place for place, name in enumerate(HORIZONS)}),
    )
    rows["n*"] = rows["best"].where(rows["score"] == "PEI")  # squares without a past are missing where PAI is taken
    rows["PEI"] = rows["PEI"].where(rows["score"] == "PEI")
    rows = rows.sort_values(["crime_type", "order", "score", "grid", "entry"])
    rows = rows.rename(columns={"caught": "n", "events": "N"})
    columns = ["crime_type", "horizon", "cutoff", "grid", "entry", "n", "N", "n*", "PAI", "PEI"]
    return rows[columns].to_string(index=False, float_format="{:.3f}".format, na_rep="-") + "\n"
