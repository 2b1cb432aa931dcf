"""Read the runs of several jurisdictions together: totals that add up, rates, skill, borders and data quality."""

import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from ilp_models.audit.register.register import Register
from ilp_models.compute.local import LocalProcesses
from ilp_models.compute.reading import read_on_workers
from ilp_models.domain.compute import Compute
from ilp_models.domain.digest import file_digest, folder_digests
from ilp_models.domain.errors import UNFINISHED, IlpError, StorageError
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.region import (
    COUNTS,
    READ_FILES,
    RECORD,
    REGION,
    YEAR,
    JurisdictionFacts,
    JurisdictionResult,
    Region,
    RunState,
    sum_by_area,
)
from ilp_models.domain.region_plan import RegionPlan, check_members, check_residents
from ilp_models.domain.text_output import csv_marks, write_table
from ilp_models.pipeline.atomic_files import write_all_or_none
from ilp_models.pipeline.borders import BORDERS
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.contributions import Contribution, read_contribution, train
from ilp_models.pipeline.description import FACTS, read_parts
from ilp_models.pipeline.outputs import INTAKE, RECORDED, write_json
from ilp_models.pipeline.region_sums import read_group_sums, read_score_sums
from ilp_models.pipeline.registration import REGISTER
from ilp_models.pipeline.run_folder import EVIDENCE, RunFolder
from ilp_models.report.description_page import headlines
from ilp_models.report.region_page import PAGE, write_region_page

_LOG: Final = logging.getLogger(__name__)
DECISION: Final = "decision.json"
_MAY_LACK: Final = ("skill", "low", "high")  # numbers that may be missing or negative
_OUTLINE_M: Final = 250.0  # outlines on the map of the region join cells within twice this distance,
_OUTLINE_SHARE: Final = 0.005  # or this share of their width, and are simplified by as much


def read_region(  # noqa: PLR0913 - runs, what is known of the jurisdictions, and where to read
    runs: Mapping[str, str | Path] | Sequence[JurisdictionResult],
    *,
    name: str = REGION,
    task: str = "weekly",
    parts: Mapping[str, Sequence[str]] | None = None,
    population: Mapping[str, float] | None = None,
    population_source: str = "",
    compute: Compute | None = None,
) -> Region:
    """Read the runs of several jurisdictions together.

    Parameters
    ----------
    runs : mapping of str to str or Path
        Folder of the run of each jurisdiction, by its name. A forecast counts as admitted only if ``register.jsonl`` in
        the folder above that of the task confirms its decision.
    name : str, default "region"
        Name of the region.
    task : str, default "weekly"
        The task of the runs.
    parts : mapping of str to sequence of str, optional
        Jurisdictions of larger areas, of which totals are given.
    population : mapping of str to float, optional
        Residents of jurisdictions, for rates.
    population_source : str, optional
        Where the numbers of residents come from.
    compute : LocalProcesses or DaskCluster, optional
        Where the runs are read. By default in this process.

    Returns
    -------
    Region
        Totals, rates, skill, sums by group and a page. A run that cannot be read counts as failed.

    Raises
    ------
    InputError
        If parts or population name an unknown jurisdiction, or residents are not above 0.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=60).read()
    >>> description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.Concentration()])
    >>> page = ilp.write_description(description, folder / "north")
    >>> region = ilp.read_region({"north": folder / "north", "south": folder / "south"}, task="describe")
    >>> region, region.missing
    (<Region region: describe of 1 of 2 jurisdictions>, ('south',))
    """
    if isinstance(runs, Mapping):
        runs = [JurisdictionResult(one, RunState.DONE, str(Path(at).absolute())) for one, at in runs.items()]
    names = [one.name for one in runs]
    members = [one for inside in (parts or {}).values() for one in inside]
    check_members(names, parts=members, population=population or {})
    check_residents(population or {})
    facts = read_on_workers(compute or LocalProcesses(1), read_jurisdiction, runs, _has_failed)
    return Region(name, task, tuple(facts), dict(parts or {}), dict(population or {}), population_source)


def _has_failed(facts: JurisdictionFacts) -> bool:
    return facts.result.state is RunState.FAILED


