"""An admitted forecaster watched as records go on: quiet while nothing changes, and a proposal when a group's does."""

import json
import re
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models import Audit, LightGBM
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.pipeline.monitoring_replay import check_terms
from ilp_models.pipeline.run_folder import RunFolder
from tests.pipeline.small_city import GROUPS, LENIENT, SETTINGS, build_task, copy_run, declare, run_task, summary_of

pytestmark = pytest.mark.slow

AUDITED, NEW = 30, 14
SAME = (*SETTINGS["forecast"], "compute.jobs=1", GROUPS)
WATCHED = ("monitor.least_periods=20", "audit.min_evidence={periods:8,events:20,areas:2}", "audit.land_share=0.1")


class Until:
    """Records of a source up to a number of weeks before their end, changed on the way."""

    def __init__(self, source, weeks_less, change=None, missing=None):
        self.source, self.weeks_less, self.change, self.missing = source, weeks_less, change, missing

    def get_params(self, deep):  # noqa: ARG002 - the signature of scikit-learn
        return {
            "source": self.source,
            "weeks_less": self.weeks_less,
            "change": str(self.change),
            "missing": self.missing,
        }

    def read(self):
        events = self.source.read()
        report = events.intake
        end = events.end - pd.Timedelta(weeks=self.weeks_less)
        table = events.table[events.table["occurred_at"] < end]
        if self.change is not None:
            table = self.change(table, events.end - pd.Timedelta(weeks=NEW)).reset_index(drop=True)
        report = replace(report, rows_read=len(table), rows_kept=len(table), missing_coordinates=self.missing)
        return replace(events, table=table, end=end, intake=report)


@pytest.fixture(scope="module")
def city():
    return build_task("weekly")[1]["data"]


@pytest.fixture(scope="module")
def audited(tmp_path_factory, city):
    place = tmp_path_factory.mktemp("monitored")
    plan = ("backtest.horizon=1", f"backtest.test_periods={AUDITED}", f"backtest.refit_every={AUDITED}")
    declare(place, *LENIENT, *plan, data=Until(city, NEW))
    return run_task("weekly", place, *LENIENT, *plan, data=Until(city, NEW))


def watch(audited, city, *more, **instead):
    words = (f"source='{audited.folder}'", f"backtest.refit_every={AUDITED}", *SAME, *WATCHED)
    change = {"data": Until(city, 0)} | instead
    return run_task("monitor", audited.folder.parent.parent, *words, *more, **change)


@pytest.fixture(scope="module")
def quiet(audited, city):
    return watch(audited, city)


def facts_of(done):
    return json.loads((done.folder / "monitor.json").read_text())


def test_while_nothing_changes_nothing_is_proposed(quiet):
    facts = facts_of(quiet)
    assert (facts["proposes_withdrawal"], facts["withdraw"]) == (False, None)
    assert (facts["new_periods"], facts["reference_periods"]) == (NEW, AUDITED)
    assert facts["false_alarms_a_year"]["any_series"] == pytest.approx(0.05, rel=0.01)
    assert "No series left the range" in summary_of(quiet.text)[0]


def test_the_table_holds_every_period_measure_type_and_group(quiet):
    table = pd.read_csv(quiet.folder / "monitor.csv", keep_default_na=False, na_values=[""])
    assert table.columns.tolist() == [
        *("period", "crime_type", "dimension", "group", "measure", "value", "reference", "z"),
        *("cusum_up", "cusum_down", "breach"),
    ]
    assert table["period"].nunique() == AUDITED + NEW
    assert set(table["measure"]) == {"exposure", "exposure_ratio", "coverage", "coverage_ratio", "sum_ratio"}
    assert not table.duplicated(["period", "crime_type", "dimension", "group", "measure"]).any()
    assert table[table["period"] < facts_of(quiet)["new_periods_span"][0]]["cusum_up"].isna().all()


def test_measures_over_the_audited_periods_are_those_of_the_audit(quiet, audited):
    table = pd.read_csv(quiet.folder / "monitor.csv", keep_default_na=False, na_values=[""])
    before = table[(table["period"] < facts_of(quiet)["new_periods_span"][0]) & (table["measure"] == "exposure")]
    means = before.groupby(["crime_type", "group"])["value"].mean()
    found = {
        (one["crime_type"], one["group"]): one for one in audited.decision["findings"] if one["check"] == "exposure"
    }
    assert set(found) == set(means.index)
    for key, one in found.items():
        assert means[key] == pytest.approx(one["value"], rel=1e-9)


def test_the_page_and_a_figure_for_each_measure_stand_beside_the_tables(quiet):
    page = (quiet.folder / "monitor.html").read_text()
    assert "No series left the range" in page
    assert "http://" not in page
    assert len(list((quiet.folder / "figures").glob("*.png"))) == 5


def doubled(table, start):
    """Every assault of the new weeks is recorded three times."""
    more = table[(table["occurred_at"] >= start) & (table["crime_type"] == "assault")]
    return pd.concat([table, more, more]).sort_values("occurred_at", kind="stable")


