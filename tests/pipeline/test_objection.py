import shutil

import pytest

from ilp_models.audit.register.objections import MAX_TEXT, objections_in, open_objections
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.pipeline.clock import now
from tests.pipeline.small_city import copy_run, run_task

SIGNING = ("reviewer='R. Viewer'", "reason='all checks passed'", "tracking=memory")
SAID = ("area='West Hill'", "text='patrols are at the school every morning'")


@pytest.fixture
def place(admitted, shelf, tmp_path):
    """Return a copy of an admitted run next to a copy of its register."""
    shutil.copy(shelf / "register.jsonl", tmp_path)
    return copy_run(admitted, tmp_path / "run")


def words(place):
    return f"source='{place}'", f"register='{place.parent / 'register.jsonl'}'"


def objection(place, *more):
    return run_task("objection", place.parent, *words(place), *more).text


def book(place):
    return Register(place.parent / "register.jsonl")


def test_an_objection_is_a_line_without_a_name(place, admitted):
    before = len(book(place).verify().lines)
    text = objection(place, *SAID)
    line = book(place).verify().lines[-1]
    assert f"Objection {before + 1} is recorded." in text
    assert line.act == "objected"
    assert line.decision == admitted.decision["seal"]
    assert dict(line.content) == {
        "area": "West Hill",
        "text": "patrols are at the school every morning",
        "made_by": "resident",
    }


def test_an_answer_closes_it_and_says_who_answered(place):
    objection(place, *SAID)
    number = len(book(place).verify().lines)
    text = objection(place, f"answer={number}", "text='moved to the afternoon'", "answered_by='district commander'")
    assert f"Objection {number} is answered: moved to the afternoon" in text
    assert "Open objections: 0 (answered or taken back: 1)" in text
    (one,) = objections_in(book(place).verify().lines)
    assert (one.state, one.answered_by) == ("answered", "district commander")
    with pytest.raises(InputError, match=f"Objection {number} is answered already"):
        objection(place, f"answer={number}", "text='again'", "answered_by='somebody else'")


def test_it_can_be_taken_back_with_a_reason(place):
    objection(place, *SAID)
    number = len(book(place).verify().lines)
    assert "is taken back" in objection(place, f"retract={number}", "text='settled at the meeting'")
    with pytest.raises(InputError, match="taken back already"):
        objection(place, f"retract={number}", "text='again'")


def test_without_text_the_open_ones_are_listed_and_nothing_is_written(place):
    objection(place, *SAID)
    lines = book(place).path.read_text()
    text = objection(place)
    assert "Open objections: 1 (answered or taken back: 0)" in text
    assert "(West Hill, " in text
    assert "resident): patrols are at the school every morning" in text
    assert book(place).path.read_text() == lines


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("call me at 416-555-0199", "phone numbers"),
        ("write to a.b@example.org", "e-mail addresses"),
        ("stop visiting 12 Main Street", "addresses"),
        ("ask Maria Silva about it", "names of persons"),
    ],
)
def test_personal_data_are_refused(place, said, kind):
    before = book(place).path.read_text()
    with pytest.raises(InputError, match=f"looks like {kind}"):
        objection(place, "area='West Hill'", f"text='{said}'")
    assert book(place).path.read_text() == before


@pytest.mark.parametrize(
    "said", ["3 patrols a day in King Street are too many", "since 3 May the park is empty at 22:00"]
)
def test_places_times_and_numbers_pass(place, said):
    assert "is recorded" in objection(place, "area='King Street West'", f"text='{said}'")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("text=why",), "needs area"),
        (("area=West",), "needs text"),
        (("area=West", f"text={'a' * (MAX_TEXT + 1)}"), f"has {MAX_TEXT + 1} characters"),
        (("area=West", "text=why", "made_by=suspect"), "made_by=suspect is unknown"),
        (("area=West", "text=why", "decision='abc'"), "knows no decision abc"),
        (("answer=1", "text=why", "answered_by=me"), "has no objection 1"),
        (("answer=1", "retract=2"), "exclude each other"),
        (("answer=one", "text=why"), "is not the number of an objection"),
    ],
)
def test_what_cannot_be_recorded_says_what_to_change(place, more, message):
    with pytest.raises(InputError, match=message):
        objection(place, *more)


def test_every_approval_lists_the_open_objections(place):
    objection(place, *SAID)
    number = len(book(place).verify().lines)
    text = run_task("approve", place.parent, *words(place), *SIGNING).text
    assert f"objection {number} (West Hill, " in text
    line = book(place).verify().lines[-1]
    assert line.act == "approved"
    assert [one["number"] for one in line.content["objections"]] == [number]
    assert line.content["objections"][0]["text"] == "patrols are at the school every morning"
    (approved,) = place.parent.rglob("approval.html")
    assert f"{number} (West Hill, " in approved.read_text()
    plan = ("compute.jobs=1", "chosen_by='A. Planner'", "reason=as-agreed")
    done = run_task("allocate", place.parent, *words(place), *plan, "audience=shift", "frontier.caps=[2]")
    page = (done.folder / "shift.html").read_text()
    assert "Open objections at the approval:" in page
    assert f"{number} (West Hill, " in page


def test_an_answered_objection_is_not_listed(place):
    objection(place, *SAID)
    number = len(book(place).verify().lines)
    objection(place, f"answer={number}", "text='moved'", "answered_by='district commander'")
    run_task("approve", place.parent, *words(place), *SIGNING)
    assert "objections" not in book(place).verify().lines[-1].content


def test_an_approval_that_hides_an_open_objection_permits_nothing(place):
    objection(place, *SAID)
    run_task("approve", place.parent, *words(place), *SIGNING)
    register = Register(place.parent / "other.jsonl")
    state = book(place).verify()
    for entry in state.lines[:-1]:
        register.append(entry)
    made = state.lines[-1]
    content = {name: value for name, value in made.content.items() if name != "objections"}
    register.append(RegisterEntry(made.act, made.who, made.decision, made.moment, content))
    with pytest.raises(WithheldError, match="does not list the open objections"):
        run_task(
            "export",
            place.parent,
            f"source='{place}'",
            f"register='{register.path}'",
            "grade=allocation",
            "formats=[csv]",
        )


def test_lines_that_others_forge_change_no_other_objection(place, admitted):
    objection(place, *SAID)
    number = len(book(place).verify().lines)
    for content in ({"objection": True}, {"objection": "x"}, {}, {"objection": 1}, {"objection": number}):
        book(place).append(RegisterEntry("answered", "x", "f" * 64, now(), content))
    lines = book(place).verify().lines
    assert [one.state for one in objections_in(lines)] == ["open"]
    assert [one.number for one in open_objections(lines, None)] == [number]
    assert open_objections(lines, [100.0, 10.0, 101.0, 11.0]) == ()  # of another city
    assert admitted.decision["seal"] == objections_in(lines)[0].decision