def read_jurisdiction(result: JurisdictionResult) -> JurisdictionFacts:
    """Return the facts in the folder of a run; one that cannot be read counts as failed."""
    if result.state is RunState.FAILED:
        return JurisdictionFacts(result)
    folder = Path(result.folder)
    try:
        if not folder.is_dir():
            msg = f"{folder} does not exist. Name the folder of a run."
            raise StorageError(msg)
        if os.path.lexists(folder / UNFINISHED):  # also one that has no forecast yet
            msg = f"The run in {folder} has not finished. Run the task again, or name another run."
            raise StorageError(msg)
        _check_files(folder, READ_FILES)
        return JurisdictionFacts(
            result,
            intake=_read_intake(folder),
            recorded=_read_csv(folder, RECORDED, ("crime_type", "period", "freq"), ("recorded",)),
            borders=_read_csv(folder, BORDERS, ("neighbour", "side"), ("reach_m", "latest_52_weeks", "weeks_before")),
            skill=_read_csv(folder, "skill.csv", ("forecaster", "crime_type"), ("lead",)),
            described=_read_headlines(folder),
            score_sums=read_score_sums(folder),
            group_sums=read_group_sums(folder),
            **_forecast_facts(folder, result.register),
        )
    except Exception as error:  # what is wrong with one run must not stop the others
        failed = JurisdictionResult(result.name, RunState.FAILED, result.folder, f"The run cannot be read: {error}")
        return JurisdictionFacts(failed)


def _check_files(folder: Path, names: Collection[str] | None = None) -> None:
    """Raise StorageError if one of some files, or of all that a run left, was changed after it, or evidence added.

    Only runs for a region have a record of their files, and not those of an earlier version.
    """
    record = json.loads(file_in_folder(folder, RECORD).read_text("utf-8")) if os.path.lexists(folder / RECORD) else {}
    if "files" not in record:
        return
    known = record["files"]
    for name in {**known, **folder_digests(folder, EVIDENCE)} if names is None else names:
        found = file_digest(file_in_folder(folder, name)) if os.path.lexists(folder / name) else None
        if found != known.get(name):
            msg = f"{folder / name} was changed after the run. Run the task again."
            raise StorageError(msg)


def write_region(region: Region, folder: str | Path) -> list[Path]:
    """Write the page of a region, its tables, and a record of the runs.

    Parameters
    ----------
    region : Region
        See :func:`read_region`.
    folder : str or Path
        The folder of the results.

    Returns
    -------
    list of Path
        ``region.html``, ``totals.csv``, ``rates.csv``, ``skill.csv``, ``groups.csv`` and ``region.json``.

    Raises
    ------
    StorageError
        If a file cannot be written.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=60).read()
    >>> description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.Concentration()])
    >>> page = ilp.write_description(description, folder / "north")
    >>> region = ilp.read_region({"north": folder / "north", "south": folder / "south"}, task="describe")
    >>> [file.name for file in ilp.write_region(region, folder / "region")]
    ['region.html', 'totals.csv', 'rates.csv', 'skill.csv', 'groups.csv', 'region.json']
    """
    return _write_region(region, Path(folder))


def _write_region(region: Region, folder: Path, pool: Sequence[Contribution] = ()) -> list[Path]:
    """Write the files of a region, with what each jurisdiction contributes to a pooled model."""
    made = now()
    tables = {
        "totals": region.totals(),
        "rates": region.rates(),
        "skill": region.skill(),
        "groups": region.groups(),
    }
    record = {
        "made": made.isoformat(),
        "region": region.name,
        "task": region.task,
        "missing": list(region.missing),
        "jurisdictions": [vars(one.result) for one in region.jurisdictions],
    }
    writers: dict[str, Callable[[Path], object]] = {
        **{f"{name}.csv": partial(write_table, table) for name, table in tables.items()},
        "region.json": lambda path: write_json(path, record),
    }
    files = write_all_or_none(folder, writers, "The summary of the region")
    return [write_region_page(region, tables, folder, made, _pool_rows(pool)), *files]


def is_readable(result: JurisdictionResult) -> bool:
    """Return whether the files of a finished run are complete and unchanged, so that it need not run again."""
    try:
        _check_files(Path(result.folder))
    except Exception:  # as above
        _LOG.info("The run in %s cannot be reused.", result.folder, exc_info=True)
        return False
    return not _has_failed(read_jurisdiction(result))


