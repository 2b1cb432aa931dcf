"""Readiness: what must be in place before a force relies on forecasts; runs answer what they can, people the rest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Self

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import is_blank

TOPICS: Final = ("data", "roles", "training", "law", "oversight", "resources")
YES, PARTLY, NO, OPEN = ANSWERS = ("yes", "partly", "no", "open")
COLUMNS: Final = ("item", "topic", "question", "answer", "answered_by", "date", "note")
_FILLED: Final = ("item", "answer", "answered_by", "date", "note")
_VALID_DAYS: Final = 366


@dataclass(frozen=True)
class ReadinessItem:
    """One prerequisite."""

    name: str
    topic: str  # one of TOPICS
    question: str
    by_run: bool = False  # answered by runs; people answer the others


@dataclass(frozen=True)
class ReadinessAnswer:
    """The answer to one prerequisite, from whom, and why."""

    answer: str  # one of ANSWERS
    answered_by: str = ""
    date: str = ""  # ISO 8601
    note: str = ""


ITEMS: Final = (
    ReadinessItem("records_span", "data", "Do the records span three years or more?", by_run=True),
    ReadinessItem("records_current", "data", "Do the records reach the last five weeks?", by_run=True),
    ReadinessItem("records_used", "data", "Are 95 % of the rows or more usable?", by_run=True),
    ReadinessItem("level_shifts", "data", "Is each change of the recorded level declared?", by_run=True),
    ReadinessItem("intake_read", "data", "Has a person read the data quality report and explained its warnings?"),
    ReadinessItem("definitions", "data", "Are the definitions and counting rules of the crime types written down?"),
    ReadinessItem("owner", "roles", "Does a named person answer for the use of forecasts?", by_run=True),
    ReadinessItem("reviewer", "roles", "Does a person who did not train the model review it?", by_run=True),
    ReadinessItem("analyst", "roles", "Has an analyst the task, and the hours, to run and explain the forecasts?"),
    ReadinessItem("tasking", "roles", "Does a regular meeting decide on priorities from the findings?"),
    ReadinessItem("training_analysts", "training", "Are analysts and reviewers trained on the audit and its limits?"),
    ReadinessItem("training_managers", "training", "Do managers know what an interval, a tie and a refusal mean?"),
    ReadinessItem("training_officers", "training", "Do officers know that a place is no ground for a stop?"),
    ReadinessItem("purpose", "law", "Are purpose and legal basis stated?", by_run=True),
    ReadinessItem("retention", "law", "Is it stated until when records may be kept?", by_run=True),
    ReadinessItem("impact_assessment", "law", "Was the impact on data protection and human rights assessed?"),
    ReadinessItem("public_notice", "law", "Was the public told that forecasts are used, and how to object?"),
    ReadinessItem("register", "oversight", "Is every decision in a register whose lines are unchanged?", by_run=True),
    ReadinessItem("groups", "oversight", "Was the plan audited for groups of residents?", by_run=True),
    ReadinessItem("complaints", "oversight", "Is it stated where residents can complain?", by_run=True),
    ReadinessItem("objections", "oversight", "Is every objection answered?", by_run=True),
    ReadinessItem("review_date", "oversight", "Is a date set on which the use is reviewed?", by_run=True),
    ReadinessItem(
        "goal", "oversight", "Are goal, success criterion, harm to watch and end of use stated?", by_run=True
    ),
    ReadinessItem("monitoring", "oversight", "Was the forecast monitored since its audit?", by_run=True),
    ReadinessItem("oversight_body", "oversight", "Does a body outside the force see decisions and reports?"),
    ReadinessItem("stopping_rule", "oversight", "Is it agreed what would end the use?"),
    ReadinessItem("evaluation", "oversight", "Is it planned how the effect of acting on forecasts is measured?"),
    ReadinessItem("hours", "resources", "Can the force deliver what the plan allocates?"),
    ReadinessItem("responses", "resources", "Are responses other than patrols available, such as prevention partners?"),
    ReadinessItem("upkeep", "resources", "Are upkeep, staff changes and new versions of the software paid for?"),
)


@dataclass(frozen=True, eq=False)
class Readiness:
    """The checklist with its answers. An item without a valid answer is open.

    Parameters
    ----------
    answers : mapping of str to ReadinessAnswer
        By name of the item.
    """

    answers: Mapping[str, ReadinessAnswer]

    @classmethod
    def from_answers(cls, by_run: Mapping[str, ReadinessAnswer], by_people: Mapping[str, ReadinessAnswer]) -> Self:
        """Return the checklist; items that neither runs nor people answered are open."""
        empty = ReadinessAnswer(OPEN)
        return cls({one.name: (by_run if one.by_run else by_people).get(one.name, empty) for one in ITEMS})

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each item, in the order of the topics."""
        rows = [(one.name, one.topic, one.question, *vars(self.answers[one.name]).values()) for one in ITEMS]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def to_fill(self) -> pd.DataFrame:
        """Return the rows that people answer, to be filled in and given back."""
        table = self.to_frame()
        people = [not one.by_run for one in ITEMS]
        table = table[people].reset_index(drop=True)
        return table.assign(answer=table["answer"].where(table["answer"] != OPEN, ""))

    @property
    def counts(self) -> Mapping[str, int]:
        """How many items have each answer."""
        found = Counter(one.answer for one in self.answers.values())
        return {answer: found.get(answer, 0) for answer in ANSWERS}

    @property
    def complete(self) -> bool:
        """Whether every item is answered with yes."""
        return self.counts[YES] == len(ITEMS)

    def summary(self) -> tuple[str, ...]:
        """Return the conclusion, then the items that are not met, by topic."""
        counts = self.counts
        if self.complete:
            return (f"All {len(ITEMS)} prerequisites are answered with yes.",)
        head = (
            f"Not ready: {counts[YES]} of {len(ITEMS)} prerequisites are met, {counts[PARTLY]} partly, "
            f"{counts[NO]} not, and {counts[OPEN]} are open."
        )
        texts = []
        for topic in TOPICS:
            own = [one for one in ITEMS if one.topic == topic and self.answers[one.name].answer != YES]
            if own:
                listed = ", ".join(f"{one.name.replace('_', ' ')} ({self.answers[one.name].answer})" for one in own)
                texts.append(f"{topic.capitalize()}: {listed}.")
        return (head, *texts)


