"""The task `assess`: rank criminal groups from a matrix that analysts scored, or write an empty matrix."""

from pathlib import Path

from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.domain.errors import InputError
from ilp_models.domain.text_output import check_decimal
from ilp_models.pipeline.group_assessment import PAGE, assess_groups, write_group_assessment
from ilp_models.pipeline.group_matrix import group_template, read_group_matrix
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
    """Write page and tables of a matrix, or an empty matrix, and return a summary. Nothing is recorded elsewhere."""
    check_decimal(decimal, "decimal")
    if (matrix is None) == (template is None):
        what = "Only one of matrix= and template= is possible" if matrix else "matrix= is needed"
        msg = (
            f"{what}. Give matrix=FILE to assess the groups of a file, matrix=example for a made-up one, or "
            "template=groups.xlsx for an empty file."
        )
        raise InputError(msg)
    if template is not None:
        path = group_template(scheme).write(template)
        return f"Empty matrix of the scheme {scheme.name}: {path}\nNext: fill it in, then ilp assess matrix={template}"
    assessment = assess_groups(read_group_matrix(str(matrix), scheme=scheme), **vars(ranking))
    write_group_assessment(assessment, folder, decimal=decimal)
    allowed = assessment.matrix.authorisation
    lines = [
        GROUP_CAVEAT,
        *assessment.conclusions,
        f"For {', '.join(allowed.recipients)} only; not to be used from {allowed.until} on.",
        f"Page: {folder / PAGE}",
    ]
    return "\n".join(lines)
