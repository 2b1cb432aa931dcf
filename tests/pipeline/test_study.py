"""Studies: what identifies results, which crime types take part, and how broken forecasters are reported."""

import importlib
import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.errors import NotRunError
from ilp_models.model.means.ewma import EWMA
from ilp_models.pipeline.study import describe_code, of_known_types, open_study
from tests.pipeline.small_city import TYPES, WEEKS, build_task, run_task

MODELS = ("model=[ewma,lightgbm]", "scoring.baseline=ewma")
MINE = "from sklearn.base import BaseEstimator\n\n\nclass Mine(BaseEstimator):\n    {body}\n"


class Broken(EWMA):
    """An EWMA that cannot be fitted."""

    def _fit(self, history):
        super()._fit(history)
        msg = "my model broke"
        raise RuntimeError(msg)


def test_the_code_of_a_study_is_that_of_the_package(parts):
    study = open_study(parts["data"].read(), parts["grid"])
    tags = study.tags()
    assert study.code == describe_code()
    assert describe_code() == f"ilp_models {tags['version']}, commit {tags['git_commit']}, digest {tags['code']}"


def test_a_changed_forecaster_of_ones_own_has_another_recipe(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "method_under_change.py"
    parts = build_task("backtest", f"output={tmp_path}")[1]
    study = open_study(parts["data"].read(), parts["grid"], calendar=parts["calendar"])
    prints = []
    for body in ("pass", "other = 1"):
        path.write_text(MINE.format(body=body))
        sys.modules.pop("method_under_change", None)
        importlib.invalidate_caches()
        mine = importlib.import_module("method_under_change").Mine()
        prints.append((study.recipe(mine), study.recipe(EWMA())))
    assert prints[0][0] != prints[1][0]
    assert prints[0][1] == prints[1][1]


@pytest.mark.parametrize(
    ("task", "more"),
    [("forecast", ()), ("weekly", ("scoring.baseline=moving_average", "audit.baseline=moving_average"))],
)
def test_a_chosen_forecaster_that_breaks_stops_the_run_in_one_line(task, more, tmp_path):
    words = ("forecaster=ewma", "model=[ewma,moving_average]", *more)
    models = {**build_task(task, *words)[1]["model"], "ewma": Broken()}
    said = r"ewma could not run: failed at cutoff 2021-04-26: RuntimeError: my model broke \(--debug shows the trace\)"
    with pytest.raises(NotRunError, match=said):
        run_task(task, tmp_path, *words, model=models)


class Relabelled:
    """A source of records with any labels, some of the later ones renamed."""

    def __init__(self, source, moment, *, declared=()):
        self.source, self.moment, self.declared = source, moment, declared

    def read(self):
        events = self.source.read()
        intake = events.intake
        types = events.table["crime_type"].cat.add_categories(["Carjacking"])
        late = (events.table["reported_at"] >= self.moment) & (np.arange(len(types)) % 3 == 0)
        types[late] = "Carjacking"
        types = types.cat.set_categories(["Carjacking", *TYPES])  # first, as labels in order of their names may be
        kept = types.cat.remove_unused_categories() if not self.declared else types
        events = replace(events, table=events.table.assign(crime_type=kept), declared_types=self.declared)
        counts = events.table["crime_type"].value_counts()
        report = replace(intake, crime_types={name: int(counts[name]) for name in events.crime_types})
        return replace(events, intake=report)


@pytest.fixture(scope="module")
def parts():
    return build_task("backtest")[1]


@pytest.fixture(scope="module")
def tested(parts):
    events = parts["data"].read()
    return parts["backtest"].folds(events, parts["calendar"])


def renamed(parts, moment, **declared):
    return Relabelled(parts["data"], moment, **declared)


def forecasts(folder, cutoffs):
    root = folder / "forecasts"
    store = ForecastStore(root)
    found = {
        name: store.replays(path.name, name, cutoffs, "W-SUN")[0]
        for path in root.iterdir()
        for name in store.stored_cutoffs(path.name)
    }
    return dict(sorted(found.items()))


def test_labels_of_the_future_move_no_bit_of_earlier_forecasts(parts, tested, tmp_path):
    middle = tested[WEEKS // 2].cutoff
    before = [fold.cutoff for fold in tested if fold.cutoff <= middle]
    run_task("backtest", tmp_path / "a", *MODELS, data=renamed(parts, pd.Timestamp.max))
    changed = run_task("backtest", tmp_path / "b", *MODELS, data=renamed(parts, middle))
    then, now = (forecasts(tmp_path / name, before) for name in ("a", "b"))
    assert list(then) == list(now) == ["ewma", "lightgbm"]
    for one, other in zip(then.values(), now.values(), strict=True):
        assert one.crime_types == other.crime_types == TYPES
        for part in ("expected", "quantiles", "dispersion"):
            assert getattr(one, part).identical(getattr(other, part))
    scores = pd.read_csv(changed.folder / "scores.csv")
    assert set(scores["crime_type"]) == set(TYPES)


def test_what_is_left_out_is_named_with_the_way_to_keep_it(parts, tested, tmp_path):
    made = run_task(
        "backtest", tmp_path, "model=[ewma]", "scoring.baseline=ewma", data=renamed(parts, tested[1].cutoff)
    )
    kept = json.loads((made.folder / "intake.json").read_text())
    (finding,) = kept["findings"]
    assert (finding["action"], kept["rows_kept"]) == ("left out", kept["rows_read"] - finding["count"])
    assert list(kept["crime_types"]) == list(TYPES)
    assert kept["notes"][-1] == (
        f"Crime types left out because no record was known at the first cutoff, {tested[0].cutoff.date()}: "
        f"Carjacking ({finding['count']:,} records). To include them, name them in data.crime_types, such as "
        "{Carjacking: Carjacking}, with data.unmapped=keep."
    )


@pytest.mark.parametrize("declared", [("Carjacking",), (*TYPES, "Carjacking")])
def test_declared_types_stand_whether_seen_or_not(parts, tested, declared):
    events = renamed(parts, tested[1].cutoff, declared=declared).read()
    assert of_known_types(events, tested[0].cutoff) is events


def test_a_type_seen_by_the_first_cutoff_stays(parts, tested):
    events = renamed(parts, tested[0].cutoff).read()
    assert of_known_types(events, tested[1].cutoff) is events
    kept = of_known_types(events, tested[0].cutoff)
    account = kept.intake
    assert kept.crime_types == TYPES
    assert account.rows_kept == len(kept) == int((events.table["crime_type"] != "Carjacking").sum())
    assert account.digest == kept.digest()


def test_a_forecast_is_of_the_types_known_at_its_cutoff(parts, tested, tmp_path):
    words = ("model=[ewma]", "forecaster=ewma")
    done = run_task("forecast", tmp_path, *words, data=renamed(parts, tested[1].cutoff))
    assert "  Carjacking " in done.text
    events = parts["data"].read()
    words = (*words, "calendar.week_start=wednesday")  # the last days of the records are in no whole week
    later = run_task("forecast", tmp_path, *words, data=renamed(parts, events.end - pd.Timedelta(days=2)))
    assert "Carjacking" not in later.text


def test_a_search_sees_no_label_first_recorded_after_it_began(parts, tested, tmp_path):
    words = (
        "model=[moving_average]",
        "forecaster=moving_average",
        "scoring.baseline=moving_average",
        "tuning=optuna",
        "tuning.periods=6",
        "tuning.startup=2",
        "tuning.trials=2",
        "++tuning.space={window:{low:1,high:60}}",
    )
    moment = tested[0].cutoff - pd.Timedelta(weeks=2)
    done = run_task("tune", tmp_path, *words, data=renamed(parts, moment))
    assert list(json.loads((done.folder / "intake.json").read_text())["crime_types"]) == list(TYPES)
