"""Archive the input of an audit as Parquet and NumPy files, and read it back without loss."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from scipy.sparse import csr_matrix

from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.feedback.feedback import Feedback, FeedbackOutcome
from ilp_models.audit.register.earlier import RegisterSnapshot
from ilp_models.audit.residents import Residents
from ilp_models.domain.digest import file_digest
from ilp_models.domain.errors import IlpError, InputError, StorageError
from ilp_models.domain.events import Events
from ilp_models.domain.explanation import Explanation, Robustness
from ilp_models.domain.features import Column
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.grid import Grid
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.panel import DIMS
from ilp_models.domain.parquet_file import MAX_BYTES, open_parquet
from ilp_models.domain.replay import Replay, ReplayTerms
from ilp_models.domain.timing import Timing
from ilp_models.pipeline.plan_archive import BASELINE_PLAN, PLAN, plan_facts, plan_rows, plans_of, read_plan
from ilp_models.stats.distributions import LEVELS

RESIDENTS: Final = "residents.npz"
NEXT_RESIDENTS: Final = "residents_ahead.npz"  # on the cells of the next forecast
# of an AuditInput
_TEXT_FIELDS: Final = (
    *("no_feedback", "no_groups", "group_source", "places"),
    *("settings_digest", "method_digest", "decision_code"),
)


def write_audit_input(subject: AuditInput, folder: Path, facts: Mapping[str, Any]) -> Path:
    """Write the input of an audit to a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    replays = (subject.replay, subject.baseline)
    # the audited forecaster can be the baseline: store it once
    rows = [replay_rows(one) for one in {one.forecaster: one for one in replays}.values()]
    tables = {"replays": pd.concat(rows, ignore_index=True).astype(CODES)}
    tables |= cell_tables(subject.grid)
    tables |= _optional_tables(subject)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
    names = [f"{name}.parquet" for name in tables]
    residents_files = {RESIDENTS: subject.residents, NEXT_RESIDENTS: subject.residents_ahead}
    for name, residents in residents_files.items():
        if residents is not None:
            np.savez_compressed(folder / name, allow_pickle=False, **_arrays(residents))
            names.append(name)
    manifest = {
        **facts,
        "data": subject.data,
        "crs": subject.grid.crs,
        "parents": list(subject.grid.parents.columns),
        "freq": subject.replay.periods.freqstr,
        "replays": [replay_facts(one) for one in replays],
        "dispersion": [list(one.dispersion.dims) for one in replays],
        "features": None if subject.features is None else [vars(column) for column in subject.features],
        "explanation": None if subject.explanation is None else explanation_facts(subject.explanation),
        "residents": {
            name: [_plain_fields(one) for one in several]
            for name, several in residents_files.items()
            if several is not None
        },
        "plans": {name: plan_facts(plan) for name, plan in plans_of(subject).items()},
        "rule_search": subject.rule_search,
        "group_table": subject.group_table,
        "trained": None if subject.trained is None else [moment.isoformat() for moment in subject.trained],
        **{name: getattr(subject, name) for name in _TEXT_FIELDS},
        "settings_changed": list(subject.settings_changed),
        "timing": None if subject.timing is None else subject.timing.to_dict(),
        "random_settings": dict(subject.random_settings),
        "intake_shares": dict(subject.intake_shares),
        "register": None if subject.register is None else subject.register.to_dict(),
        "feedback": None
        if subject.feedback is None
        else {"settings": asdict(subject.feedback.settings), "areas": subject.feedback.areas},
        "files": {name: file_digest(folder / name) for name in names},
    }
    (folder / "subject.json").write_text(json.dumps(manifest, indent=2, default=str) + "\n", encoding="utf-8")
    return folder


