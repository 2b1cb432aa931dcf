from datetime import UTC, datetime, timedelta

from ilp_models.audit.register.register import RegisterEntry, RegisterState
from ilp_models.pipeline.brief_parts.decisions_part import decisions_table, objection_texts

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SEAL = "a" * 64


def state(*lines):
    return RegisterState(len(lines), "", "", "", tuple(lines))


def line(act, hours=0, **content):
    return RegisterEntry(act, "t.rainer", SEAL, NOON + timedelta(hours=hours), content)


def test_decisions_are_the_latest_first_and_people_come_before_the_gate():
    table = decisions_table(
        state(
            line("decided", admitted=True, forecaster="ewma"),
            line("approved", 1, reviewer="R. Viewer", reason="settled"),
            line("exported", 2),
            line("decided", 24, admitted=False, forecaster="ewma"),
        )
    )
    shown = [row[:3] for row in table.rows]
    assert shown == [
        ("2026-01-06", "Forecast withheld", "the gate"),
        ("2026-01-05", "Approved", "R. Viewer"),
        ("2026-01-05", "Forecast admitted", "the gate"),
    ]
    assert table.rows[1][3] == "settled (decision aaaaaaaaaaaaaaaa)"


def test_open_objections_are_one_question():
    said = {"text": "no", "made_by": "resident"}
    assert objection_texts(state()) == ()
    one = line("objected", area="West", **said)
    assert objection_texts(state(one)) == ("Who answers the open objection (West)?",)
    two = state(one, line("objected", area="East", **said), line("objected", area="West", **said))
    assert objection_texts(two) == ("Who answers the 3 open objections (West, East)?",)
    closed = state(one, line("answered", objection=1, text="x", answered_by="y"))
    assert objection_texts(closed) == ()
