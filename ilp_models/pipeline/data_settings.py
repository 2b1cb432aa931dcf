"""Suggest the settings of records, and read the records with them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.label_screening import AreaLabelsError
from ilp_models.data.suggestions.preview import read_preview
from ilp_models.data.suggestions.suggest import suggest_settings
from ilp_models.domain.enforcement_kinds import enforcement_kind
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.intake import IntakeError, IntakeReport
from ilp_models.domain.suggestion import SuggestedSettings


@dataclass(frozen=True, eq=False)
class TrialRead:
    """What came out when the records were read with suggested settings."""

    suggested: SuggestedSettings
    events: Events | None
    report: IntakeReport | None
    problem: str = ""  # why a run with these settings would stop


def suggest_data_settings(
    path: str | Sequence[str],
    *,
    sheet: str | None = None,
    pattern: str | None = None,
    near: Sequence[float] | None = None,
    **given: Any,
) -> SuggestedSettings:
    """Suggest the settings of records from their column names and values.

    Columns whose names look like personal data are named and never read. Each setting has a confidence and a reason.
    What the values cannot decide is an open question, such as whether the day or the month comes first.

    Parameters
    ----------
    path : str or sequence of str
        A file, a folder, a glob pattern, or a list of these: delimited text, a spreadsheet, Parquet, GeoJSON ...
    sheet : str, optional
        Sheet of a spreadsheet, or layer of a GeoPackage.
    pattern : str, optional
        Which files of a folder to read.
    near : sequence of two numbers, optional
        Latitude and longitude of a place of the records, in degrees. It decides between coordinate systems.
    **given
        Settings of :class:`~ilp_models.data.delimited.DelimitedFiles` that are known, such as ``time_zone`` or
        ``columns``. They are kept as they are.

    Returns
    -------
    SuggestedSettings
        ``.settings()`` is what :class:`~ilp_models.data.delimited.DelimitedFiles` takes, ``.to_yaml()`` an option of
        ``data``, and ``.questions`` lists what is open.

    Raises
    ------
    InputError
        If the files cannot be read, or have no header.

    Examples
    --------
    >>> from importlib.resources import files
    >>> path = files("ilp_models.data").joinpath("bundled", "toronto_mci_2014_2021.parquet")
    >>> suggested = suggest_data_settings(str(path))
    >>> suggested.settings()["columns"]["occurred_at"], suggested.settings()["time_zone"], len(suggested.questions)
    ('occurred_at', 'America/Toronto', 0)
    """
    point = _place(near)
    known = {"sheet": sheet, "pattern": pattern, **given}
    known = {name: value for name, value in known.items() if value is not None}
    preview = read_preview(path, pattern, sheet)
    return suggest_settings(preview, path, known, enforcement_kind, point)


def try_settings(suggested: SuggestedSettings) -> TrialRead:
    """Return the events that the settings give; another column of areas is tried where the first holds none."""
    settings = {**suggested.settings(), **_stand_ins(suggested)}
    if any(
        one.confidence == "open" and one.setting not in ("time_formats", "time_zone") for one in suggested.questions
    ):
        return TrialRead(suggested, None, None, "answer the open questions first")
    try:
        source = DelimitedFiles(**{**settings, "max_rejected_share": 1.0})
        events = source.read()
    except IntakeError as error:
        return TrialRead(suggested, None, error.report, str(error))
    except AreaLabelsError as error:
        return try_settings(_next_area(suggested, error))
    except InputError as error:
        return TrialRead(suggested, None, None, str(error))
    report = events.intake
    limit = float(settings.get("max_rejected_share", 0.05))
    problem = ""
    if report is not None and report.rejected_share > limit:
        problem = f"{report.rejected_share:.1%} of the rows would be set aside, more than max_rejected_share={limit:g}"
    return TrialRead(suggested, events, report, problem)


def _stand_ins(suggested: SuggestedSettings) -> dict[str, Any]:
    """Return values of open settings that let the records be looked at; they are not suggested."""
    found: dict[str, Any] = {}
    for one in suggested.questions:
        if one.setting == "time_formats":
            found["time_formats"] = json.loads(one.alternatives[0].replace("'", '"'))
        if one.setting == "time_zone":
            found["time_zone"] = "UTC"
    return found


def _next_area(suggested: SuggestedSettings, error: AreaLabelsError) -> SuggestedSettings:
    """Return the settings with the next column that may hold areas, or without one."""
    kept = []
    for one in suggested.suggestions:
        if one.setting == "columns.area":
            reason = f"{one.value!r} holds no areas: its labels do not divide the map, or look like personal data"
            others = one.alternatives
            if others:
                kept.append(replace(one, value=others[0], confidence="check", reason=reason, alternatives=others[1:]))
            elif one.confidence == "certain":
                raise error
        else:
            kept.append(one)
    return replace(suggested, suggestions=tuple(kept))


def _place(near: Sequence[float] | None) -> tuple[float, float] | None:
    if near is None:
        return None
    try:
        latitude, longitude = map(float, near)
    except (TypeError, ValueError) as error:
        msg = f"near={near} must be latitude and longitude of a place, such as 'near=[51.5, -0.1]'."
        raise InputError(msg) from error
    return latitude, longitude
