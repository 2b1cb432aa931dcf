"""Gather the page of an approval from the approved run and the line of the register."""

import numpy as np
import shapely
from pyproj import Transformer

from ilp_models.audit.register.register import Register
from ilp_models.domain.decision import Approval, Decision
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.report.approval_page import ApprovalPage, ExpectedPlace
from ilp_models.report.formatting import period_label

_PLACES = 3


def approval_page(run: RunFolder, decision: Decision, approval: Approval, register: Register) -> ApprovalPage:
    """Return the content of the page of an approval, with the digest of its line."""
    forecast = run.forecast
    by_type = forecast.expected.values[:, :, 0].sum(axis=1)
    kinds = list(map(str, forecast.expected.indexes["crime_type"]))
    return ApprovalPage(
        period=period_label(forecast.periods[0]),
        decision=decision,
        approval=approval,
        line=register.verify().digest,
        register=str(register.path),
        run=str(run.folder),
        totals=tuple((kinds[at], float(by_type[at])) for at in np.argsort(-by_type, kind="stable")),
        places=_places(run),
    )


def _places(run: RunFolder) -> tuple[ExpectedPlace, ...]:
    """Return the places with most expected crimes of all types, by their parent area."""
    expected, places = run.forecast.expected.values[:, :, 0].sum(axis=0), run.places
    top = np.argsort(-expected, kind="stable")[:_PLACES]
    centres = shapely.centroid(places.geometry.to_numpy()[top])
    to_degrees = Transformer.from_crs(places.geometry.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(shapely.get_x(centres), shapely.get_y(centres))
    names = [f"{places.area[at]} ({places.cells[at]})" if places.area[at] else str(places.cells[at]) for at in top]
    return tuple(
        ExpectedPlace(name, float(expected[at]), float(y), float(x))
        for name, at, y, x in zip(names, top, lat, lon, strict=True)
    )