@pytest.fixture(scope="module")
def tripled(audited, city):
    return watch(audited, city, data=Until(city, 0, doubled))


def test_a_lasting_change_leads_to_a_proposal_with_its_command_and_withdraws_nothing(tripled, audited):
    facts = facts_of(tripled)
    assert facts["proposes_withdrawal"]
    assert len(facts["periods_with_breach"]) >= 3
    assert "WITHDRAWAL IS PROPOSED" in tripled.text
    assert "A person decides" in tripled.text
    assert summary_of(tripled.text)[-1] == f"Next: {facts['withdraw']}"
    assert facts["withdraw"] in (tripled.folder / "monitor.html").read_text().replace("&#39;", "'")
    lines = (audited.folder.parent.parent / "register.jsonl").read_text()
    assert '"withdrawn"' not in lines


def test_the_command_that_is_proposed_withdraws(tripled, audited, tmp_path):
    register = tmp_path / "register.jsonl"
    register.write_text((audited.folder.parent.parent / "register.jsonl").read_text())
    program, task, *words = shlex.split(facts_of(tripled)["withdraw"])
    assert (program, task) == ("ilp", "withdraw")
    quoted = [f"{name}='{value}'" for name, value in (word.split("=", 1) for word in words)]
    text = run_task("withdraw", tmp_path, *quoted, f"register='{register}'", "tracking=memory").text
    assert "is withdrawn" in text
    with pytest.raises(WithheldError, match="was withdrawn on"):
        run_task("monitor", tmp_path, f"source='{audited.folder}'", *SAME, *WATCHED, f"register='{register}'")


def test_the_series_that_broke_out_are_the_right_ones(tripled):
    series = pd.DataFrame(facts_of(tripled)["series"])
    broke = series[series["breaches"] > 0]
    overall = broke[(broke["measure"] == "sum_ratio") & (broke["group"] == "")]
    assert "assault" in set(overall["crime_type"])
    assert "burglary" not in set(overall["crime_type"])
    assert set(overall["towards"]) == {"lower"}


def test_the_mix_of_crime_types_is_seen_to_move_where_it_does(tripled, quiet):
    drift = [pd.DataFrame(facts_of(done)["drift"]).set_index(["part", "crime_type"]) for done in (tripled, quiet)]
    moved, still = (one.loc[("crime type", "all")] for one in drift)
    assert moved["exceeds_noise"]
    assert moved["distance"] > 3 * still["distance"]
    assert {"weekday", "area"} <= set(drift[0].reset_index()["part"])


def test_missing_coordinates_are_reported_by_group(audited, city):
    events = city.read()
    areas = list(events.table["area"].cat.categories)
    days = pd.date_range(events.end - pd.Timedelta(weeks=NEW), events.end, inclusive="left")
    lost = pd.DataFrame({"day": days, "crime_type": "assault", "area": areas[0], "count": 30})
    done = watch(audited, city, data=Until(city, 0, missing=lost))
    table = pd.read_csv(done.folder / "missing_coordinates.csv", keep_default_na=False)
    assert set(table["dimension"]) > {"", "area"}
    now = table[(table["dimension"] == "area") & (table["group"] == areas[0]) & (table["crime_type"] == "all")]
    assert now["missing_coordinates"].sum() == 30 * 7 * NEW
    whole = table[(table["dimension"] == "") & (table["crime_type"] == "all")]
    dimension = next(name for name in table["dimension"] if name not in ("", "area"))
    by_group = table[(table["dimension"] == dimension) & (table["crime_type"] == "all")]
    assert by_group["records"].sum() == pytest.approx(whole["records"].sum())
    drift = pd.read_csv(done.folder / "drift.csv", keep_default_na=False)
    row = drift[
        (drift["part"] == "records without coordinates") & (drift["dimension"] == "") & (drift["crime_type"] == "all")
    ]
    assert row["exceeds_noise"].item() in (True, "True")
    assert float(row["share_before"].item()) == 0


def test_a_source_without_an_account_of_lost_places_says_so(quiet):
    assert "The number of records with missing coordinates is not available" in quiet.text
    assert not (quiet.folder / "missing_coordinates.csv").exists()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("audit.land_share=0.05",), "Use the audited setting"),
        (("audit.rank_by=per_km2",), "Use the audited setting"),
        (("audit.groups.source=null",), "group_table"),
        (("forecaster=ewma", "model=[ewma]"), "is on lightgbm, not ewma"),
        (("model.lightgbm.n_estimators=30",), "other settings of n_estimators"),
        (("grid.size=400",), "grid="),
    ],
)
def test_other_terms_than_audited_are_refused(audited, city, words, match):
    with pytest.raises(WithheldError, match=match):
        watch(audited, city, *words)


