"""The main task as a user starts it: `ilp weekly` in an empty folder."""

import resource
import subprocess
import sys
import tempfile
import time

from benchmarks.city import SMALL_CITY
from benchmarks.figure import Figure, Goal
from benchmarks.memory import SessionWatch
from benchmarks.timing import say


def measure(*, quick: bool) -> list[Figure]:
    """Return wall time and peak memory of the main task, summed over its processes."""
    settings = [*SMALL_CITY, "model=[moving_average,ewma,lightgbm]", "backtest.test_periods=14"] if quick else []
    say("ilp weekly")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        job = subprocess.Popen(
            [sys.executable, "-m", "ilp_models", "weekly", *settings],
            cwd=folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        with SessionWatch(job.pid) as watch:
            code = job.wait()
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        said.seek(0)
        words = said.read().strip().splitlines()
    if code != 0:
        msg = f"ilp weekly ended with {code}: {words[-1] if words else 'without a word'}"
        raise RuntimeError(msg)
    what = "a small simulated city" if quick else "the bundled records, 52 test weeks"
    busy = f"{used.ru_utime + used.ru_stime:.0f} s of processor time"
    job_is = f"{what}; empty store, start of Python included; {busy}"
    summed = "proportional memory (PSS) of all processes ten times a second; shared pages count once"
    return [
        Figure("main job", seconds, "s", Goal(high=120), note=job_is),
        Figure("main job, peak memory", watch.peak / 1e9, "GB", Goal(high=2.0), note=summed),
    ]
