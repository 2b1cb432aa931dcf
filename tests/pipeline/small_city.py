"""A small simulated city, and its tasks run as plain functions: a whole week takes some seconds."""

import importlib
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hydra import compose, initialize_config_dir

from ilp_models.audit.register.signatures import fingerprint
from ilp_models.cli.app import find_configs
from ilp_models.cli.help import module_name
from ilp_models.cli.instantiate import build_parts, resolve
from tests.audit.audit_inputs import GOVERNANCE

TYPES = ("assault", "burglary")
MODELS = ("moving_average", "ewma", "lightgbm")
WEEKS = 10

_CITY = (
    "data=simulated",
    "data.size_km=4",
    "data.districts=4",
    "data.weeks=120",
    "data.population=40000",
    "~data.crime_types.robbery",
    "~data.crime_types.vehicle_theft",
)
_TREES = ("n_estimators=20", "min_child_samples=200", "holdout=8", "train_periods=80")
_LIGHTGBM = tuple(f"model.lightgbm.{setting}" for setting in _TREES)
_REPLAY = (
    f"model=[{','.join(MODELS)}]",
    f"backtest.test_periods={WEEKS}",
    f"backtest.refit_every={WEEKS}",
)
_JOBS = ("compute.jobs=1",)
_AUDIT = (
    "audit.min_evidence={periods:8,events:20,areas:2}",
    "audit.land_share=0.1",
)
_SCORES = ("bootstrap.block=2", "bootstrap.draws=200")
_TRIAL = (
    *("start=2021-04-26", "periods=20", "effect=0.4", "power.trials=40", "units.count=16", "units.buffer_m=0"),
    *("terms.ethics_review_date=2021-03-01", "terms.public_notice_date=2021-03-08", "least_power=0"),
    *(
        f"terms.{name}='as agreed'"
        for name in (
            *("goal", "success_criterion", "harm_to_watch", "decided_by", "dose"),
            *("ethics_review_by", "ethics_review_reference", "public_notice_reference"),
        )
    ),
)
SETTINGS = {
    "preregister": (*_CITY, *_LIGHTGBM, *_REPLAY, *_SCORES, *_AUDIT, "rule_choice='top areas, to test with'"),
    "simulate": _CITY,
    "backtest": (*_CITY, *_LIGHTGBM, *_REPLAY, *_JOBS, *_SCORES, "tracking=memory"),
    "compare": (*_CITY, *_LIGHTGBM, *_REPLAY, *_JOBS, *_SCORES, "tracking=memory"),
    "audit": (*_CITY, *_LIGHTGBM, *_REPLAY, *_JOBS, *_SCORES, *_AUDIT, "tracking=memory"),
    "weekly": (*_CITY, *_LIGHTGBM, *_REPLAY, *_JOBS, *_SCORES, *_AUDIT, "tracking=memory"),
    "tune": (*_CITY, *_REPLAY, *_JOBS, *_SCORES, "tracking=memory"),
    "forecast": (*_CITY, "model=[lightgbm]", *_LIGHTGBM, "tracking=memory"),
    "design-trial": (*_CITY, *_TRIAL),
}
GROUPS = "audit.groups.source=${data}"
# Ten weeks prove nothing about a forecaster: these limits let one through so that what follows can be tested.
LENIENT = (
    GROUPS,
    *(f"audit.governance.{name}='{word}'" for name, word in GOVERNANCE.items() if name != "outcomes"),
    "audit.governance.outcomes=[assault]",
    *(f"audit.limits.{check}.fail_below=-9" for check in ("deviance_skill", "pai_ratio")),
    "audit.limits.deviance_skill.neutral=-9",
    "audit.feedback={periods:8,refit_every:8,replicates:2,training_periods:60,unpatrolled_reporting_rate:1.0}",
    "audit.reporting_rates.everywhere=1.0",
    "audit.limits.feedback_distance={warn_above:9,fail_above:9}",
    *(
        f"audit.limits.{check}.{bound}_above=99"
        for check in ("baseline_exposure_ratio", "bias_ratio", "permanently_flagged")
        for bound in ("warn", "fail")
    ),
    "audit.limits.group_table_power.warn_below=0",
    "audit.limits.explanation_stability.fail_below=-1",
    *(
        f"audit.limits.{check}.{bound}_above=9"
        for check in ("proxy_probe", "proxy_strength")
        for bound in ("warn", "fail")
    ),
    *(
        f"audit.limits.proxy_residual.{bound}"
        for bound in ("fail_below=-9", "warn_below=-9", "warn_above=9", "fail_above=9")
    ),
    *(
        f"audit.limits.{check}.{bound}"
        for check in ("sum_ratio", "calibration_slope", "need_adjusted_ratio", "coverage_ratio")
        for bound in ("fail_below=0", "warn_below=0", "warn_above=9", "fail_above=9")
        if not (check == "need_adjusted_ratio" and bound.startswith("warn_below"))
        and not (check == "coverage_ratio" and bound.endswith("above=9"))
    ),
)