def _optional_tables(subject: AuditInput) -> dict[str, pd.DataFrame]:
    """Return the tables that not every audit has."""
    tables: dict[str, pd.DataFrame] = {}
    if subject.explanation is not None:
        tables["explanation"] = explanation_rows(subject.explanation)
    if subject.reporting_rates is not None:
        tables["reporting_rates"] = pd.DataFrame({"rate": subject.reporting_rates})
    if subject.overused is not None:
        tables["overused_points"] = subject.overused
    for name, plan in plans_of(subject).items():
        tables[name] = plan_rows(plan, subject.replay)
    if subject.feedback is not None:
        tables |= {"feedback": subject.feedback.trajectory, "feedback_observed": subject.feedback.observed}
    return tables


def read_audit_input(folder: Path) -> tuple[AuditInput, dict[str, Any]]:
    """Return the archived input of an audit and the archived facts; raise StorageError for a changed file."""
    path = folder / "subject.json"
    if not path.is_file():
        msg = f"{folder} has no archived audit. Use the folder of a run of `ilp audit` or `ilp weekly`."
        raise InputError(msg)
    try:
        plain = json.loads(file_in_folder(folder, path.name).read_text(encoding="utf-8"))
        for name in plain["residents"]:
            plain["files"][name]  # a file without a digest is refused
        for name, digest in plain["files"].items():
            if file_digest(file_in_folder(folder, name)) != digest:
                msg = f"{folder / name} was changed after the audit. Ask for a complete copy of the run."
                raise StorageError(msg)
        names = [name for name in plain["files"] if name.endswith(".parquet")]
        tables = {Path(name).stem: _read_table(file_in_folder(folder, name)) for name in names}
        subject = _subject(tables, plain)
        now, later = (_residents(folder / name, plain["residents"].get(name)) for name in (RESIDENTS, NEXT_RESIDENTS))
        return replace(subject, residents=now, residents_ahead=later), plain
    except IlpError:
        raise
    except (AttributeError, BadZipFile, MemoryError, OSError, KeyError, TypeError, ValueError) as error:
        msg = f"The archived audit in {folder} cannot be read ({error!r}). Ask for a complete copy of the run."
        raise StorageError(msg) from error


def _read_table(path: Path) -> pd.DataFrame:
    with open_parquet(path) as parquet:
        return pd.DataFrame(parquet.read().to_pandas())


def _subject(tables: Mapping[str, pd.DataFrame], plain: Mapping[str, Any]) -> AuditInput:
    grid = read_grid(tables["cells"], tables["neighbours"], plain)
    replays = [
        read_replay(tables["replays"], about, dims, grid, plain["freq"])
        for about, dims in zip(plain["replays"], plain["dispersion"], strict=True)
    ]
    features = None if plain["features"] is None else tuple(Column(**column) for column in plain["features"])
    explanation = (
        None if plain["explanation"] is None else read_explanation(tables["explanation"], plain["explanation"])
    )
    rates, span = tables.get("reporting_rates"), plain["trained"]
    texts: dict[str, Any] = {name: str(plain[name]) for name in _TEXT_FIELDS}
    plans = {name: read_plan(tables[name], facts, replays[0]) for name, facts in plain["plans"].items()}
    return AuditInput(
        replays[0],
        replays[1],
        grid,
        explanation,
        features,
        plain["data"],
        group_table=plain["group_table"],
        random_settings=dict(plain["random_settings"]),
        intake_shares=dict(plain["intake_shares"]),
        trained=None if span is None else (pd.Timestamp(span[0]), pd.Timestamp(span[1])),
        reporting_rates=None if rates is None else rates["rate"].to_numpy(),
        overused=tables.get("overused_points"),
        rule_search=plain["rule_search"],
        plan=plans.get(PLAN),
        baseline_plan=plans.get(BASELINE_PLAN),
        feedback=_feedback(tables, plain["feedback"]),
        settings_changed=tuple(map(str, plain["settings_changed"])),
        timing=None if plain["timing"] is None else Timing.from_dict(plain["timing"]),
        register=None if plain["register"] is None else RegisterSnapshot.from_dict(plain["register"]),
        **texts,
    )


def _feedback(tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any] | None) -> FeedbackOutcome | None:
    if about is None:
        return None
    settings = Feedback(**about["settings"])
    return FeedbackOutcome(settings, about["areas"], tables["feedback"], tables["feedback_observed"])


