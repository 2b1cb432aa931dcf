"""Group files and matrices for tests: as text, and from points by group and scorer."""

import csv
import io
from fractions import Fraction
from itertools import product

from ilp_models.strategy.groups.authorisation import GroupAuthorisation
from ilp_models.strategy.groups.matrix import GroupMatrix, Judgement
from ilp_models.strategy.groups.matrix_file import COLUMNS, DECLARED
from ilp_models.strategy.groups.scheme import GroupScheme

FIELDS = {
    "authorised_by": "A. Uthoriser",
    "prepared_by": "P. Reparer",
    "reviewer": "R. Viewer",
    "purpose": "plan prevention for next year",
    "legal_basis": "police act, section 12",
    "recipients": "Head of Prevention; Oversight Board",
    "complaints": "Ombudsman",
    "review_date": "2099-06-30",
    "retention_until": "2099-12-31",
    "min_members": "3",
}
SMALL = GroupScheme(
    "two_marks",
    [
        {"name": "violence", "definition": "Uses violence.", "weight": 3},
        {"name": "reach", "definition": "Works in several areas.", "weight": 1},
    ],
    weight_spread=0,
)
SCORES = {  # group: scorer: words in the order of the attributes of SMALL
    "G01": {"S1": ("high", "high"), "S2": ("high", "medium")},
    "G02": {"S1": ("low", "unknown"), "S2": ("low", "unknown")},
    "G03": {"S1": ("nil", "low"), "S2": ("nil", "low")},
}


def rows_of(scores=SCORES, scheme=SMALL, members=5):
    """Return rows of scores in the order of the columns."""
    return [
        [group, str(members), scorer, name, word, *(("", "") if word == "unknown" else ("B2 R-14", "high"))]
        for group, scorers in scores.items()
        for scorer, words in scorers.items()
        for name, word in zip(scheme.names, words, strict=True)
    ]


def text_of(rows=None, fields=FIELDS, separator=",", columns=COLUMNS, declared=None):
    """Return the text of a CSV file; without a declared scheme, it has the form of earlier versions."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(("field", "value"))
    writer.writerows(fields.items())
    writer.writerow(())
    if declared is not None:
        writer.writerows([DECLARED, *declared, ()])
    writer.writerow(columns)
    writer.writerows(rows_of() if rows is None else rows)
    return text.getvalue()


def write_matrix(folder, rows=None, fields=FIELDS, name="groups.csv", **how):
    """Write a CSV file and return its path."""
    path = folder / name
    path.write_text(text_of(rows, fields, **how), encoding="utf-8")
    return path


def matrix_of(scheme, points, members=5):
    """Return a matrix of points by group, scorer and attribute; None is unknown."""
    judgements = [
        Judgement(
            0, f"G{g:02d}", members, f"S{s}", name, None if value is None else Fraction(str(value)), "R-1", "high"
        )
        for g, scorers in enumerate(points, 1)
        for s, values in enumerate(scorers, 1)
        for name, value in zip(scheme.names, values, strict=True)
    ]
    return GroupMatrix(scheme, GroupAuthorisation.from_fields(FIELDS, "test"), judgements, "test")


def plain_scheme(weights, scale=(0, 1, 2, 4), spread=0.0, **how):
    """Return a scheme of so many attributes, with the words nil, low, medium, high or fewer."""
    words = dict(zip(("nil", "low", "medium", "high"), scale, strict=False))
    marks = [{"name": f"mark {at}", "definition": "A mark.", "weight": weight} for at, weight in enumerate(weights)]
    return GroupScheme("plain", marks, words, weight_spread=spread, **how)


def completions(points, levels):
    """Yield every way to fill unknown points of one scorer."""
    choices = [levels if value is None else (value,) for value in points]
    yield from product(*choices)
