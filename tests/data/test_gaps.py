import numpy as np
import pandas as pd
import pytest

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.gaps import KnownGap, find_gaps
from ilp_models.domain.errors import InputError
from ilp_models.domain.intake import IntakeError
from tests.data.csv_records import COLUMNS, text

START, END = pd.Timestamp("2018-01-01"), pd.Timestamp("2022-01-01")
DAYS = pd.date_range(START, END, inclusive="left")


def simulate(rng, rate, dispersion=0.0, season=0.0, days=DAYS):
    """Return event times of a negative binomial process with a yearly season."""
    level = rate * (1 + season * np.sin(2 * np.pi * np.arange(len(days)) / 365))
    week = np.arange(len(days)) // 7
    noise = rng.gamma(1 / dispersion, dispersion, week.max() + 1)[week] if dispersion else 1.0
    return pd.Series(np.repeat(days.to_numpy(), rng.poisson(level * noise)))


def without(times, first, last):
    return times[(times < first) | (times > last)]


@pytest.mark.parametrize("rate", [0.05, 0.2, 1.0, 5.0])
@pytest.mark.parametrize("dispersion", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("season", [0.0, 0.5])
def test_quiet_villages_give_no_alarm(rate, dispersion, season):
    rng = np.random.default_rng(7)
    alarms = [gap for _ in range(40) for gap in find_gaps(simulate(rng, rate, dispersion, season), START, END)]
    assert alarms == []


@pytest.mark.slow
def test_the_probability_is_calibrated(monkeypatch):
    monkeypatch.setattr("ilp_models.data.gaps.IMPROBABLE", 0.05)
    rng = np.random.default_rng(3)
    alarms = [bool(find_gaps(simulate(rng, 0.3), START, END)) for _ in range(400)]
    assert np.mean(alarms) <= 0.05


@pytest.mark.parametrize("rate", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("dispersion", [0.0, 1.0])
def test_quiet_months_give_no_alarm(rate, dispersion):
    rng, months = np.random.default_rng(11), pd.date_range(START, END, freq="MS", inclusive="left")
    for _ in range(100):
        level = rate * (rng.gamma(1 / dispersion, dispersion, len(months)) if dispersion else 1.0)
        times = pd.Series(np.repeat(months.to_numpy(), rng.poisson(level, len(months))))
        assert find_gaps(times, START, END, monthly=True) == []


@pytest.mark.parametrize(("rate", "first", "last"), [(6, "2019-05-01", "2019-06-04"), (20, "2020-12-01", "2021-01-04")])
@pytest.mark.parametrize("dispersion", [0.0, 0.5])
def test_a_hole_of_five_weeks_is_found_with_its_dates(rate, first, last, dispersion):
    times = without(simulate(np.random.default_rng(1), rate, dispersion), pd.Timestamp(first), pd.Timestamp(last))
    (gap,) = find_gaps(times, START, END)
    assert abs((gap.first - pd.Timestamp(first)).days) <= 2
    assert abs((gap.last - pd.Timestamp(last)).days) <= 2


@pytest.mark.parametrize("monthly", [True, False])
@pytest.mark.parametrize("given", [(0, 12, 24), (0, 1, 24), (0, 10, 11, 24), (0, 23, 24)])
def test_three_of_twenty_five_months_are_not_enough(given, monthly):
    end = pd.Timestamp("2020-02-01")
    times = simulate(np.random.default_rng(2), 10, days=pd.date_range(START, end, inclusive="left"))
    month = (times.dt.year - 2018) * 12 + times.dt.month - 1
    times = times[month.isin(given)]
    if monthly:
        times = times.dt.to_period("M").dt.start_time
    gaps = find_gaps(times, START, end, monthly=monthly)
    assert len(gaps) == (np.diff(given) > 1).sum()
    assert gaps[0].expected > 100


def improbable_runs(counts, limit, *, monthly):
    """Return the runs of zeros and their expected events, by the definition: one mask for each run."""
    numbers = np.arange(len(counts))
    weekdays, around = (np.zeros(len(counts), dtype=int), 3) if monthly else (numbers % 7, 28)
    edges = np.flatnonzero(np.diff(np.r_[False, counts == 0, False])).reshape(-1, 2)
    found = []
    for first, stop in edges:
        length = stop - first
        masked = [(first, stop), *((a, b) for a, b in edges if monthly and 2 * (b - a) >= length)]
        others = ~np.any([(numbers >= a) & (numbers < b) for a, b in masked], axis=0)
        width = max(around, length)
        before, after = numbers[others & (numbers < first)][-width:], numbers[others & (numbers >= stop)][:width]
        rate = min(counts[side].mean() for side in (before, after) if len(side))
        usual = pd.Series(counts[others]).groupby(weekdays[others]).mean()
        expected = rate * usual[weekdays[first:stop]].sum() / counts[others].mean()
        known = counts[others]
        blocks = known if monthly else known[: len(known) // 7 * 7].reshape(-1, 7).sum(axis=1)
        fano = blocks.var(ddof=1) / blocks.mean()
        exponent = expected * (np.log(fano) / (fano - 1) if fano > 1 else 1)
        if length >= (1 if monthly else 3) and len(counts) * np.exp(-exponent) < limit:
            found.append((first, stop - 1, expected))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("monthly", [True, False])
@pytest.mark.parametrize("dispersion", [0.0, 1.0])
def test_gaps_are_the_runs_that_the_definition_finds(monthly, dispersion, monkeypatch):
    monkeypatch.setattr("ilp_models.data.gaps.IMPROBABLE", 0.01)
    rng, number = np.random.default_rng(12), 0
    periods = pd.period_range(START, END - pd.Timedelta(1, "D"), freq="M" if monthly else "D")
    for _ in range(30):
        times = simulate(rng, rng.choice([0.2, 1.0, 5.0]), dispersion)
        for first in rng.choice(DAYS, 3):
            times = without(times, first, first + pd.Timedelta(int(rng.integers(5, 150)), "D"))
        counts = times.dt.to_period(periods.freq).value_counts().reindex(periods, fill_value=0).to_numpy(dtype=float)
        gaps = find_gaps(times, START, END, monthly=monthly)
        wanted = improbable_runs(counts, 0.01, monthly=monthly)
        assert [(gap.first, gap.last) for gap in gaps] == [
            (periods[first].start_time, periods[last].end_time.normalize()) for first, last, _ in wanted
        ]
        assert [gap.expected for gap in gaps] == pytest.approx([expected for *_, expected in wanted])
        number += len(gaps)
    assert number > 15


def test_leading_and_trailing_months_of_a_declared_span_are_found():
    times = without(simulate(np.random.default_rng(4), 10), START, pd.Timestamp("2018-03-31"))
    times = without(times, pd.Timestamp("2021-10-01"), END)
    assert [str(gap)[:24] for gap in find_gaps(times, START, END)] == [
        "2018-01-01 to 2018-03-31",
        "2021-10-01 to 2021-12-31",
    ]


def test_weekends_without_records_are_no_gap():
    times = simulate(np.random.default_rng(5), 300)
    assert find_gaps(times[times.dt.day_of_week < 5], START, END) == []


def test_a_level_that_falls_is_no_gap():
    rng = np.random.default_rng(6)
    before, after = simulate(rng, 20, days=DAYS[:700]), simulate(rng, 0.1, days=DAYS[700:])
    assert find_gaps(pd.concat([before, after]), START, END) == []


def lines(times, what="Theft", area="B0"):
    return [f"{time:%Y-%m-%d %H:%M},{what},43.65,-79.40,{area}" for time in times]


def read(folder, content, **changes):
    path = folder / "records.csv"
    path.write_text(text(content))
    return DelimitedFiles(**{"path": str(path), "columns": COLUMNS, "time_zone": "America/Toronto", **changes}).read()


HOLED = without(simulate(np.random.default_rng(8), 3), pd.Timestamp("2020-03-02"), pd.Timestamp("2020-04-05"))
KNOWN = {"from": "2020-03-01", "to": "2020-04-06", "reason": "new records system"}


def test_an_undeclared_hole_stops_the_run(tmp_path):
    with pytest.raises(IntakeError, match=r"no record from 2020-03-0\d to 2020-04-0\d \(about .*data.known_gaps=\["):
        read(tmp_path, lines(HOLED))


def test_a_declared_hole_is_read_and_named(tmp_path):
    events = read(tmp_path, lines(HOLED), known_gaps=[KNOWN])
    assert events.intake.declared == ("no records from 2020-03-01 to 2020-04-06: new records system",)
    assert "declared: no records from 2020-03-01" in events.intake.to_text()
    assert events.intake.to_dict()["declared"] == list(events.intake.declared)


def test_a_declared_gap_elsewhere_does_not_hide_a_hole(tmp_path):
    with pytest.raises(IntakeError, match="no record from 2020-03"):
        read(tmp_path, lines(HOLED), known_gaps=[{**KNOWN, "from": "2020-03-20"}])


@pytest.mark.parametrize(
    "change", [{"reason": " "}, {"to": "2019-01-01"}, {"from": "soon"}, {"why": "typo"}, {"from": "2020-03-01T00:00Z"}]
)
def test_a_wrong_declaration_is_refused(change):
    with pytest.raises(InputError, match=r"data.known_gaps"):
        KnownGap.from_settings([{**KNOWN, **change}])


def test_a_type_and_an_area_that_stop_are_flagged_with_dates(tmp_path):
    rng = np.random.default_rng(9)
    steady, stopped = simulate(rng, 12), simulate(rng, 12)
    stopped = stopped[stopped < "2021-03-01"]
    events = read(tmp_path, lines(steady) + lines(stopped, "Robbery", "B1"))
    found = {one.rule: one.examples for one in events.intake.findings if one.rule.startswith("records of")}
    assert found["records of types stop"][0].startswith("Robbery: 2021-03-01 to 2021-12-31 (about")
    assert found["records of areas stop"][0].startswith("B1: 2021-03-01 to 2021-12-31 (about")