def finish_region(  # noqa: PLR0913 - as above, and the model that is trained
    name: str,
    task: str,
    plan: RegionPlan,
    results: Sequence[JurisdictionResult],
    folder: Path,
    compute: Compute,
    model: Mapping[str, Forecaster] | None = None,
) -> tuple[Region, str]:
    """Write the results of a region, which workers read, and return it with the text for the terminal.

    With models, workers train a pooled one on the samples of the jurisdictions.
    """
    found = read_region(
        results,
        name=name,
        task=task,
        parts=plan.parts,
        population=plan.population,
        population_source=plan.population_source,
        compute=compute,
    )
    ended = [one.result for one in found.jurisdictions]
    pool = [] if model is None else read_on_workers(compute, read_contribution, ended, lambda one: one.damaged)
    _write_region(found, folder, pool)
    lines = [f"Region {name}: {len(found.finished)} of {len(results)} jurisdictions finished", ""]
    lines += [f"  {one.name:<24}{_in_words(one)}" for one in found.jurisdictions]
    if found.missing:
        lines += [
            "",
            f"Not in any total: {', '.join(found.missing)}. Correct what is wrong and run the same command within 24 "
            "hours: finished jurisdictions are reused, unless a new period has begun or a date in their governance, "
            "such as review_date, has come.",
        ]
    if model is not None:
        lines += ["", *train(pool, model, folder, compute)]
    lines += ["", f"Page: {folder / PAGE}"]
    return found, "\n".join(lines)


def _pool_rows(pool: Sequence[Contribution]) -> list[dict[str, Any]]:
    """Return what each jurisdiction contributes to a pooled model, for the page."""
    return [
        {
            "name": one.name,
            "records": one.records,
            "cutoffs": [sample.cutoff for sample in one.samples],
            "types_left_out": one.types_left_out,
            "left_out": one.left_out,
        }
        for one in pool
    ]


def _in_words(one: JurisdictionFacts) -> str:
    result = one.result
    if result.state is RunState.FAILED:
        return f"FAILED: {result.error}"
    decided = f"{one.verdict}, " if one.verdict else ""
    how = "reused" if result.state is RunState.REUSED else f"{result.seconds:.0f} s, {result.peak_mb:,} MB"
    return f"{decided}{how}, {result.folder}"


def _forecast_facts(folder: Path, register: str) -> dict[str, Any]:
    """Return sums by area, forecaster, outline and decision of a forecast; empty without one."""
    if not any(os.path.lexists(folder / name) for name in ("forecast.parquet", DECISION)):
        return {}
    run = RunFolder.from_path(folder)
    forecast, places = run.forecast, run.places
    table = forecast.expected.to_series().rename("expected").reset_index()
    areas = pd.Series(places.area, index=places.cells).fillna("").replace("", "(no area)")
    table["area"] = areas.loc[table["cell"]].to_numpy()
    table["last_day"] = [f"{one.end_time:%Y-%m-%d}" for one in table["period"]]
    table["period"] = [f"{one.start_time:%Y-%m-%d}" for one in table["period"]]
    for name, cube in zip(COUNTS, _recent(run), strict=True):
        table[name] = cube
    return {
        "forecaster": forecast.forecaster,
        "areas": sum_by_area(table),
        "outline": _outline(places.geometry),
        **_verdict(run, register),
    }


def _verdict(run: RunFolder, register: str) -> dict[str, Any]:
    """Return whether the forecast may be used now, as other tasks decide it, and why.

    An edited decision raises: such a run is in no total, and is run again.
    """
    if not os.path.lexists(run.folder / DECISION):
        return {}
    decision = run.decision()
    run.check_forecast(decision)
    try:
        run.permitted_decision(_register_of(run.folder, register))
    except IlpError as error:
        reasons = (str(error), *decision.reasons) if decision.admitted else decision.reasons
        first = str(error) if decision.admitted else decision.conclusion
        return {"verdict": "withheld", "reasons": reasons, "first_reason": first}
    verdict = "admitted" if decision.admitted else "approved"
    return {"verdict": verdict, "reasons": decision.reasons, "first_reason": decision.conclusion}


def _register_of(folder: Path, register: str) -> Register:
    """Return the register of a run; without a path that in the folder above the task."""
    return Register.from_path(register or folder.resolve().parent.parent / Path(REGISTER).name)


