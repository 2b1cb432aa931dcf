"""What a threat assessment adds to a report for decision makers."""

from collections.abc import Mapping, Sequence
from typing import Any

from ilp_models.domain.brief import BriefPart, BriefSection, BriefTable, KeyJudgement, lowest_confidence
from ilp_models.pipeline.run_record import RunRecord
from ilp_models.report.formatting import percent
from ilp_models.strategy.threats.comparison import rank_range
from ilp_models.strategy.threats.control_strategy import FIELDS, KEYS
from ilp_models.strategy.yardstick import YARDSTICK


def threats_part(record: RunRecord) -> BriefPart:
    """Return the judgements, ranks, gaps and harm sets of an assessment."""
    return record.read(_part)


def _part(content: Mapping[str, Any]) -> BriefPart:
    facts, threats = content["facts"], {str(row["threat"]): row for row in content["threats"]}
    levels = {name: str(row["confidence"]) for name, row in threats.items()}
    reasons: Mapping[str, Any] = content["confidence_reasons"]
    sets = [str(one["name"]) for one in content["weights"]]
    ranks = {(str(row["harm_set"]), str(row["threat"])): row for row in content["ranks"]}
    order = sorted(threats, key=lambda name: sum(int(ranks[one, name]["order"]) for one in sets))
    titles = [f"{one['name']} ({one['title']})" for one in content["weights"]]
    unscored = int(facts["known_judgements"]) == 0
    sentences = [
        "Threats are crime types. A range of ranks is a tie: the evidence does not separate them. Harm sets: "
        f"{', '.join(titles)}.",
        f"Records from {facts['records'][0]} to {facts['records'][1]} (not included) were used.",
        "No judgement of analysts was given for the whole city. Ranks rest on counts, their forecast and harm alone."
        if unscored
        else f"Analysts gave {facts['known_judgements']} judgements on declared scales.",
        *(
            f"{kind} is left out: its records depend on police activity ({why})."
            for kind, why in content["left_out"].items()
        ),
    ]
    strategy = content["control_strategy"]
    filled = [row for row in strategy if any(row[name] for name in FIELDS)]
    given = sum(bool(row[name]) for row in strategy for name in FIELDS)
    if strategy:
        sentences.insert(
            1, f"People filled in {given} of {len(strategy) * len(FIELDS)} fields of the control strategy."
        )
    return BriefPart(
        judgements=_judgements(content["conclusions"], levels, reasons),
        section=BriefSection(
            "Threats",
            tuple(sentences),
            (
                _rank_table(order, threats, ranks, sets),
                *([_strategy_table(filled)] if filled else []),
                _top_table(order, ranks, sets),
            ),
        ),
        unknown=_gaps(content["gaps"]),
        questions=("Which threats become priorities, and what is done about each?",),
        annexes=(_harm_annex(content["weights"]), _confidence_annex(levels, reasons), _yardstick_annex()),
    )


def _judgements(
    conclusions: Sequence[Mapping[str, Any]], levels: Mapping[str, str], reasons: Mapping[str, Any]
) -> tuple[KeyJudgement, ...]:
    """Return the conclusions with the confidence of their least certain threat; a reason is given only once."""
    found: list[KeyJudgement] = []
    for one in conclusions:
        lowest = lowest_confidence([levels[name] for name in one["threats"]])
        basis = _basis([name for name in one["threats"] if levels[name] == lowest], reasons)
        if basis in [earlier.basis for earlier in found]:
            basis = "as for the first judgement on these threats"
        found.append(KeyJudgement(str(one["text"]), lowest, basis))
    return tuple(found)


def _basis(names: Sequence[str], reasons: Mapping[str, Any]) -> str:
    """Return why the confidence is not higher, for the first of some threats."""
    found = "; ".join(map(str, reasons[names[0]])) if names else ""
    return f"{names[0]}: {found}" if found else "no weakness of the evidence was found by the declared rules"


def _gaps(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what is not known, the most important first; threats with the same question share a sentence."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(str(row["question"]), []).append(str(row["threat"]))
    return tuple(f"{', '.join(dict.fromkeys(names))}: {question}" for question, names in found.items())


def _rank_table(
    order: list[str], threats: Mapping[str, Any], ranks: Mapping[tuple[str, str], Any], sets: list[str]
) -> BriefTable:
    rows = []
    for name in order:
        row = threats[name]
        places = [rank_range(int(ranks[one, name]["rank_from"]), int(ranks[one, name]["rank_to"])) for one in sets]
        interval = f"{float(row['expected']):,.0f} ({float(row['low']):,.0f} to {float(row['high']):,.0f})"
        rows.append((name, f"{float(row['recorded']):,.0f}", interval, *places, str(row["confidence"])))
    counts = ("Threat", "Recorded, 12 months", "Expected, 12 months (90 % interval)")
    labels = (*counts, *(f"Rank, {one}" for one in sets), "Confidence")
    return BriefTable("Crime types by harm", labels, tuple(rows), tuple(range(1, 3 + len(sets))))


def _strategy_table(filled: list[Mapping[str, Any]]) -> BriefTable:
    """Return what people decided about each threat, in their words."""
    names = (*KEYS, *FIELDS)
    labels = tuple(name.replace("_", " ").capitalize() for name in names)
    rows = tuple(tuple(str(row[name]) or "open" for name in names) for row in filled)
    return BriefTable("Control strategy, as people filled it in", labels, rows)


def _top_table(order: list[str], ranks: Mapping[tuple[str, str], Any], sets: list[str]) -> BriefTable:
    rows = []
    for name in order:
        for one in sets:
            row = ranks[one, name]
            above = row["above_next"]
            following = f"{row['next']}: {row['above_next_word']} ({percent(float(above), 0)})" if row["next"] else ""
            top = f"{row['top_three_word']} ({percent(float(row['top_three']), 0)})"
            rows.append((name, one, top, following, str(row["tied_with"]) or "none"))
    labels = ("Threat", "Harm set", "In the first three", "Above the next", "Tied with")
    return BriefTable("How certain the ranks are", labels, tuple(rows))


def _harm_annex(weights: list[Mapping[str, Any]]) -> BriefSection:
    rows = [(str(one["name"]), *(str(one[name]) for name in ("title", "date", "unit", "source"))) for one in weights]
    table = BriefTable("Harm sets", ("Name", "Title", "Date", "Unit", "Source"), tuple(rows))
    return BriefSection("Harm", ("Ranks depend on the harm set, so two or more are shown.",), (table,))


def _confidence_annex(levels: Mapping[str, str], reasons: Mapping[str, Any]) -> BriefSection:
    rows = [(name, level, "; ".join(map(str, reasons[name])) or "none") for name, level in levels.items()]
    table = BriefTable("Why the confidence is not higher", ("Threat", "Confidence", "Reasons"), tuple(rows))
    text = "Confidence starts high and falls with each weakness of the evidence, by declared rules."
    return BriefSection("Confidence", (text,), (table,))


def _yardstick_annex() -> BriefSection:
    rows = [(word, f"{percent(low, 0)} to {percent(high, 0)}") for word, low, high in YARDSTICK]
    return BriefSection(
        "Words for probabilities", (), (BriefTable("The yardstick", ("Word", "Probability"), tuple(rows)),)
    )
