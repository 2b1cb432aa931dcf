"""Write the comparison tables of README.md and experiments/*/README.md from the committed results; needs only python3.

python3 experiments/update_tables.py                        write the tables from the committed files
python3 experiments/update_tables.py outputs/weekly/latest  copy the results of that run first

The run is one of `ilp weekly experiment=...` or `ilp compare experiment=...`. A comparison gives a leaderboard.
"""

import csv
import html
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = ROOT / "experiments"
IMAGES = ROOT / "docs" / "images"
TABLES = ("summary.csv", "skill.csv")
BOARD = "leaderboard.csv"  # of a comparison
MAIN_SCORES = ("deviance", "log_score", "crps", "hit_rate_05", "sum_ratio", "coverage_90")
FACTS = ("protocol", "code", "data", "attribution", "forecaster")
MARKED = re.compile(r"(<!-- table: (?P<slug>[\w-]+)(?: of (?P<names>[\w ]+))? -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = "| forecaster | skill | verdict | deviance | log score | events on the first 5 % of land | expected / recorded |"
SECOND = "level_share"  # the tables also show the skill over this forecaster, where it takes part
OVER_SECOND = f"verdict | over `{SECOND}` |"
ATTAINED = "share of the attainable"
BOARD_HEAD = HEAD.replace("skill |", f"skill | {ATTAINED} |") + " CPU seconds |"
PAGE_FACTS = {  # where the page of a comparison has these facts
    "protocol": re.compile(r"<strong>(?:Protocol|How it was tested)\.</strong> (.*?)</p>", re.DOTALL),
    "code": re.compile(r"<dt>Code</dt><dd>(.*?)</dd>", re.DOTALL),
}


class ResultsError(Exception):
    """The results cannot be used; the message says what to do."""


def main(words: list[str]) -> int:
    """Update the tables and return an exit code."""
    try:
        for run in words:
            copy_results(Path(run))
        for page in (ROOT / "README.md", *sorted(EXPERIMENTS.glob("*/README.md"))):
            page.write_text(fill_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
    except ResultsError as error:
        sys.stderr.write(f"update_tables.py: {error}\n")
        return 1
    return 0


def copy_results(run: Path) -> None:
    """Copy the small tables, the provenance and the first map of a run to its experiment."""
    folder = run.resolve()
    slug = next((path.stem for path in (ROOT / "configs" / "experiment").glob("*.yaml") if _named(folder, path)), None)
    facts = None if (folder / "UNFINISHED").exists() else _facts(folder)
    if slug is None or facts is None:
        message = f"{run} is not a finished run of an experiment. Run `ilp weekly experiment=...` and give its folder."
        raise ResultsError(message)
    into = EXPERIMENTS / slug
    into.mkdir(exist_ok=True)
    for name in (*TABLES, BOARD):
        (into / name).unlink(missing_ok=True)
        if (folder / name).is_file():
            shutil.copyfile(folder / name, into / name)
    if (into / BOARD).is_file():  # every score of many methods would be half a megabyte
        rows = _rows(into / TABLES[0])
        with (into / TABLES[0]).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for row in rows if row["score"] in MAIN_SCORES)
    (into / "origin.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    picture, drawn = IMAGES / f"{slug}.png", folder / "figures" / "map-1.png"
    if picture.is_file() and drawn.is_file():  # only for pages with a map; a comparison has other maps
        shutil.copyfile(drawn, picture)


def _facts(folder: Path) -> dict[str, str] | None:
    """Return the provenance of a run, or None if it is not a run of `weekly` or `compare`."""
    grid, page = folder / "grid.csv.json", folder / "comparison.html"
    if grid.is_file():
        facts = json.loads(grid.read_text(encoding="utf-8"))
        return {name: facts[name] for name in FACTS}
    if not page.is_file():
        return None
    text = page.read_text(encoding="utf-8")
    facts = {name: html.unescape(found[1]) for name, form in PAGE_FACTS.items() if (found := form.search(text))}
    intake = json.loads((folder / "intake.json").read_text(encoding="utf-8"))
    return {**facts, "data": intake["digest"], "attribution": intake["attribution"]}


def _named(folder: Path, experiment: Path) -> bool:
    return folder.name.endswith(f"-{experiment.stem}")


def fill_tables(page: str) -> str:
    """Return a page with the current table of every experiment between its markers."""
    known = {path.stem for path in (ROOT / "configs" / "experiment").glob("*.yaml")}
    return MARKED.sub(
        lambda found: (
            f"{found[1]}{table_of(found['slug'], found['names'])}{found[4]}" if found["slug"] in known else found[0]
        ),
        page,
    )


def table_of(slug: str, names: str | None = None) -> str:
    """Return the comparison of an experiment as Markdown, or the command that makes it if there are no results.

    ``names`` limits the table of a comparison to these forecasters and the bounds.
    """
    command = f"`python3 tasks.py weekly experiment={slug}`"
    folder = EXPERIMENTS / slug
    if not (folder / "origin.json").is_file():
        return f"\nNo results are committed yet; {command} makes them.\n\n"
    origin = json.loads((folder / "origin.json").read_text(encoding="utf-8"))
    if (folder / BOARD).is_file():
        return _with_source(_board(_rows(folder / BOARD), names), origin, f"`ilp compare experiment={slug}`")
    summary, skill = (_rows(folder / name) for name in TABLES)
    values = {(row["forecaster"], row["crime_type"], row["score"]): row for row in summary if row["lead"] == "1"}
    skills = sorted((row for row in skill if row["lead"] == "1"), key=lambda row: -float(row["skill"]))
    pool = "all" if any(row["crime_type"] == "all" for row in skills) else skills[0]["crime_type"]
    ranked = [row for row in skills if row["crime_type"] == pool]
    ranked.sort(key=lambda row: _is_bound(row["forecaster"]))
    second = values.get((SECOND, pool, "deviance"), {}).get("value", "")
    shown = [row for row in ranked if not _is_floor(row["forecaster"])]
    lines = [*_head(HEAD, second), *(_line(row, values, second) for row in shown)]
    lines += [note for row in ranked if (note := _floor_note(row["forecaster"], row))]
    own = sorted(
        (row for row in skills if row["forecaster"] == origin["forecaster"]), key=lambda row: row["crime_type"]
    )
    lines += ["", f"`{origin['forecaster']}`, which makes the weekly grid, by crime type:", ""]
    lines += ["| crime type | skill | verdict | expected / recorded |", "|---|---|---|---|"]
    lines += [_type_line(row, values) for row in own if row["crime_type"] != pool]
    return _with_source(lines, origin, command)


def _with_source(lines: list[str], origin: dict[str, str], command: str) -> str:
    source = f"Data {origin['data'][:16]}. {origin['attribution']}".strip()
    return "\n".join(
        ["", *lines, "", f"{origin['protocol']} Made by {command} with {origin['code']}. {source}", "", ""]
    )


def _board(rows: list[dict[str, str]], names: str | None) -> list[str]:
    """Return the leaderboard of lead 1, with the share of the attainable skill if the true risk is known."""
    shown = [row for row in rows if row["lead"] in ("", "1")]
    if names:
        shown = [row for row in shown if row["kind"] == "bound" or row["forecaster"] in names.split()]
    attained = any(row["attained"] for row in shown)
    second = next((row["deviance"] for row in rows if row["forecaster"] == SECOND and row["lead"] in ("", "1")), "")
    head = BOARD_HEAD if attained else BOARD_HEAD.replace(f" {ATTAINED} |", "")
    lines = [_board_line(row, second, attained=attained) for row in shown if not _is_floor(row["forecaster"])]
    ends = [row | {"low": row["skill_low"], "high": row["skill_high"]} for row in shown]
    return [*_head(head, second), *lines, *(note for row in ends if (note := _floor_note(row["forecaster"], row)))]


def _head(head: str, second: str) -> list[str]:
    """Return the head of a table, with a column for the second skill if its forecaster has a deviance."""
    head = head.replace("verdict |", OVER_SECOND) if second else head
    return [head, "|---" * (head.count("|") - 1) + "|"]


def _is_floor(name: str) -> bool:
    """Return whether a row is of an earlier version, whose floor took counts as Poisson."""
    return name.startswith("floor (")


def _floor_note(name: str, row: dict[str, str]) -> str:
    """Return a sentence for the floor of an earlier version, which is no ceiling: recorded counts scatter more."""
    if not _is_floor(name):
        return ""
    best = name.removeprefix("floor (").removesuffix(")")
    return (
        f"\nIf the rates of `{best}` were right and counts were Poisson, its skill would be "
        f"{_with_interval(row, 'skill', '{:+.2%}')}. That is too high where recorded counts scatter more."
    )


def _over_second(row: dict[str, str], deviance: str, second: str) -> list[str]:
    """Return the skill over the second forecaster: with its interval if the run has one, else from both deviances."""
    if not second:
        return []
    if row.get("second_skill"):
        ends = {"low": row["second_skill_low"], "high": row["second_skill_high"]}
        return [_with_interval({"second_skill": row["second_skill"], **ends}, "second_skill", "{:+.2%}")]
    return [f"{1 - float(deviance) / float(second):+.2%}" if deviance else "-"]


def _board_line(row: dict[str, str], second: str, *, attained: bool) -> str:
    bound = row["kind"] == "bound"
    if row["did_not_run"]:
        dashes = " - |" * (5 + bool(second))
        return f"| `{row['forecaster']}` | - |{' - |' * attained} not run: {row['did_not_run']} |{dashes}"
    skill = _with_interval({**row, "low": row["skill_low"], "high": row["skill_high"]}, "skill", "{:+.2%}")
    spent = [float(row[name] or "nan") for name in ("fit_cpu_seconds", "forecast_cpu_seconds")]
    cells = [
        f"*{row['forecaster']}*" if bound else f"`{row['forecaster']}`",
        skill,
        *([_number(row["attained"], "{:.0%}")] if attained else []),
        "bound" if bound else row["verdict"] or "baseline",
        *_over_second(row, row["deviance"], second),
        *(_number(row[name], "{:.4f}") for name in ("deviance", "log_score")),
        *(_ranged(row, name, form) for name, form in (("hit_rate_05", "{:.1%}"), ("sum_ratio", "{:.3f}"))),
        "-" if bound else f"{sum(spent):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _ranged(row: dict[str, str], name: str, form: str) -> str:
    """Format a value of the leaderboard with its interval."""
    ends = {"low": row[f"{name}_low"], "high": row[f"{name}_high"]}
    return _with_interval({name: row[name], **ends}, name, form) if row[name] else "-"


def _number(value: str, form: str) -> str:
    return form.format(float(value)) if value else "-"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _is_bound(name: str) -> bool:
    return name == "oracle" or name.startswith(("ceiling (", "floor ("))


def _line(row: dict[str, str], values: dict[tuple[str, str, str], dict[str, str]], second: str) -> str:
    name, crime_type = row["forecaster"], row["crime_type"]
    bound = _is_bound(name)
    cells = [
        f"*{name}*" if bound else f"`{name}`",
        _with_interval(row, "skill", "{:+.2%}"),
        "bound" if bound else _verdict(row),
        *_over_second({}, values.get((name, crime_type, "deviance"), {}).get("value", ""), second),
        *(_value(values, (name, crime_type, score), "{:.4f}") for score in ("deviance", "log_score")),
        _value(values, (name, crime_type, "hit_rate_05"), "{:.1%}", interval=True),
        _value(values, (name, crime_type, "sum_ratio"), "{:.3f}", interval=True),
    ]
    return f"| {' | '.join(cells)} |"


def _type_line(row: dict[str, str], values: dict[tuple[str, str, str], dict[str, str]]) -> str:
    key = (row["forecaster"], row["crime_type"], "sum_ratio")
    ratio = _value(values, key, "{:.3f}", interval=True)
    return f"| {row['crime_type']} | {_with_interval(row, 'skill', '{:+.2%}')} | {_verdict(row)} | {ratio} |"


def _verdict(row: dict[str, str]) -> str:
    """Return the verdict of a row, or why it has none."""
    if not row["low"]:
        return "no interval"
    return "baseline" if float(row["low"]) == float(row["high"]) == 0 else row["verdict"]


def _value(
    values: dict[tuple[str, str, str], dict[str, str]],
    key: tuple[str, str, str],
    form: str,
    *,
    interval: bool = False,
) -> str:
    row = values.get(key)
    if row is None:
        return "-"
    return _with_interval(row, "value", form) if interval else form.format(float(row["value"]))


def _with_interval(row: dict[str, str], name: str, form: str) -> str:
    if not row["low"]:
        return form.format(float(row[name]))
    value, low, high = (form.format(float(row[key])) for key in (name, "low", "high"))
    return value if low == value == high else f"{value} [{low}, {high}]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