def _arrays(residents: Sequence[Residents]) -> dict[str, Any]:
    """Return the arrays of all dimensions, named by position and field."""
    return {
        f"{at}_{name}": value
        for at, one in enumerate(residents)
        for name, value in vars(one).items()
        if isinstance(value, np.ndarray)
    }


def _plain_fields(residents: Residents) -> dict[str, Any]:
    return {name: value for name, value in vars(residents).items() if not isinstance(value, np.ndarray)}


def _residents(path: Path, fields: list[dict[str, Any]] | None) -> tuple[Residents, ...] | None:
    if fields is None:
        return None
    with ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            msg = f"{path} needs more memory than {MAX_BYTES / (1 << 30):g} GiB when it is unpacked."
            raise StorageError(msg)
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        stored = dict(arrays)
    dimensions = []
    for at, one in enumerate(fields):
        own = {name.partition("_")[2]: value for name, value in stored.items() if name.partition("_")[0] == str(at)}
        dimensions.append(Residents(**{**one, "groups": tuple(one["groups"])}, **own))
    return tuple(dimensions)


CODES: Final = {"crime_type": "category", "cell": "category"}


class NullLocator:
    """The locator of cells that were read from a file. It cannot locate events."""

    def locate(self, events: Events) -> Any:
        """Raise InputError."""
        msg = f"Cells from a file cannot locate the {len(events)} events. Build the grid of the run."
        raise InputError(msg)


def replay_facts(replay: Replay) -> dict[str, Any]:
    """Return the facts of a replay that its rows do not contain."""
    about = {"forecaster": replay.forecaster, "recipe": replay.recipe, "lead": replay.lead}
    return about | {"terms": None if replay.terms is None else asdict(replay.terms)}


def replay_rows(replay: Replay) -> pd.DataFrame:
    """Return a replay as a table, one row per unit, in the order of its arrays."""
    table = replay.observed.to_series().rename("observed").reset_index()
    table["period"] = table["period"].dt.start_time
    table["expected"] = replay.expected.values.ravel()
    for name, level in zip(QUANTILE_COLUMNS, replay.quantiles.values, strict=True):
        table[name] = level.ravel()
    table["dispersion"] = replay.dispersion.broadcast_like(replay.expected).transpose(*DIMS).values.ravel()
    table.insert(0, "forecaster", replay.forecaster)
    return table


def read_replay(table: pd.DataFrame, about: Mapping[str, Any], dims: list[str], grid: Grid, freq: str) -> Replay:
    """Return the replay from the rows of :func:`replay_rows`."""
    rows = table[table["forecaster"] == about["forecaster"]]
    types, periods = rows["crime_type"].astype(str).unique(), rows["period"].unique()
    coords = {"crime_type": types, "cell": grid.cells, "period": pd.PeriodIndex(periods, freq=freq)}
    shape = tuple(len(labels) for labels in coords.values())

    def cube(name: str) -> xr.DataArray:
        return xr.DataArray(rows[name].to_numpy().reshape(shape), dims=DIMS, coords=coords)

    quantiles = xr.concat([cube(name) for name in QUANTILE_COLUMNS], pd.Index(LEVELS, name="quantile"))
    spread = cube("dispersion")
    spread = spread.isel({dim: 0 for dim in DIMS if dim not in dims}, drop=True)
    return Replay(
        **{**about, "terms": None if about["terms"] is None else ReplayTerms(**about["terms"])},
        expected=cube("expected"),
        quantiles=quantiles,
        dispersion=spread,
        observed=cube("observed"),
    )


def cell_tables(grid: Grid) -> dict[str, pd.DataFrame]:
    """Return a table of cells and a table of neighbouring cells."""
    cells = pd.DataFrame(
        {
            "cell": grid.cells.astype(str),
            "area_m2": grid.area_m2,
            "geometry": shapely.to_wkb(grid.geometry),
            "population": np.nan if grid.population is None else grid.population,
        }
    )
    for name in grid.parents.columns:
        cells[f"parent {name}"] = grid.parents[name].to_numpy()
    links = grid.neighbours.tocoo()
    return {"cells": cells, "neighbours": pd.DataFrame({"cell": links.row, "neighbour": links.col})}


