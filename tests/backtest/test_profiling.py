import subprocess
import sys
import time

import numpy as np
import pytest

from ilp_models.backtest import profiling as module
from ilp_models.backtest.profiling import PeakMemory, Profiler


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_seconds_are_assigned_to_fit_and_forecast():
    meter = Profiler()
    with meter.fitting():
        burn(0.03)
    with meter.updating():
        time.sleep(0.03)
    with meter.forecasting():
        burn(0.01)
    cost = meter.take_cost()
    assert (cost.fits, cost.forecasts) == (1, 1)
    assert cost.fit_cpu_seconds >= 0.03
    assert cost.forecast_cpu_seconds >= 0.01
    assert cost.forecast_seconds >= 0.03  # asleep, it takes time and no processor
    assert cost.fit_seconds > 0


def test_cost_is_reset_after_it_is_taken():
    meter = Profiler()
    with meter.fitting():
        burn(0.01)
    meter.take_cost()
    with meter.forecasting():
        pass
    cost = meter.take_cost()
    assert (cost.fits, cost.forecasts, cost.fit_seconds, cost.fit_cpu_seconds) == (0, 1, 0.0, 0.0)


def test_failed_fit_is_not_counted():
    meter = Profiler()
    with pytest.raises(ZeroDivisionError), meter.fitting():
        raise ZeroDivisionError
    assert meter.take_cost().fits == 0


IN_A_SMALL_PROCESS = """
import numpy as np
from ilp_models.backtest.profiling import PeakMemory
large = np.ones(30_000_000)
del large
memory = PeakMemory()
print(memory.megabytes())
held = np.ones(10_000_000)
del held
print(memory.megabytes())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak resident size")
def test_released_memory_counts_and_earlier_peaks_do_not():
    # In its own process, since the system may swap out part of a large one.
    done = subprocess.run([sys.executable, "-c", IN_A_SMALL_PROCESS], check=True, capture_output=True, text=True)
    before, after = map(float, done.stdout.split())
    assert before < 20
    assert 70 < after < 120  # 8 bytes each


def test_without_reset_growth_beyond_the_peak_is_a_lower_bound(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_CLEAR", tmp_path / "no" / "such")
    marks = iter([100.0, 130.0, 100.0])
    monkeypatch.setattr(module, "_high_water_mark", lambda: next(marks))
    assert PeakMemory().megabytes() == 30.0


def test_system_without_memory_report_gives_nan(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_CLEAR", tmp_path / "no" / "such")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    assert np.isnan(PeakMemory().megabytes())
