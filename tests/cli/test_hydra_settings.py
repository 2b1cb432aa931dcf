import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ilp_models.cli.app import App, find_configs
from ilp_models.cli.errors import UsageError
from ilp_models.cli.hydra_settings import check_folder, check_words, compose_settings

pytestmark = pytest.mark.filterwarnings("default:a wolf")


def test_a_kit_is_not_written_by_a_sweep(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ilp"])
    assert App(find_configs()).run(["backtest", "-m", "kit=new", "backtest.test_periods=4,8"]) == 2
    assert "kit=new cannot be set together with -m" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_config_dir_adds_options_and_replaces_none(ilp, tmp_path):
    own = tmp_path / "my own" / "flock"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# My sheep\n_target_: fractions.Fraction\nnumerator: 11\n")
    (own / "small.yaml").write_text("_target_: fractions.Fraction\nnumerator: 12\n")
    where = ("--config-dir", str(own.parent))
    assert ilp("count", "flock=mine", *where)[1].startswith("11 sheep")
    code, _, err = ilp("count", "flock=small", *where)
    assert code == 2
    assert "small.yaml would not be read, because flock=small is a packaged option. Rename your file." in err
    assert "My sheep" in ilp("count", "--help", *where)[1]
    assert "Did you mean flock=mine?" in ilp("count", "flock=mien", *where)[2]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flock/mine.yaml", "hydra: {mode: RUN}\n"),
        ("flock/mine.yaml", "# @package hydra.job\na: 1\n"),
        ("flock/mine.yml", "defaults:\n  - /hydra/launcher: joblib\n"),
        ("hydra/launcher/mine.yaml", "a: 1\n"),
    ],
)
def test_a_folder_with_settings_of_hydra_is_refused(name, text, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(UsageError, match="contains settings of Hydra itself, which can run code"):
        check_folder(tmp_path)


def test_a_folder_of_plain_options_passes(tmp_path):
    (tmp_path / "flock").mkdir()
    (tmp_path / "flock" / "mine.yaml").write_text("# @package flock\nhydraulics: 1\n")
    check_folder(tmp_path)


def test_only_plain_settings_of_hydra_can_be_given():
    parser = OverridesParser.create()
    check_words(iter(parser.parse_overrides(["hydra.run.dir=here", "flock=small"])))
    for word in ("hydra/launcher=joblib", "hydra.job.name=x", "flock@hydra.job=small"):
        with pytest.raises(UsageError, match=r"cannot be set\. Of Hydra's own settings these can"):
            check_words(iter(parser.parse_overrides([word])))


def test_settings_are_composed_while_nothing_runs(configs):
    cfg = compose_settings(configs, "count", ["flock=large"])
    assert cfg.flock.numerator == 400
    assert "hydra" in cfg
