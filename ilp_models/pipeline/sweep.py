"""Put the runs of a sweep (`-m`) into one table, measured against one baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ilp_models.domain.scores import ALL, ScoreTable
from ilp_models.domain.text_output import write_table
from ilp_models.stats.bootstrap import Bootstrap

SWEEP: Final = "sweep.csv"
_SCORES: Final = "scores.parquet"
_BASELINE: Final = "baseline"
_PAIRED: Final = "paired"
_LEAD: Final = 1


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep: its folder, the settings of the command that are its own, and why it failed."""

    name: str  # of its folder
    folder: Path
    overrides: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True, eq=False)
class RunScores:
    """The deviance of a run at lead 1, and how it was scored."""

    run: SweepRun
    table: pd.DataFrame
    facts: Mapping[str, Any]

    def score_table(self, tables: Sequence[pd.DataFrame]) -> ScoreTable:
        """Return scores with the bootstrap and the delay of this run."""
        table = pd.concat(tables, ignore_index=True)
        return ScoreTable(table, Bootstrap(**self.facts["bootstrap"]), int(self.facts["delay"]))

    def of(self, forecaster: str, name: str) -> pd.DataFrame:
        """Return the scores of one forecaster under another name."""
        return self.table[self.table["forecaster"] == forecaster].assign(forecaster=name)


def write_sweep(runs: Sequence[SweepRun], folder: Path, decimal: str = "point") -> str:
    """Write one row for each run and forecaster, and return the table as text."""
    runs = _without_common(runs)
    scored = {run.name: _scores_of(run) for run in runs if not run.error and (run.folder / _SCORES).is_file()}
    first = next(iter(scored.values()), None)
    rows = [row for run in runs for row in _rows_of(run, scored.get(run.name), first)]
    write_table(pd.DataFrame(rows), folder / SWEEP, decimal)
    shown = [_line(row) for row in rows]
    head = f"Sweep of {len(runs)} runs"
    if first is not None:
        head += (
            f"; skill over {first.facts['baseline']} of run {first.run.name}, paired if cells, periods and counts agree"
        )
    return "\n".join([head, *shown, f"Table: {folder / SWEEP}"])


def _scores_of(run: SweepRun) -> RunScores:
    table = pd.read_parquet(run.folder / _SCORES)
    chosen = (table["score"] == "deviance") & (table["lead"] == _LEAD)
    return RunScores(run, table[chosen].reset_index(drop=True), {str(key): fact for key, fact in table.attrs.items()})


def _without_common(runs: Sequence[SweepRun]) -> list[SweepRun]:
    """Return the runs without the settings that all of them have."""
    common = set.intersection(*(set(run.overrides) for run in runs)) if len(runs) > 1 else set()
    return [
        SweepRun(run.name, run.folder, tuple(word for word in run.overrides if word not in common), run.error)
        for run in runs
    ]


def _rows_of(run: SweepRun, scores: RunScores | None, first: RunScores | None) -> list[dict[str, Any]]:
    """Return a row for each forecaster of a run; the baseline has one in the first run and where it is another."""
    shared: dict[str, Any] = {"run": run.name, "overrides": " ".join(run.overrides)}
    if scores is None or first is None:
        return [_row(shared, reason=run.error)]
    baseline = scores.facts["baseline"]
    table = scores.score_table([scores.table])
    paired = scores.facts["units"] == first.facts["units"]
    common_recipe, own_recipe = (one.facts["recipes"][one.facts["baseline"]] for one in (first, scores))
    reference = scores is first or not paired  # the own baseline is then what skill is measured against
    with_baseline = scores is first or (paired and own_recipe != common_recipe) or len(table.forecasters) == 1
    names = [one for one in table.forecasters if one != baseline or with_baseline]
    summary = table.summarise().query("crime_type == @ALL", local_dict={"ALL": ALL}).set_index("forecaster")
    if paired:
        common = first.of(first.facts["baseline"], _BASELINE)
        skills = first.score_table([common, *(scores.of(name, f"of {name}") for name in names)]).skill(_BASELINE)
    else:
        skills = table.skill(baseline)
    skills = skills[skills["crime_type"] == ALL].set_index("forecaster")
    rows = [_row(shared, forecaster=name, reason=why) for name, why in scores.facts["not_run"].items()]
    for name in names:
        skill = skills.loc[f"of {name}" if paired else name]
        verdict = "baseline" if reference and name == baseline else skill["verdict"]
        rows.append(
            _row(
                shared,
                forecaster=name,
                deviance=summary.loc[name, "value"],
                deviance_low=summary.loc[name, "low"],
                deviance_high=summary.loc[name, "high"],
                skill=skill["skill"],
                low=skill["low"],
                high=skill["high"],
                verdict=verdict,
                comparison=_PAIRED if paired else f"over {baseline} of the same run: other cells, periods or records",
            )
        )
    return rows


def _row(shared: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    numbers = ("deviance", "deviance_low", "deviance_high", "skill", "low", "high")
    empty: dict[str, Any] = {"forecaster": "", **dict.fromkeys(numbers, float("nan"))}
    return {**shared, **empty, "verdict": "", "comparison": "", "reason": "", **values}


def _line(row: Mapping[str, Any]) -> str:
    start = f"  {row['run']:>3}  {row['overrides'] or '(no other settings)'}  {row['forecaster']}".rstrip()
    if row["reason"]:
        return f"{start}  FAILED: {row['reason']}"
    if pd.isna(row["deviance"]):
        return f"{start}  done, without scores"
    interval = "" if pd.isna(row["low"]) else f" [{row['low']:+.2%}, {row['high']:+.2%}]"
    other = "" if row["comparison"] == _PAIRED else f" ({row['comparison']})"
    numbers = f"deviance {row['deviance']:.5f}  skill {row['skill']:+.2%}{interval}"
    return f"{start}  {numbers} {row['verdict']}{other}"
