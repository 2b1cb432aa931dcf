"""The readiness checklist: open until it is answered, and no answer that cannot be traced to a function and a day."""

from datetime import date

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.readiness import ITEMS, TOPICS, Readiness, ReadinessAnswer, answers_in, topic_tables

TODAY = date(2026, 11, 27)
PEOPLE = [one.name for one in ITEMS if not one.by_run]
RUNS = [one.name for one in ITEMS if one.by_run]


def row(item, answer="yes", answered_by="head of analysis", day="2026-11-01", note=""):
    return {"item": item, "answer": answer, "answered_by": answered_by, "date": day, "note": note}


def read(*rows):
    return answers_in(pd.DataFrame(rows), TODAY, "readiness.csv")


def test_items_are_named_once_and_every_topic_has_some():
    assert len({one.name for one in ITEMS}) == len(ITEMS)
    assert {one.topic for one in ITEMS} == set(TOPICS)
    assert set(PEOPLE) & set(RUNS) == set()


def test_without_answers_everything_is_open_and_nothing_is_ready():
    empty = Readiness.from_answers({}, {})
    assert empty.counts == {"yes": 0, "partly": 0, "no": 0, "open": len(ITEMS)}
    assert not empty.complete
    assert empty.summary()[0].startswith(f"Not ready: 0 of {len(ITEMS)}")


def test_all_yes_is_the_only_way_to_complete():
    yes = ReadinessAnswer("yes", "runs", "2026-11-27")
    full = Readiness.from_answers(dict.fromkeys(RUNS, yes), read(*map(row, PEOPLE)))
    assert full.complete
    assert full.summary() == (f"All {len(ITEMS)} prerequisites are answered with yes.",)
    partly = Readiness.from_answers(dict.fromkeys(RUNS, yes), read(row(PEOPLE[0], "partly"), *map(row, PEOPLE[1:])))
    assert not partly.complete
    topic = next(one.topic for one in ITEMS if one.name == PEOPLE[0])
    assert partly.summary()[1] == f"{topic.capitalize()}: {PEOPLE[0].replace('_', ' ')} (partly)."


def test_people_cannot_answer_for_runs():
    answers = {RUNS[0]: ReadinessAnswer("yes", "head of analysis", "2026-11-01")}
    assert Readiness.from_answers({}, answers).answers[RUNS[0]].answer == "open"
    with pytest.raises(InputError, match=f"row 2: {RUNS[0]} is answered by runs"):
        read(row(RUNS[0]))


def test_an_answer_is_open_again_after_a_year():
    found = read(row(PEOPLE[0], day="2025-11-25"), row(PEOPLE[1], day="2025-11-27"))
    assert (found[PEOPLE[0]].answer, found[PEOPLE[1]].answer) == ("open", "yes")
    assert found[PEOPLE[0]].note.startswith("Answered with yes on 2025-11-25, more than a year ago.")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("owners")], "'owners' is no item"),
        ([row(PEOPLE[0], "maybe")], "answer 'maybe' is unknown"),
        ([row(PEOPLE[0], answered_by=" ")], "answered_by is empty"),
        ([row(PEOPLE[0], day="1 May")], "the date '1 May' cannot be read"),
        ([row(PEOPLE[0], day="2026-11-28")], "after today"),
        ([row(PEOPLE[0]), row(PEOPLE[0])], "row 3: .* has two rows"),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused_with_its_row(rows, message):
    with pytest.raises(InputError, match=message):
        read(*rows)


def test_capital_letters_and_empty_rows_of_a_spreadsheet_are_read():
    found = read(row(PEOPLE[0], "Yes"), dict.fromkeys(row(PEOPLE[0]), ""))
    assert {name: one.answer for name, one in found.items()} == {PEOPLE[0]: "yes"}


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="has no column note"):
        answers_in(pd.DataFrame([row(PEOPLE[0])]).drop(columns="note"), TODAY, "x.csv")


def test_the_rows_to_fill_are_those_of_people_and_come_back_unchanged():
    given = read(row(PEOPLE[0], "no", note="from May on"))
    table = Readiness.from_answers({}, given).to_fill()
    assert table["item"].tolist() == PEOPLE
    assert table.loc[0, ["answer", "note"]].tolist() == ["no", "from May on"]
    assert set(table["answer"][1:]) == {""}
    again = answers_in(table, TODAY, "readiness.csv")
    assert Readiness.from_answers({}, again).to_fill().equals(table)


def test_topics_hold_every_item_once():
    tables = topic_tables(Readiness.from_answers({}, {}))
    assert [name for name, _ in tables] == list(TOPICS)
    assert sum(len(table) for _, table in tables) == len(ITEMS)