def test_a_forecaster_that_knows_neighbours_is_monitored_with_their_newer_records(tmp_path, city):
    methods = ("model=[moving_average,ewma]", "forecaster=ewma", f"backtest.refit_every={AUDITED}")
    plan = (*LENIENT, *methods, "backtest.horizon=1", f"backtest.test_periods={AUDITED}")
    other = build_task("weekly", "data.seed=5", f"data.west={city.west + 4000}")[1]["data"]

    def beyond(weeks_less, reach_m=2000):
        return Neighbours({"east": Until(other, weeks_less)}, reach_m)

    def watched(neighbours):
        words = (f"source='{done.folder}'", *SAME, *WATCHED, *methods)
        return run_task("monitor", tmp_path, *words, data=Until(city, 0), neighbours=neighbours)

    declare(tmp_path, *plan, data=Until(city, NEW), neighbours=beyond(NEW))
    done = run_task("weekly", tmp_path, *plan, data=Until(city, NEW), neighbours=beyond(NEW))
    assert done.decision["admitted"]
    assert facts_of(watched(beyond(0)))["new_periods"] == NEW
    with pytest.raises(WithheldError, match=r"knew 1 neighbour within 2000 m, .* no neighbour. .* neighbour east"):
        watched(beyond(NEW))
    with pytest.raises(WithheldError, match="give 1 neighbour within 500 m"):
        watched(beyond(0, 500))


def revised(table, start):
    """Some of the records of the audited weeks were taken out since, and one was added in an empty cell."""
    early = table.iloc[[0]].assign(x=table["x"].min() + 1, y=table["y"].max() - 1)
    gone = (
        (table["occurred_at"] < start) & (np.arange(len(table)) > len(table) - 4000) & (np.arange(len(table)) % 50 == 0)
    )
    return pd.concat([early, table[~gone]])


def test_records_that_were_revised_since_are_measured_on_the_audited_cells(audited, city):
    text = watch(audited, city, data=Until(city, 0, revised)).text
    assert "Records of the audited periods were revised" in text


def test_a_type_first_recorded_since_the_audit_is_left_out_and_named(audited, city):
    class Relabelled(Until):
        def read(self):
            events = super().read()
            late = events.table["occurred_at"] >= events.end - pd.Timedelta(weeks=1)
            types = events.table["crime_type"].cat.add_categories("carjacking").where(~late, "carjacking")
            return replace(events, table=events.table.assign(crime_type=types), declared_types=())

    done = watch(audited, city, data=Relabelled(city, 0))
    assert "carjacking" not in set(pd.read_csv(done.folder / "monitor.csv")["crime_type"])
    kept = json.loads((done.folder / "intake.json").read_text())
    assert ": carjacking (" in kept["notes"][-1]


def test_without_a_new_period_it_says_until_when_records_reach(audited, city):
    with pytest.raises(InputError, match=r"no whole week since the audit.*complete until \d{4}") as caught:
        watch(audited, city, data=Until(city, NEW))
    begins, reach = map(pd.Timestamp, re.findall(r"\d{4}-\d\d-\d\d", str(caught.value)))
    assert reach - begins == pd.Timedelta(days=6), "the week that the audit used last is the last whole one"


def test_records_that_do_not_reach_back_are_refused(audited, city):
    class Late(Until):
        def read(self):
            events = super().read()
            start = events.end - pd.Timedelta(weeks=NEW + 5)
            return replace(events, table=events.table[events.table["occurred_at"] >= start], start=start)

    with pytest.raises(InputError, match="Use the records and the calendar of the audit"):
        watch(audited, city, data=Late(city, 0))


def test_a_withheld_or_unknown_decision_is_not_watched(withheld, shelf, audited, tmp_path):
    words = (*SAME, *WATCHED)
    with pytest.raises(WithheldError, match="withholds the forecast, so that it cannot be monitored"):
        run_task("monitor", shelf, f"source='{withheld.folder}'", *words)
    with pytest.raises(WithheldError, match="knows no decision"):
        run_task("monitor", tmp_path, f"source='{copy_run(audited, tmp_path / 'run')}'", *words)


def test_a_run_that_kept_nothing_of_its_forecaster_says_that_settings_were_not_compared(audited, tmp_path):
    parts = build_task("monitor", f"source='{audited.folder}'", *SAME, *WATCHED)[1]
    decision = RunFolder.from_path(str(audited.folder)).decision()
    place = copy_run(audited, tmp_path / "run")

    def terms(forecaster):
        return check_terms(decision, str(place), "lightgbm", forecaster, Audit(land_share=0.1))

    assert terms(parts["model"]["lightgbm"]) == ()
    shutil.rmtree(place / "model")
    (note,) = terms(LightGBM(n_estimators=30))
    assert "does not contain the settings of its forecaster" in note


def test_numbers_in_the_facts_are_numbers(quiet):
    facts = facts_of(quiet)
    assert all(isinstance(row["breaches"], int) and isinstance(row["watched"], bool) for row in facts["series"])
    assert np.isfinite(facts["limit"])
