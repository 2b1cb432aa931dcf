"""Settings that are declared before a run, and runs whose settings were not."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from ilp_models.audit.register.register import Register
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.pipeline import preregister
from tests.pipeline.small_city import GROUPS, LENIENT, build_task, declare, run_apart, run_task

pytestmark = pytest.mark.usefixtures("undrawn")

SOFTER = "audit.limits.pai_ratio.fail_below=-9 (default 1)"


def line_of(folder):
    (line,) = Register(folder / "register.jsonl").verify().lines
    return line


def test_a_declaration_is_one_line_with_all_choices(tmp_path):
    text = declare(tmp_path, *LENIENT, "explain.refits=2").text
    line = line_of(tmp_path)
    assert (line.act, line.content["owner"], line.content["reviewer"]) == ("declared", "O. Wner", "R. Viewer")
    assert line.content["land_share"] == 0.1
    assert line.content["rank_by"] == "count"
    assert line.content["limits"]["pai_ratio"] == {"fail_below": -9}
    assert line.content["group_source"] == "SimulatedCity"
    assert len(line.content["group_table"]) == 64
    assert line.content["rule_choice"] == "top areas, to test with"
    assert (line.content["rule"], line.content["rule_settings"]) == ("top areas", None)
    assert line.content["backtest"]["test_periods"] == 10
    assert {SOFTER, "explain.refits=2 (default 5)"} <= set(line.content["changed"])
    assert f"last={Register(tmp_path / 'register.jsonl').verify().digest}" in text
    assert all(one in text for one in (SOFTER, line.decision[:16], "top areas: top areas, to test with", "O. Wner"))
    assert not (tmp_path / "forecasts").exists()


def test_a_declaration_states_the_neighbours_and_does_not_read_them(tmp_path):
    text = declare(tmp_path, neighbours=Neighbours({"east": "not read"}, 500.0)).text
    content = line_of(tmp_path).content
    assert (content["neighbours"], content["reach_m"]) == (["east"], 500.0)
    assert "neighbours   east within 500 m" in text


def test_without_a_group_table_the_declaration_says_so(tmp_path):
    assert "group table  none" in declare(tmp_path).text
    assert line_of(tmp_path).content["group_table"] == ""


def test_a_table_of_another_city_is_refused(tmp_path):
    (tmp_path / "residents.csv").write_text("area,dimension,group,population\nnowhere,income,low,5\n")
    with pytest.raises(InputError, match="No area of the group table is an area of the grid"):
        declare(tmp_path, f"audit.groups.path='{tmp_path}/residents.csv'")
    assert not (tmp_path / "register.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rule_choice=' - '",), "must say how the allocation rule was or will be chosen"),
        (("audit.baseline=kde",), "audit.baseline=kde is not among the models"),
    ],
)
def test_what_declares_nothing_is_refused(tmp_path, words, said):
    with pytest.raises(InputError, match=said):
        declare(tmp_path, *words)
    assert not (tmp_path / "register.jsonl").exists()


@dataclass(frozen=True)
class Reported:
    """Records that are not simulated, until Sunday 2021-04-25."""

    as_of: str | None = None

    def read(self):
        return replace(build_task("weekly")[1]["data"].read(), simulated=False, as_of=self.as_of)


def test_a_period_that_is_over_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"begins on 2021-04-26 and is over.*Give newer records"):
        declare(tmp_path, data=Reported(as_of="end"))
    assert not (tmp_path / "register.jsonl").exists()


def test_simulated_records_have_no_period_that_is_over(tmp_path):
    assert "has begun" not in declare(tmp_path).text


def test_a_period_that_has_begun_is_not_covered(tmp_path, monkeypatch):
    monkeypatch.setattr(preregister, "now", lambda: datetime(2021, 4, 28, tzinfo=UTC))
    text = declare(tmp_path, data=Reported(as_of="end")).text
    assert "The period from 2021-04-26 has begun: a forecast of it is not covered." in text


def test_on_a_monday_the_declaration_is_for_the_week_that_has_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(preregister, "now", lambda: datetime(2021, 4, 26, 14, tzinfo=UTC))  # Monday, 9:00 there
    text = declare(tmp_path, data=Reported()).text
    assert "has begun" not in text
    assert "periods that begin after 2021-04-26 14:00" in text


def test_a_register_without_the_stored_line_gets_no_declaration(tmp_path):
    with pytest.raises(StorageError, match="no line has the digest"):
        declare(tmp_path, f"last='{'0' * 64}'")
    assert not (tmp_path / "register.jsonl").exists()


def test_a_declared_run_says_on_its_page_and_terminal_when_it_was_declared(admitted):
    said = "Declarations before the forecast period: 1, the latest on "
    assert said in admitted.text
    assert said in (admitted.folder / "report.html").read_text()
    assert "Audited periods after it: 0 of 10." in admitted.text
    assert any(said in reason for reason in admitted.decision["reasons"])


def test_a_fresh_register_and_undeclared_settings_need_a_reviewer(tmp_path, shelf, admitted):
    assert GROUPS in LENIENT
    assert admitted.decision["admitted"]
    register = f"register='{tmp_path}/mine.jsonl'"
    done = run_apart("weekly", tmp_path, shelf, *LENIENT, "backtest.horizon=1", register)
    assert not done.decision["admitted"]
    failing = [one for one in done.decision["findings"] if one["required"] and one["state"] != "pass"]
    (found,) = failing
    assert (found["check"], found["state"]) == ("changed_settings", "review")
    for one in (SOFTER, "backtest.test_periods=10 (default 52)", f"register={tmp_path}/mine.jsonl"):
        assert one in found["detail"]
    words = (f"source='{done.folder}'", register, "tracking=memory", "reviewer='R. Viewer'", "reason='a test'")
    text = run_task("approve", tmp_path, *words).text
    assert f"changed   {SOFTER}" in text
    assert text.count("  changed   ") == len(done.decision["audit"]["changed"])
    exported = run_task("export", tmp_path, f"source='{done.folder}'", register, "grade=allocation").text
    assert "Exported as allocation" in exported