@dataclass(frozen=True)
class FinishedTask:
    """A finished task: its text for the terminal, parts, settings and folder."""

    text: str
    parts: dict[str, Any]
    config: dict[str, Any]
    folder: Path

    @property
    def decision(self) -> dict[str, Any]:
        """The content of ``decision.json``."""
        return json.loads((self.folder / "decision.json").read_text())

    @property
    def run(self):
        """The only tracked run."""
        (run,) = self.parts["tracking"].runs
        return run


def build_task(task, *overrides):
    """Return the settings of a task on the small city, and the objects built of them."""
    words = [*SETTINGS.get(task, ()), *overrides]
    chosen = [word for word in words if word.startswith("model=")]
    if chosen and "lightgbm" not in chosen[-1]:
        words = [word for word in words if not word.startswith("model.lightgbm.")]
    with initialize_config_dir(config_dir=str(find_configs()), version_base="1.3"):
        config = resolve(compose(config_name=task, overrides=words))
    return config, build_parts(config)


def run_task(task, folder, *overrides, **instead):
    """Return a task done in a new folder below ``folder``, where forecasts are stored too; ``instead`` swaps parts."""
    config, parts = build_task(task, f"output={folder}", *overrides)
    parts |= instead
    made = Path(folder, task, str(len(list(Path(folder).glob(f"{task}/*")))))
    made.mkdir(parents=True)
    logging.captureWarnings(capture=True)
    try:
        text = importlib.import_module(f"ilp_models.pipeline.{module_name(task)}").run(**parts, folder=made)
    finally:
        logging.captureWarnings(capture=False)
    return FinishedTask(text, parts, config, made)


def declare(folder, *overrides, **instead):
    """Return a declaration of settings in the register of a folder, so that they do not withhold its runs."""
    return run_task("preregister", folder, *overrides, **instead)


def reviewer_key(folder):
    """Return the file of a new private key in a folder, and the fingerprint of its public key."""
    private = Ed25519PrivateKey.generate()
    path = Path(folder, "reviewer.key")
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path, fingerprint(private.public_key())


def run_apart(task, folder, shelf, *overrides, **instead):
    """Return a task done with a register of its own, so that its decision counts for no other test."""
    return run_task(task, folder, f"store='{shelf}/forecasts'", *overrides, **instead)


def summary_of(text):
    """Return the last lines in the terminal: at most 15, with nothing after them."""
    lines = text.rsplit("\n\n", 1)[1].splitlines()
    assert 2 < len(lines) <= 15, text
    assert lines[-1].startswith("Next: ")
    return lines


def scores_of(done):
    """Return the stored scores of a run."""
    return (done.folder / "scores.csv").read_bytes()


def copy_run(done, folder):
    """Return a copy of a run's folder, to be spoiled."""
    return Path(shutil.copytree(done.folder, folder))
