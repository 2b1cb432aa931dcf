"""The task `assess`: rank criminal groups from a matrix that analysts scored, or write an empty matrix."""

from pathlib import Path

from ilp_models.domain.errors import InputError
from ilp_models.domain.text_output import check_decimal
from ilp_models.pipeline.group_task import assess_group_file, write_group_template
from ilp_models.strategy.groups.ranking import RankDraws
from ilp_models.strategy.groups.scheme import GroupScheme


def run(
    *,
    matrix: str | None,
    template: str | None,
    scheme: GroupScheme,
    ranking: RankDraws,
    decimal: str,
    folder: Path,
) -> str:
    """Write page and tables of a matrix, or an empty matrix, and return a summary."""
    check_decimal(decimal, "decimal")
    if matrix is not None and template is not None:
        msg = "Only one of matrix= and template= is possible. Write the empty file first, and fill it in."
        raise InputError(msg)
    if template is not None:
        return write_group_template(template, scheme)
    if matrix is not None:
        return assess_group_file(matrix, scheme, ranking, decimal, folder)
    msg = (
        "matrix= is needed. Give matrix=FILE to assess the groups of a file, matrix=example for a made-up one, or "
        "template=groups.xlsx for an empty file."
    )
    raise InputError(msg)
