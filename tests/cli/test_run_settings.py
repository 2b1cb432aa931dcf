import pytest
from omegaconf import OmegaConf

from ilp_models.cli.errors import UsageError
from ilp_models.cli.run_settings import with_run_settings
from ilp_models.domain.errors import StorageError

OPTIONS = ("data", "grid", "model", "experiment", "jurisdiction")
STORED = """
seed: 3
data: {_target_: a.B, path: may.csv, columns: {area: Beat}}
grid: {size: 400}
model: {ewma: {reach: 2}}
audit: {share: 0.1, seed: "${oc.select:seed,0}"}
forecaster: ewma
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that gives the settings of a task for words of a command, with a stored run."""
    source = tmp_path / "run"
    (source / ".hydra").mkdir(parents=True)
    (source / ".hydra" / "config.yaml").write_text(STORED)

    def settings(*words, stored=STORED, standing=None, experiment=None):
        (source / ".hydra" / "config.yaml").write_text(stored)
        cfg = OmegaConf.create(
            {
                "source": str(source),
                "from_run": ["data", "grid", "model", "audit", "forecaster", "seed"],
                "data": {"path": "toronto.csv"},
                "grid": {"size": 500},
                "model": {},
                "audit": {"share": 0.05, "seed": 0},
                "forecaster": "lightgbm",
                "seed": 0,
                "false_alarms": 0.05,
            }
        )
        found = with_run_settings(cfg, words, OPTIONS, standing, experiment)
        return OmegaConf.to_container(found, resolve=True)

    return settings


def test_settings_come_from_the_run(run):
    found = run("false_alarms=0.1")
    assert found["data"]["path"] == "may.csv"
    assert (found["grid"], found["forecaster"], found["audit"]) == ({"size": 400}, "ewma", {"share": 0.1, "seed": 3})
    assert found["false_alarms"] == 0.05  # the task's own settings are composed before
    assert "from_run" not in found


def test_only_the_records_may_be_others(run):
    assert run("data.path=june.csv")["data"]["path"] == "june.csv"
    assert run("data.end=2026-01-01")["data"]["columns"] == {"area": "Beat"}
    assert run("grid.size=400")["grid"] == {"size": 400}
    for word, value in (
        ("grid.size=500", "400"),
        ("forecaster=kde", "ewma"),
        ("audit.share=0.2", "0.1"),
        ("seed=1", "3"),
    ):
        with pytest.raises(UsageError, match=f"{word} contradicts the run in .*={value}. Leave it out"):
            run(word)


def test_a_jurisdiction_is_taken_from_the_run_and_may_not_contradict_it(run, tmp_path):
    standing = tmp_path / "ourcity.yaml"
    standing.write_text("defaults: [{override /data: x}]\ndata: {path: june.csv}\naudit: {share: 0.1}\nother: 1\n")
    assert run("jurisdiction=ourcity", standing=standing)["data"]["path"] == "may.csv"
    standing.write_text("audit: {share: 0.2}\n")
    with pytest.raises(UsageError, match=r"ourcity.yaml: audit.share=0.2 contradicts the run in .*share=0.1"):
        run("jurisdiction=ourcity", standing=standing)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("terms: {goal: fewer}\n", "may.csv"),
        ("defaults:\n  - override /bootstrap: none\n", "may.csv"),
        ("defaults:\n  - override /data: simulated\n", "toronto.csv"),
        ("data: {end: 2026-01-01}\n", "toronto.csv"),
        ("defaults:\n  - override /model/parts: [a]\n", "toronto.csv"),
    ],
)
def test_an_experiment_gives_all_settings_only_if_it_has_one_that_the_run_gives(run, tmp_path, text, path):
    (tmp_path / "ours.yaml").write_text(f"# @package _global_\n{text}")
    assert run("experiment=ours", experiment=tmp_path / "ours.yaml")["data"]["path"] == path


@pytest.mark.parametrize("word", ["data=chicago", "model=[kde]"])
def test_a_command_that_chooses_options_gives_all_settings(run, word):
    assert run(word)["grid"] == {"size": 500}


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("data: {path: '${oc.env:HOME}'}", "it calls oc.env"),
        ("data: {path: '${oc.decode:x}'}", "it calls oc.decode"),
        ("[1, 2]", "not a file of settings"),
        ("data: {", "is damaged"),
        ("\x00", "is damaged"),
    ],
)
def test_settings_that_are_damaged_or_call_functions_are_refused(run, stored, message):
    with pytest.raises(UsageError, match=message):
        run(stored=stored)


def test_a_link_out_of_the_run_is_refused(run, tmp_path):
    run()
    path = tmp_path / "run" / ".hydra" / "config.yaml"
    path.unlink()
    (tmp_path / "secret.yaml").write_text(STORED)
    path.symlink_to(tmp_path / "secret.yaml")
    cfg = OmegaConf.create({"source": str(tmp_path / "run"), "from_run": ["data"], "data": {}})
    with pytest.raises(StorageError, match="outside the folder"):
        with_run_settings(cfg, (), OPTIONS)


def test_a_run_without_stored_settings_leaves_those_of_the_task(tmp_path):
    cfg = OmegaConf.create({"source": str(tmp_path), "from_run": ["data"], "data": {"path": "a"}})
    assert OmegaConf.to_container(with_run_settings(cfg, (), OPTIONS)) == {
        "source": str(tmp_path),
        "data": {"path": "a"},
    }


def test_a_reference_in_the_command_stays_one():
    composed = OmegaConf.create({"data": {"path": "a", "odd": "{'"}, "words": ["groups.source=${data}"]})
    cfg = OmegaConf.create({"source": "none", "from_run": ["data"], "data": {"path": "a"}})
    assert with_run_settings(cfg, composed.words, OPTIONS) == {"source": "none", "data": {"path": "a"}}
