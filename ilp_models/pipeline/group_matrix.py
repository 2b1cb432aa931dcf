"""Read a matrix of groups: screened for personal data, checked, and only under a valid authorisation."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from ilp_models.export.group_template import GroupTemplate
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.group_screening import screen_file, screen_scheme
from ilp_models.strategy.groups.authorisation import EXPLANATIONS, SMALLEST_GROUP
from ilp_models.strategy.groups.matrix import CONFIDENCES, GroupMatrix
from ilp_models.strategy.groups.matrix_file import COLUMNS, SHEETS, read_group_file
from ilp_models.strategy.groups.scheme import UNKNOWN, GroupScheme

EXAMPLE: Final = "example"
_EXAMPLE_FILE: Final = ("ilp_models.strategy.groups", "example", "groups.csv")


def read_group_matrix(path: str | Path, *, scheme: GroupScheme | None = None) -> GroupMatrix:
    """Read a matrix of criminal groups that analysts scored. Groups have codes; no person may be named.

    Parameters
    ----------
    path : str or Path
        CSV file or spreadsheet in the form that ``ilp assess template=groups.xlsx`` writes; ``"example"`` for the
        made-up example of the package.
    scheme : GroupScheme, optional
        Attributes, scale and weights; by default the example scheme.

    Returns
    -------
    GroupMatrix
        With ``groups``, ``authorisation`` and ``to_frame()``.

    Raises
    ------
    InputError
        If the file names a person, or its authorisation is incomplete or has expired. Also if a group has fewer than
        two scorers or too few members, or a score is not on the scale. Also if a CSV file declares another scale or
        weight than the scheme.

    Examples
    --------
    >>> matrix = read_group_matrix("example")
    >>> len(matrix.groups), matrix.groups[0], matrix.authorisation.min_members
    (6, 'G01', 3)
    """
    chosen = GroupScheme() if scheme is None else scheme
    screen_scheme(chosen)
    if str(path) == EXAMPLE:
        package, *inner = _EXAMPLE_FILE
        with as_file(files(package).joinpath(*inner)) as found:
            file = read_group_file(found)
    else:
        file = read_group_file(path)
    screen_file(file)
    matrix = GroupMatrix.from_file(file, chosen)
    matrix.check_use(now())
    return matrix


def group_template(scheme: GroupScheme) -> GroupTemplate:
    """Return the empty file of a scheme."""
    screen_scheme(scheme)
    return GroupTemplate(
        fields=EXPLANATIONS,
        columns=COLUMNS,
        sheets=SHEETS,
        attributes=tuple((one.name, one.component, one.weight_text, one.definition) for one in scheme.marks),
        scale=scheme.scale_text,
        scores=(*scheme.levels, UNKNOWN),
        confidences=CONFIDENCES,
        smallest=SMALLEST_GROUP,
    )