def _recent(run: RunFolder) -> list[Any]:
    recent, shape = run.places.recent, run.forecast.expected
    if recent is None:
        return [np.nan] * len(COUNTS)
    return [cube.broadcast_like(shape).transpose(*shape.dims).values.ravel() for cube in recent.counts.values()]


def _outline(cells: Any) -> Any:
    """Return the outline of some cells as simplified polygons without holes, in longitude and latitude."""
    west, _, east, _ = cells.total_bounds
    about = max(_OUTLINE_M, _OUTLINE_SHARE * (east - west))
    joined = shapely.union_all(cells.to_numpy()).buffer(about, join_style="mitre").buffer(-about, join_style="mitre")
    filled = shapely.union_all(shapely.polygons(shapely.get_exterior_ring(shapely.get_parts(joined))))
    to_degrees = Transformer.from_crs(cells.crs, "EPSG:4326", always_xy=True)
    return shapely.transform(shapely.simplify(filled, about), to_degrees.transform, interleaved=False)


def _read_intake(folder: Path) -> dict[str, Any]:
    """Return what the page shows of the intake report; empty without one."""
    if not os.path.lexists(folder / INTAKE):
        return {}
    path = file_in_folder(folder, INTAKE)
    try:
        plain = _read_json(path)
        findings = [{**one, "count": int(one["count"])} for one in plain["findings"]]
        rows = {name: int(plain[name]) for name in ("rows_read", "rows_kept")}
        simulated = {"attribution": str(plain.get("attribution", ""))}
        rest = {"start": str(plain["start"])[:10], "until": _last_day(plain["end"]), "notes": list(plain["notes"])}
    except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
        msg = f"{path} is not the intake report that the run wrote ({error!r}). Run the task again."
        raise StorageError(msg) from error
    return {**rows, **rest, **simulated, "findings": findings}


def _read_headlines(folder: Path) -> list[str]:
    """Return the main sentences of a description; empty without one."""
    if not os.path.lexists(folder / FACTS):
        return []
    path = file_in_folder(folder, FACTS)
    try:
        return headlines(read_parts(_read_json(path)))
    except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
        msg = f"{path} is not the description that the run wrote ({error!r}). Run the task again."
        raise StorageError(msg) from error


def _read_json(path: Path) -> Any:
    """Return the content of a JSON file; ValueError if a page cannot show its text."""
    plain = json.loads(path.read_text(encoding="utf-8"))
    json.dumps(plain, ensure_ascii=False).encode()  # half of a sign that needs two
    return plain


def _last_day(end: str | None) -> str:
    """Return the last day of records that end before a moment; empty if there are none."""
    return "" if end is None else f"{pd.Timestamp(end) - pd.Timedelta(1, 'ns'):%Y-%m-%d}"


def _read_csv(folder: Path, name: str, labels: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Return a table of a run; empty without one. A table that the page cannot show raises."""
    if not os.path.lexists(folder / name):
        return pd.DataFrame()
    path = file_in_folder(folder, name)
    decimal, separator = csv_marks(path)
    table = pd.read_csv(path, encoding="utf-8-sig", decimal=decimal, sep=separator)
    missing = [f"has no column {name}" for name in (*labels, *numbers) if name not in table]
    wrong = [f"has other values than expected in column {name}" for name in _wrong_columns(table, numbers)]
    if missing or wrong:
        msg = f"{path} {[*missing, *wrong][0]}, so it was changed after the run. Run the task again."
        raise StorageError(msg)
    return table


def _wrong_columns(table: pd.DataFrame, numbers: Sequence[str]) -> Iterator[str]:
    """Yield the columns of a table whose values the page cannot show."""
    for name in sorted({*numbers, *_MAY_LACK} & set(table)):
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        usable = np.isfinite(values)
        usable = usable | table[name].isna().to_numpy() if name in _MAY_LACK else usable & (values >= 0)
        if not usable.all():
            yield name
    if "freq" in table and not set(table["freq"].astype(str).str[:1]) <= set(YEAR):
        yield "freq"
    paired = {"side", "neighbour"} <= set(table)
    if paired and any(set(sides) != {"here", "beyond"} for _, sides in table.groupby("neighbour")["side"]):
        yield "side"
