"""A configuration builds classes on the list only, and cannot reach the settings of Hydra that run code."""

import sys

import pytest

from ilp_models.cli.app import App, find_configs
from ilp_models.cli.errors import UsageError
from ilp_models.cli.instantiate import build_parts

REFUSED = [
    "sklearn.datasets.fetch_california_housing",
    "sklearn.datasets.load_files",
    "sklearn.utils.Bunch",
    "sklearn.model_selection.cross_val_score",
    "lightgbm.train",
    "interpret.glassbox.os.system",
    "os.system",
    "subprocess.Popen",
    "builtins.eval",
    "ilp_models.cli.app.App",
    "ilp_models.cli.app.main",
    "ilp_models.pipeline.weekly.run",
    "ilp_models.pipeline.run_folder.load_approved",
    "ilp_models.grid.polygons.read_polygons",
    "ilp_models.data.layers.LayerFile.from_settings",
    "ilp_models.domain.recipe.Path",
    "ilp_models.data.layers.gpd.read_file",
    "ilp_models.data.layers",
    "ilp_models.data.no_such_module.Class",
    "hydra.utils.instantiate",
    "",
    None,
    ["os.system"],
]
EWMA = "ilp_models.model.means.ewma.EWMA"


@pytest.mark.parametrize("target", REFUSED)
@pytest.mark.parametrize("place", ["top", "nested", "list"])
def test_only_classes_on_the_list_are_built(target, place):
    node = {"_target_": target}
    config = {"top": node, "nested": {"_target_": EWMA, "half_lives": node}, "list": [[{"a": node}]]}[place]
    with pytest.raises(UsageError):
        build_parts({"part": config})


@pytest.mark.parametrize("key", ["_args_", "_partial_", "_recursive_", "_convert_", "_mode_"])
def test_other_instructions_of_hydra_are_refused(key):
    for config in ({"_target_": EWMA, key: True}, {"a": [{key: []}]}):
        with pytest.raises(UsageError, match=f"{key} is an instruction"):
            build_parts({"part": config})


def test_estimators_and_own_classes_are_built():
    parts = build_parts({"one": {"_target_": EWMA}, "two": {"_target_": "sklearn.ensemble.RandomForestRegressor"}})
    assert [type(part).__name__ for part in parts.values()] == ["EWMA", "RandomForestRegressor"]


@pytest.fixture
def ilp(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ilp"])

    def call(*words):
        code = App(find_configs()).run(list(words))
        return code, capfd.readouterr().err

    return call


@pytest.mark.parametrize(
    "words",
    [
        ["+hydra.callbacks.x._target_=os.getcwd"],
        ["++hydra.callbacks.x={_target_: os.getcwd}"],
        ["hydra.launcher._target_=os.getcwd"],
        ["hydra.sweeper._target_=os.getcwd", "-m"],
        ["hydra/launcher=basic"],
        ["+hydra.job_logging.handlers.x.()=os.getcwd"],
        ["hydra.job_logging.handlers.file.class=os.getcwd"],
        ["hydra.job_logging.formatters.plain.class=os.getcwd"],
        ["hydra.hydra_logging.handlers.console.stream=ext://os.getcwd"],
        ["hydra.searchpath=[pkg://os]"],
        ["~hydra.job_logging"],
        ["+data@hydra.callbacks=toronto"],
        ["--experimental-rerun", "config.pickle"],
        ["--config-path", "mine"],
        ["--config-name", "weekly"],
    ],
)
def test_settings_of_hydra_are_refused_with_a_clear_line(words, ilp):
    code, line = ilp("simulate", *words)
    assert code == 2
    assert any(reason in line for reason in ("cannot be set", "not available", "Cannot read the setting"))
    assert line.count("\n") == 1


CALLBACK = "{x: {_target_: os.getcwd}}"
FILES = {
    "top": ("data/evil.yaml", f"hydra:\n  callbacks: {CALLBACK}\n"),
    "global": ("experiment/evil.yaml", f"# @package _global_\nhydra:\n  callbacks: {CALLBACK}\n"),
    "package": ("data/evil.yaml", f"# @package hydra.callbacks\n{CALLBACK[1:-1]}\n"),
    "second package": ("data/evil.yaml", f"# @package data\n# @package _global_.hydra\ncallbacks: {CALLBACK}\n"),
    "defaults": ("experiment/evil.yaml", "# @package _global_\ndefaults:\n  - override /hydra/launcher: evil\n"),
    "moved": ("experiment/evil.yaml", "# @package _global_\ndefaults:\n  - /data@hydra.callbacks: evil\n"),
    "group": ("hydra/launcher/evil.yaml", "_target_: os.getcwd\n"),
    "named": ("data/hydra.yaml", f"# @package _name_\ncallbacks: {CALLBACK}\n"),
    "task": ("simulate.yaml", f"hydra:\n  callbacks: {CALLBACK}\n"),
}


@pytest.mark.parametrize("kind", FILES)
def test_settings_of_hydra_in_files_of_the_user_are_refused(kind, ilp, tmp_path):
    name, text = FILES[kind]
    path = tmp_path / "mine" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    code, line = ilp("simulate", "--config-dir", str(tmp_path / "mine"))
    assert code == 2
    assert "contains settings of Hydra itself" in line
