"""Register the design of a field trial and write its files: all of them or none."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ilp_models.audit.register.declarations import DECLARED, deadline
from ilp_models.audit.register.extents import SAME_AREA, shared_area
from ilp_models.audit.register.register import Register, RegisterEntry, RegisterState
from ilp_models.domain.errors import InputError
from ilp_models.domain.text_output import check_decimal, write_table
from ilp_models.domain.trial_design import shift_code
from ilp_models.export.cell_files import write_shapes_geojson
from ilp_models.pipeline.atomic_files import write_all_or_none
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.registration import REGISTER, user
from ilp_models.pipeline.trial_design_result import TrialDesignResult
from ilp_models.pipeline.trial_power import CURVE_COLUMNS
from ilp_models.pipeline.trial_register import TRIAL
from ilp_models.report.trial_design_page import RegisteredDesign, draw_unit_map, write_trial_design_page

DESIGN: Final = "trial.json"
PAGE: Final = "design.html"


def write_trial_design(
    result: TrialDesignResult, folder: str | Path, *, register: str | Path | Register = REGISTER, decimal: str = "point"
) -> Path:
    """Write the design of a field trial to the register, and its files to a folder.

    The line has the digest of ``trial.json``, the seed and the assignment. Without it, `ilp evaluate-trial` calls the
    trial observational.

    Parameters
    ----------
    result : TrialDesignResult
        The result of :func:`ilp_models.design_trial`.
    folder : str or Path
        Created if it does not exist: ``trial.json, assignment.csv, units.geojson, power.csv, groups.csv, design.html``.
    register : str, Path or Register, default "outputs/register.jsonl"
        The register that gets the line.
    decimal : str, default "point"
        Decimal mark of the CSV files: ``point``, or ``comma`` with semicolons between columns.

    Returns
    -------
    Path
        Path of ``trial.json``.

    Raises
    ------
    InputError
        If the first day is over, or the design was registered before.
    StorageError
        If a file or the register cannot be written.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> ilp.write_trial_design(None, "outputs/trial", decimal="dot")
    Traceback (most recent call last):
    ilp_models.domain.errors.InputError: decimal='dot' is unknown. Choose one of point, comma.
    """
    check_decimal(decimal, "decimal")
    book, target = Register.from_path(register), Path(folder)
    tables = {"assignment.csv": result.to_frame(), "power.csv": _power_table(result)}
    tables |= {"groups.csv": result.groups} if len(result.groups) else {}
    writers: dict[str, Callable[[Path], object]] = {
        name: partial(write_table, table, decimal=decimal) for name, table in tables.items()
    }
    writers["units.geojson"] = partial(write_shapes_geojson, _unit_shapes(result), result.grid.crs)
    writers[DESIGN] = partial(_write_design, result)
    # the page shows the line: all other files are complete when it is written
    writers[PAGE] = partial(_register_and_write_page, result, book)
    write_all_or_none(target, writers, "The design of the trial")
    return target / DESIGN


def _write_design(result: TrialDesignResult, path: Path) -> None:
    path.write_text(result.design.to_json(), encoding="utf-8")


def _register_and_write_page(result: TrialDesignResult, register: Register, path: Path) -> None:
    facts = result.page_facts()
    figure = draw_unit_map(facts, path.parent / "figures")  # before the line: nothing may fail after it
    write_trial_design_page(path, facts, register_design(result, register), figure)


def register_design(result: TrialDesignResult, register: Register) -> RegisteredDesign:
    """Write the line of a design, and return what the page shows of it."""
    design, events, moment = result.design, result.events, now()
    earlier: list[RegisterEntry] = []
    content = {
        "file": DESIGN,
        "scheme": design.scheme,
        "seed": design.seed,
        "start": design.start,
        "periods": design.periods,
        "last_day": f"{design.span[-1].end_time:%Y-%m-%d}",
        "effect": design.promise["effect"],
        "power": design.promise["power"],
        "simulated": events.simulated,
        "assignment": dict(zip(design.units, design.assignment, strict=True)),
        "extent": result.grid.extent(),
    }

    def check(state: RegisterState) -> None:
        if deadline(design.span[0], events.time_zone, moment, simulated=events.simulated) <= moment:
            msg = f"start={design.start} is over. A design must be registered before the first day. Give a later one."
            raise InputError(msg)
        if any(line.act == DECLARED for line in state.entries_of(design.digest())):
            msg = f"This design is in {register.path} already. Use its files; another design needs another seed."
            raise InputError(msg)
        for line in state.lines:
            known = line.content.get(TRIAL)
            if line.act == DECLARED and isinstance(known, dict):
                same = shared_area(known.get("extent"), content["extent"], of_larger=True) >= SAME_AREA
                earlier.extend([line] if same else [])

    entry = RegisterEntry(DECLARED, user(), design.digest(), moment, {TRIAL: content})
    digest = register.append(entry, check)
    return RegisteredDesign(str(register.path), digest, moment, tuple(f"{one.moment:%Y-%m-%d}" for one in earlier))


def _power_table(result: TrialDesignResult) -> pd.DataFrame:
    """Return the power by effect, followed by the curves."""
    design = result.design
    main = result.power.assign(varied="effect", value=result.power["effect"], units=len(design.units), note="")
    rows = main.assign(periods=design.periods)[list(CURVE_COLUMNS)]
    return pd.concat([rows.astype(object), result.curves.astype(object)], ignore_index=True)


def _unit_shapes(result: TrialDesignResult) -> pd.DataFrame:
    """Return one row for each cell of a unit or of a zone."""
    design, grid = result.design, result.grid
    at = {str(name): position for position, name in enumerate(grid.cells)}
    rows: list[dict[str, Any]] = []
    for place, (unit, block, word) in enumerate(zip(design.units, design.blocks, design.assignment, strict=True)):
        shift = {"shift": shift_code(design.shifts[place])} if design.shifts else {}
        for role, cells in (("unit", design.cells[place]), ("zone", design.zones[place])):
            first, share = word[0] == "1", word.count("1") / len(word)
            facts = {
                "unit": unit,
                "role": role,
                "block": block,
                "treated_first": first,
                "treated_share": share,
                **shift,
            }
            rows += [{**facts, "cell": cell, "geometry": grid.geometry[at[cell]]} for cell in cells]
    return pd.DataFrame(rows)
