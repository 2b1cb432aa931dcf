"""A report of findings for decision makers: key judgements first, then evidence, gaps, decisions and empty fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from ilp_models.domain.errors import InputError
from ilp_models.domain.readiness import Readiness

CONFIDENCES: Final = ("low", "moderate", "high")
FULL: Final = "full"
NO_GAP: Final = "No gap was recorded. Recorded crime is still not all crime."
_COUNTED: Final = ("judgements", "unknown", "questions")


@dataclass(frozen=True)
class KeyJudgement:
    """A statement, how far it can be relied on, and what it rests on."""

    text: str
    confidence: str  # one of CONFIDENCES
    basis: str

    def __post_init__(self) -> None:
        """Refuse an unknown confidence."""
        if self.confidence not in CONFIDENCES:
            msg = f"The confidence {self.confidence!r} is unknown. Use one of {', '.join(CONFIDENCES)}."
            raise InputError(msg)


@dataclass(frozen=True)
class BriefTable:
    """A table as text. The most important rows come first, because short reports show the first ones."""

    caption: str
    labels: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()  # positions of right-aligned columns
    more: int = 0  # rows that are left out

    def first(self, count: int) -> Self:
        """Return the first rows."""
        left = max(len(self.rows) - count, 0)
        return replace(self, rows=self.rows[:count], more=self.more + left) if left else self


@dataclass(frozen=True)
class BriefSection:
    """A section: sentences in the order of their importance, then tables."""

    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[BriefTable, ...] = ()


@dataclass(frozen=True)
class BriefPart:
    """What one run adds to a report."""

    judgements: tuple[KeyJudgement, ...] = ()
    section: BriefSection | None = None
    unknown: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()  # that people decide
    annexes: tuple[BriefSection, ...] = ()


@dataclass(frozen=True)
class BriefLength:
    """How much a report of one length shows, so that it prints on its number of pages."""

    pages: int | None  # A4; None: as many as it needs
    judgements: int
    sentences: int  # of a section
    tables: int  # of a section
    rows: int  # of a table
    points: int  # unknowns, decisions and questions, each
    annexes: bool

    @property
    def pages_text(self) -> str:
        """The number of pages in words."""
        return "as many pages as needed" if self.pages is None else f"{self.pages} pages"


LENGTHS: Final[Mapping[str, BriefLength]] = {
    "policy": BriefLength(2, judgements=5, sentences=1, tables=1, rows=5, points=4, annexes=False),
    "management": BriefLength(5, judgements=6, sentences=3, tables=2, rows=6, points=6, annexes=False),
    FULL: BriefLength(None, judgements=999, sentences=999, tables=999, rows=999, points=999, annexes=True),
}


@dataclass(frozen=True)
class Brief:
    """A report of findings for decision makers.

    Attributes
    ----------
    city : str
        What the runs are about.
    made : str
        Day of the report.
    length : str
        ``policy``, ``management`` or ``full``.
    marks : tuple of str
        What stands at the top of every page, such as that records are simulated.
    judgements : tuple of KeyJudgement
        The key judgements, with confidence.
    evidence : tuple of BriefSection
        One section for each run.
    unknown : tuple of str
        What is not known.
    decisions : BriefTable
        Decisions taken, and by whom, the latest first.
    questions : tuple of str
        What people must decide; the report recommends nothing.
    readiness : Readiness
        The checklist of prerequisites.
    annexes : tuple of BriefSection
        Methods and provenance.
    sources : tuple of str
        Runs and data that it was made from.
    """

    city: str
    made: str
    length: str
    marks: tuple[str, ...]
    judgements: tuple[KeyJudgement, ...]
    evidence: tuple[BriefSection, ...]
    unknown: tuple[str, ...]
    decisions: BriefTable
    questions: tuple[str, ...]
    readiness: Readiness
    annexes: tuple[BriefSection, ...]
    sources: tuple[str, ...]
    restricted: bool = False  # it holds judgements about groups, for named recipients only
    more: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))  # left out by this length

    @property
    def title(self) -> str:
        """The title."""
        return f"{self.city[:1].upper()}{self.city[1:]}: findings for decision makers"

    def shorten(self, length: str) -> Self:
        """Return the report in another length; the first entries of each part are the most important ones.

        Raises
        ------
        InputError
            If the length is unknown, or this report is shortened already.
        """
        check_length(length)
        if self.length != FULL:
            msg = f"A report of length {self.length} cannot be shortened. Shorten the full one."
            raise InputError(msg)
        one = LENGTHS[length]
        return replace(
            self,
            length=length,
            judgements=self.judgements[: one.judgements],
            evidence=tuple(_first(section, one) for section in self.evidence),
            unknown=self.unknown[: one.points],
            decisions=self.decisions.first(one.points),
            questions=self.questions[: one.points],
            annexes=self.annexes if one.annexes else (),
            more={
                part: max(len(getattr(self, part)) - shown, 0)
                for part, shown in zip(_COUNTED, (one.judgements, one.points, one.points), strict=True)
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "title": self.title,
            "made": self.made,
            "length": self.length,
            "marks": list(self.marks),
            "judgements": [vars(one) for one in self.judgements],
            "evidence": [_section_dict(one) for one in self.evidence],
            "unknown": list(self.unknown),
            "decisions": [dict(zip(self.decisions.labels, row, strict=True)) for row in self.decisions.rows],
            "questions": list(self.questions),
            "readiness": self.readiness.to_frame().to_dict("records"),
            "annexes": [_section_dict(one) for one in self.annexes],
            "sources": list(self.sources),
        }

    def __repr__(self) -> str:
        """Return the title, the key judgements and the state of readiness."""
        judgements = (f"- {one.text} Confidence: {one.confidence}." for one in self.judgements)
        return "\n".join([self.title, *judgements, self.readiness.summary()[0]])


def check_length(length: str) -> None:
    """Raise InputError unless a length is known."""
    if length not in LENGTHS:
        msg = f"length={length} is unknown. Use one of {', '.join(LENGTHS)}."
        raise InputError(msg)


def lowest_confidence(levels: Sequence[str]) -> str:
    """Return the lowest of some levels of confidence; ``low`` without any."""
    return min(levels, key=CONFIDENCES.index, default=CONFIDENCES[0])


def _first(section: BriefSection, length: BriefLength) -> BriefSection:
    tables = tuple(table.first(length.rows) for table in section.tables[: length.tables])
    return replace(section, sentences=section.sentences[: length.sentences], tables=tables)


def _section_dict(section: BriefSection) -> dict[str, Any]:
    tables = [
        {"caption": one.caption, "rows": [dict(zip(one.labels, row, strict=True)) for row in one.rows]}
        for one in section.tables
    ]
    return {"title": section.title, "sentences": list(section.sentences), "tables": tables}