def answers_in(table: pd.DataFrame, today: date, source: str) -> Mapping[str, ReadinessAnswer]:
    """Return the answers of people in a table of text.

    An answer that is older than a year is open again. InputError names the row of an unknown item or answer, of one
    without a function and a day, and of an item that runs answer.
    """
    lacking = [name for name in _FILLED if name not in table]
    if lacking:
        msg = f"{source} has no column {lacking[0]}. Fill in readiness.csv of a run, and keep its columns."
        raise InputError(msg)
    found: dict[str, ReadinessAnswer] = {}
    for number, row in enumerate(table[list(_FILLED)].to_dict("records"), 2):
        where = f"{source}, row {number}"
        if not any(row.values()):
            continue  # an empty row of a spreadsheet
        row["answer"] = row["answer"].casefold()
        _check_item(row["item"], found, where)
        if row["answer"] in ("", OPEN):
            found[row["item"]] = ReadinessAnswer(OPEN, note=row["note"])
        else:
            found[row["item"]] = _answer(row, today, where)
    return found


def _check_item(name: str, found: Mapping[str, ReadinessAnswer], where: str) -> None:
    by_run = {one.name: one.by_run for one in ITEMS}
    if name not in by_run:
        msg = f"{where}: {name!r} is no item. Use the items of readiness.csv."
    elif by_run[name]:
        msg = f"{where}: {name} is answered by runs. Remove the row."
    elif name in found:
        msg = f"{where}: {name} has two rows. Keep one."
    else:
        return
    raise InputError(msg)


def _answer(row: Mapping[Any, str], today: date, where: str) -> ReadinessAnswer:
    if row["answer"] not in (YES, PARTLY, NO):
        msg = f"{where}: the answer {row['answer']!r} is unknown. Use {YES}, {PARTLY} or {NO}, or leave it empty."
    elif is_blank(row["answered_by"]):
        msg = f"{where}: answered_by is empty. Give the function of the person, such as head of analysis."
    else:
        return _dated(row, today, where)
    raise InputError(msg)


def _dated(row: Mapping[Any, str], today: date, where: str) -> ReadinessAnswer:
    """Return an answer with its day; open if it is older than a year."""
    text = row["date"].removesuffix(" 00:00:00")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        msg = (
            f"{where}: the date {text!r} cannot be read. Write it as 2027-01-31. In a spreadsheet, format the cell as "
            "text."
        )
        raise InputError(msg) from error
    if day > today:
        msg = f"{where}: the date {text} is after today, {today}. Give the day of the answer."
        raise InputError(msg)
    if (today - day).days > _VALID_DAYS:
        note = f"Answered with {row['answer']} on {text}, more than a year ago. {row['note']}".strip()
        return ReadinessAnswer(OPEN, row["answered_by"], text, note)
    return ReadinessAnswer(row["answer"], row["answered_by"], text, row["note"])


def topic_tables(readiness: Readiness) -> Sequence[tuple[str, pd.DataFrame]]:
    """Return the rows of each topic."""
    table = readiness.to_frame()
    return [(topic, table[table["topic"] == topic].drop(columns="topic")) for topic in TOPICS]