def read_grid(cells: pd.DataFrame, links: pd.DataFrame, plain: Mapping[str, Any]) -> Grid:
    """Return the grid from the tables of :func:`cell_tables`; it cannot locate events."""
    size = len(cells)
    ones = np.ones(len(links), dtype=np.int8)
    population = cells["population"].to_numpy()
    return Grid(
        cells=pd.Index(cells["cell"].to_numpy(), name="cell"),
        geometry=shapely.from_wkb(cells["geometry"].to_numpy()),
        area_m2=cells["area_m2"].to_numpy(),
        crs=plain["crs"],
        neighbours=csr_matrix((ones, (links["cell"], links["neighbour"])), shape=(size, size)),
        locator=NullLocator(),
        locator_cells=np.arange(size),
        parents=pd.DataFrame({name: cells[f"parent {name}"] for name in plain["parents"]}),
        population=None if np.isnan(population).all() else population,
    )


def explanation_rows(explanation: Explanation) -> pd.DataFrame:
    """Return an explanation as a table: log expected count, weight, then attribution and value of each feature."""
    table = explanation.log_expected.to_series().rename("log_expected").reset_index().astype(CODES)
    table["period"] = table["period"].dt.start_time
    table["weight"] = explanation.shares.ravel()
    size = len(explanation.columns)
    for kind, cube in (("attribution", explanation.attributions), ("value", explanation.values)):
        flat = cube.values.reshape(-1, size)
        wide = pd.DataFrame(flat, columns=[f"{kind} {at}" for at in range(size)])
        table = pd.concat([table, wide], axis=1)
    return table


def explanation_facts(explanation: Explanation) -> dict[str, Any]:
    """Return the facts of an explanation that its rows do not contain."""
    robustness = explanation.robustness
    return {
        "forecaster": explanation.forecaster,
        "cutoff": explanation.cutoff.isoformat(),
        "method": explanation.method,
        "freq": explanation.log_expected.indexes["period"].freqstr,
        "columns": [vars(column) for column in explanation.columns],
        "base": explanation.base.values.tolist(),
        "weighted": explanation.weights is not None,
        "robustness": None if robustness is None else robustness.to_dict(),
    }


def read_explanation(table: pd.DataFrame, about: Mapping[str, Any]) -> Explanation:
    """Return the explanation from its rows and facts."""
    periods = pd.PeriodIndex(table["period"].unique(), freq=about["freq"])
    coords: dict[str, Any] = {
        "crime_type": table["crime_type"].astype(str).unique(),
        "cell": pd.Index(table["cell"].astype(str).unique(), name="cell"),
        "period": periods,
    }
    shape = tuple(len(labels) for labels in coords.values())
    columns = tuple(Column(**column) for column in about["columns"])
    features = coords | {"feature": [column.name for column in columns]}

    def cube(name: str) -> xr.DataArray:
        return xr.DataArray(table[name].to_numpy().reshape(shape), dims=DIMS, coords=coords)

    def wide(kind: str) -> xr.DataArray:
        flat = table[[f"{kind} {at}" for at in range(len(columns))]].to_numpy()
        return xr.DataArray(flat.reshape(*shape, len(columns)), dims=(*DIMS, "feature"), coords=features)

    robustness = about["robustness"]
    return Explanation(
        attributions=wide("attribution"),
        values=wide("value"),
        base=xr.DataArray(about["base"], dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
        log_expected=cube("log_expected"),
        columns=columns,
        forecaster=about["forecaster"],
        cutoff=pd.Timestamp(about["cutoff"]),
        method=about["method"],
        weights=cube("weight") if about["weighted"] else None,
        robustness=None if robustness is None else Robustness.from_dict(robustness),
    )
