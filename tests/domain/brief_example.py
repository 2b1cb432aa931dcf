"""A report as large as the longest run could make it, with long names."""

from ilp_models.domain.brief import FULL, Brief, BriefSection, BriefTable, KeyJudgement
from ilp_models.domain.readiness import Readiness

LONG = "Break and enter of a commercial building with aggravating circumstances"


def example_brief(count=30, **changes):
    """Return a report with ``count`` entries in every part."""
    rows = tuple((f"{LONG} {at}", "12,345", "12,345 (11,111 to 13,333)", "1 to 3", "moderate") for at in range(count))
    table = BriefTable("Crime types by harm", ("Threat", "Recorded", "Expected", "Rank", "Confidence"), rows, (1, 2, 3))
    text = f"{LONG} and other crimes are expected to stay within the range of the last twelve months of records."
    sections = tuple(BriefSection(f"Section {at}", (text,) * count, (table,) * 3) for at in range(5))
    decisions = tuple(("2026-11-01", "Approved", "A. Reviewer of the oversight board", text) for _ in range(count))
    parts = {
        "city": "Testville <&> Ltd",
        "made": "27 November 2026",
        "length": FULL,
        "marks": ("Research only - not for resource allocation.",),
        "judgements": tuple(KeyJudgement(f"{text} {at}", "moderate", text) for at in range(count)),
        "evidence": sections,
        "unknown": tuple(f"{text} {at}" for at in range(count)),
        "decisions": BriefTable("Decisions", ("Day", "Decision", "By whom", "About"), decisions),
        "questions": tuple(f"{text} {at}?" for at in range(count)),
        "readiness": Readiness.from_answers({}, {}),
        "annexes": (BriefSection("Harm", (text,), (table,)),),
        "sources": (text,) * 4,
    }
    return Brief(**(parts | changes))
