"""Fill the comparison tables of README.md and experiments/*/README.md from the committed results; needs only python3.

python3 experiments/update_tables.py                        write the tables anew from the committed files
python3 experiments/update_tables.py outputs/weekly/latest  first take over the results of that run of an experiment
"""

import csv
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = ROOT / "experiments"
IMAGES = ROOT / "docs" / "images"
TABLES = ("summary.csv", "skill.csv")
FACTS = ("protocol", "code", "data", "attribution", "forecaster")
MARKED = re.compile(r"(<!-- table: (?P<slug>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = "| forecaster | skill | verdict | deviance | log score | events on the first 5 % of land | expected / recorded |"


class ResultsError(Exception):
    """The results cannot be used; the message says what to do."""


def main(words: list[str]) -> int:
    """Return an exit code, having filled the tables."""
    try:
        for run in words:
            take_over(Path(run))
        for page in (ROOT / "README.md", *sorted(EXPERIMENTS.glob("*/README.md"))):
            page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    except ResultsError as error:
        sys.stderr.write(f"update_tables.py: {error}\n")
        return 1
    return 0


def take_over(run: Path) -> None:
    """Copy the small tables, the origin and the first map of a run to the experiment it is named after."""
    folder = run.resolve()
    slug = next((path.stem for path in (ROOT / "configs" / "experiment").glob("*.yaml") if _named(folder, path)), None)
    origin = folder / "grid.csv.json"
    if slug is None or not origin.is_file() or (folder / "UNFINISHED").exists():
        message = f"{run} is no finished run of `ilp weekly experiment=...`; name the folder of one."
        raise ResultsError(message)
    into = EXPERIMENTS / slug
    into.mkdir(exist_ok=True)
    for name in TABLES:
        shutil.copyfile(folder / name, into / name)
    facts = json.loads(origin.read_text(encoding="utf-8"))
    kept = {name: facts[name] for name in FACTS}
    (into / "origin.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    picture = IMAGES / f"{slug}.png"
    if picture.is_file():  # only what a page shows
        shutil.copyfile(folder / "figures" / "map-1.png", picture)


def _named(folder: Path, experiment: Path) -> bool:
    return folder.name.endswith(f"-{experiment.stem}")


def filled(page: str) -> str:
    """Return a page with every marked table written anew."""
    return MARKED.sub(lambda found: f"{found[1]}{table_of(found['slug'])}{found[3]}", page)


def table_of(slug: str) -> str:
    """Return the comparison of an experiment as Markdown, or how to make it where there is no result yet."""
    command = f"`python3 tasks.py weekly experiment={slug}`"
    folder = EXPERIMENTS / slug
    if not (folder / "origin.json").is_file():
        return f"\nNo results are committed yet; {command} makes them.\n\n"
    origin = json.loads((folder / "origin.json").read_text(encoding="utf-8"))
    summary, skill = (_rows(folder / name) for name in TABLES)
    values = {(row["forecaster"], row["crime_type"], row["score"]): row for row in summary if row["lead"] == "1"}
    skills = sorted((row for row in skill if row["lead"] == "1"), key=lambda row: -float(row["skill"]))
    pool = "all" if any(row["crime_type"] == "all" for row in skills) else skills[0]["crime_type"]
    ranked = [row for row in skills if row["crime_type"] == pool]
    ranked.sort(key=lambda row: _is_bound(row["forecaster"]))
    lines = [HEAD, "|---|---|---|---|---|---|---|", *(_line(row, values) for row in ranked)]
    own = sorted(
        (row for row in skills if row["forecaster"] == origin["forecaster"]), key=lambda row: row["crime_type"]
    )
    lines += ["", f"`{origin['forecaster']}`, which makes the weekly grid, by crime type:", ""]
    lines += ["| crime type | skill | verdict | expected / recorded |", "|---|---|---|---|"]
    lines += [_type_line(row, values) for row in own if row["crime_type"] != pool]
    source = f"Data {origin['data'][:16]}. {origin['attribution']}".strip()
    return "\n".join(
        ["", *lines, "", f"{origin['protocol']} Made by {command} with {origin['code']}. {source}", "", ""]
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _is_bound(name: str) -> bool:
    return name == "oracle" or name.startswith("floor (")


def _line(row: dict[str, str], values: dict[tuple[str, str, str], dict[str, str]]) -> str:
    name, kind = row["forecaster"], row["crime_type"]
    bound = _is_bound(name)
    cells = [
        f"*{name}*" if bound else f"`{name}`",
        _with_interval(row, "skill", "{:+.2%}"),
        "bound" if bound else _verdict(row),
        *(_value(values, (name, kind, score), "{:.4f}") for score in ("deviance", "log_score")),
        _value(values, (name, kind, "hit_rate_05"), "{:.1%}", interval=True),
        _value(values, (name, kind, "sum_ratio"), "{:.3f}", interval=True),
    ]
    return f"| {' | '.join(cells)} |"


def _type_line(row: dict[str, str], values: dict[tuple[str, str, str], dict[str, str]]) -> str:
    key = (row["forecaster"], row["crime_type"], "sum_ratio")
    ratio = _value(values, key, "{:.3f}", interval=True)
    return f"| {row['crime_type']} | {_with_interval(row, 'skill', '{:+.2%}')} | {_verdict(row)} | {ratio} |"


def _verdict(row: dict[str, str]) -> str:
    """Return the verdict; without an interval there is none, and the baseline does not compete with itself."""
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
