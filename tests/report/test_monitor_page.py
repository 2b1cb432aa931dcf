from dataclasses import replace

import numpy as np
import pandas as pd

from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.audit.monitoring.series import MeasureSeries
from ilp_models.report.monitor_page import MonitorEvidence, write_monitor_page


def evidence(command=""):
    rng = np.random.default_rng(0)
    names = [f"group <{at}>" for at in range(16)]
    keys = pd.DataFrame(
        {"measure": "exposure", "crime_type": "all", "dimension": "origin", "group": names, "shortfall": ""}
    )
    values = 0.1 + 0.01 * rng.normal(size=(40, len(names)))
    values[35:, 0] += 0.2
    weeks = pd.period_range("2021-01-04", periods=40, freq="W-SUN")
    watch = Monitoring().evaluate(MeasureSeries(weeks, 30, keys, values), 52)
    facts = {
        **watch.facts,
        "forecaster": "ewma",
        "audited_periods": ["2021-01-04", "2021-07-26"],
        "new_periods_span": ["2021-08-02", "2021-10-04"],
        **dict.fromkeys(("decision", "audited_recipe", "recipe", "data", "group_table", "grid", "code", "made"), "x"),
        **{"rank_by": "count", "land_share": 0.1},
    }
    drift = pd.DataFrame(
        [("area", "all", "", "", 0.2, 0.05, 0.1, True, np.nan, np.nan)],
        columns=[
            *("part", "crime_type", "dimension", "group", "distance", "noise_median", "noise_high", "exceeds_noise"),
            *("share_before", "share_now"),
        ],
    )
    words = "WITHDRAWAL IS PROPOSED" if command else "Quiet"
    return MonitorEvidence(watch.table, watch.series, drift, facts, words, command, ("a note",))


def test_the_page_shows_breaches_drift_and_notes_and_loads_nothing(tmp_path):
    page, figures = write_monitor_page(tmp_path, evidence())
    text = page.read_text()
    assert [path.name for path in figures.iterdir()] == ["exposure.png"]
    assert "group &lt;0&gt;" in text
    assert "group <0>" not in text
    for words in ("Quiet", "a note", "20.0", "higher"):
        assert words in text
    assert "If you decide to withdraw the decision" not in text
    assert 'src="http' not in text
    assert 'alt="Exposure' in text


def test_a_proposal_shows_its_command(tmp_path):
    page, _ = write_monitor_page(tmp_path, evidence("ilp withdraw source=run reason='three breaches'"))
    text = page.read_text()
    assert "If you decide to withdraw the decision" in text
    assert "ilp withdraw source=run" in text


def test_series_that_are_not_selected_are_not_listed(tmp_path):
    shown = evidence()
    one = shown.series.iloc[[0]].assign(watched=False, reason="too little evidence")
    series = pd.concat([shown.series, one, one.assign(measure="coverage")])
    settings = {**shown.facts["settings"], "measures": ["exposure"]}
    page, _ = write_monitor_page(tmp_path, replace(shown, series=series, facts={**shown.facts, "settings": settings}))
    assert page.read_text().count("Not monitored:") == 1
