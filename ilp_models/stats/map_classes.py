"""Classes and colours of a map of expected counts: the same in the report and in the styles of exported files."""

from typing import Final

import numpy as np
import numpy.typing as npt

CLASS_QUANTILES: Final = (0.5, 0.8, 0.9, 0.95, 0.99)
_COLOURS: Final = ("#fcfdbf", "#feaa74", "#ec5860", "#aa337d", "#621980", "#1a1042")  # magma reversed, to 88 %


def class_edges(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the class edges of a map: quantiles 0, 50, 80, 90, 95, 99 and 100 % of the cells."""
    edges = np.unique(np.quantile(values, (0.0, *CLASS_QUANTILES, 1.0)))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + 1.0])


def class_colours(classes: int) -> list[str]:
    """Return the colour of each class from low to high, as ``#rrggbb``; a lone class has a strong one."""
    if classes == 1:
        return [_COLOURS[2]]
    return [_COLOURS[position] for position in np.linspace(0, len(_COLOURS) - 1, classes).round().astype(int)]
