import pytest

from ilp_models.cli.renamed_settings import SETTINGS, first_renamed, renamed_key

pytestmark = pytest.mark.filterwarnings("default:a wolf")


@pytest.mark.parametrize(
    ("word", "new"),
    [
        ("audit.share=0.1", "audit.land_share"),
        ("audit.minimum={periods:8}", "audit.min_evidence"),
        ("model.lightgbm.keep_level=false", "model.lightgbm.match_city_total"),
        ("++model.mine.offset.reach=2", "model.mine.offset.reach_cells"),
        ("scoring.level=0.9", "bootstrap.confidence"),
        ("from=outputs/run", "rerun"),
        ("scoring.harm={Assault: 10}", "harm=[csi_2009,ons_css]"),
        ("++audit.harm.Assault=10", "harm=[csi_2009,ons_css] and audit.harm=csi_2009"),
        ("objective.source=me", "harm=[csi_2009,ons_css], whose sets state their source"),
        ("grid=searched", "grid=random_search"),
    ],
)
def test_a_renamed_setting_is_refused_with_the_new_name(ilp, word, new):
    code, out, err = ilp("count", word)
    assert (code, out) == (2, "")
    assert "was renamed. Use " + new in err.replace("\n", " ")


def test_a_renamed_setting_in_a_file_of_the_user_is_refused(ilp, tmp_path):
    own = tmp_path / "mine" / "experiment"
    own.mkdir(parents=True)
    (own / "old.yaml").write_text("# @package _global_\n# Mine\naudit:\n  governance: {level: middle}\n")
    code, _, err = ilp("count", "--config-dir", str(tmp_path / "mine"), "experiment=old")
    assert code == 2
    assert f"audit.governance.level in {own / 'old.yaml'} was renamed. Use audit.governance.tier." in err


@pytest.mark.parametrize(
    ("key", "new"),
    [
        ("level", "audience"),
        ("model.mine.keep_level", "model.mine.match_city_total"),
        ("audit.harm.Assault", "harm=[csi_2009,ons_css] and audit.harm=csi_2009"),
        ("audit.block.deeper", "bootstrap.block.deeper"),
        ("audit.harm", None),
        ("audit.land_share", None),
        ("model", None),
    ],
)
def test_one_name_in_an_old_key_stands_for_any(key, new):
    assert renamed_key(key) == new


def test_the_first_old_key_is_found():
    assert first_renamed(["grid.size", "trusted", "level"]) == ("trusted", "trusted_keys")
    assert first_renamed(["grid.size"]) is None


def test_no_new_name_is_an_old_one():
    assert [new for new in SETTINGS.values() if renamed_key(new) is not None] == []
