"""The part of the task `assess` on criminal groups: assess a matrix, or write an empty one."""

from pathlib import Path

from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.pipeline.group_assessment import PAGE, assess_groups, write_group_assessment
from ilp_models.pipeline.group_matrix import group_template, read_group_matrix
from ilp_models.strategy.groups.scheme import GroupScheme
from ilp_models.strategy.rank_draws import RankDraws


def assess_group_file(matrix: str, scheme: GroupScheme, ranking: RankDraws, decimal: str, folder: Path) -> str:
    """Write page and tables of a matrix of groups, and return a summary."""
    assessment = assess_groups(read_group_matrix(matrix, scheme=scheme), ranking=ranking)
    write_group_assessment(assessment, folder, decimal=decimal)
    allowed = assessment.matrix.authorisation
    lines = [
        GROUP_CAVEAT,
        *assessment.conclusions,
        f"For {', '.join(allowed.recipients)} only; not to be used from {allowed.until} on.",
        f"Page: {folder / PAGE}",
    ]
    return "\n".join(lines)


def write_group_template(template: str, scheme: GroupScheme) -> str:
    """Write an empty matrix of a scheme, and return the next command."""
    path = group_template(scheme).write(template)
    return f"Empty matrix of the scheme {scheme.name}: {path}\nNext: fill it in, then ilp assess matrix={template}"
