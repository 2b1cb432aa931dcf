import re

from hydra import compose, initialize_config_dir

from ilp_models.cli.app import find_configs
from ilp_models.cli.settings import Settings

CONFIGS = find_configs()
WORDS = ("layers.bars.path=b.gpkg", "layers.bars.filters={amenity: [bar, pub]}", "layers={parks: {path: p.gpkg}}")


def test_users_can_add_names_to_an_empty_mapping_of_a_task():
    settings = Settings(CONFIGS, "forecast", (*WORDS, "horizon=2", "~export", "++layers.a.path=a")).with_additions()
    assert settings.overrides == (*(f"++{word}" for word in WORDS), "horizon=2", "~export", "++layers.a.path=a")
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        layers = compose(config_name="forecast", overrides=list(settings.overrides[:3])).layers
    assert layers == {
        "bars": {"path": "b.gpkg", "filters": {"amenity": ["bar", "pub"]}},
        "parks": {"path": "p.gpkg"},
    }


def test_users_can_add_names_to_an_empty_mapping_inside_an_object():
    words = ("tuning.space.window.low=4", "tuning.space={offset.mix:{low:0,high:1}}", "tuning.trials=3")
    settings = Settings(CONFIGS, "tune", words).with_additions()
    assert settings.overrides == (*(f"++{word}" for word in words[:2]), "tuning.trials=3")
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        space = compose(config_name="tune", overrides=["tuning=optuna", *settings.overrides]).tuning.space
    assert space == {"window": {"low": 4}, "offset.mix": {"low": 0, "high": 1}}


def test_users_can_add_names_to_an_empty_mapping_of_an_option():
    two = "audit.alternative_groupings={two: {origin: {visible: [Black, Asian]}}}"
    words = (two, "audit.land_share=0.1")
    settings = Settings(CONFIGS, "audit", words).with_additions()
    assert settings.overrides == (f"++{two}", "audit.land_share=0.1")
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        audit = compose(config_name="audit", overrides=list(settings.overrides)).audit
    assert audit.alternative_groupings.two.origin.visible == ["Black", "Asian"]


def test_help_marks_only_chosen_models_with_an_experiment():
    page = Settings(CONFIGS, "backtest", ("experiment=monthly", "model=[ewma]")).explain()
    assert [line.split()[1] for line in page.splitlines() if line.startswith("  * model=")] == ["model=ewma"]


def test_help_shows_the_value_of_a_setting_that_follows_another_and_its_name():
    page = Settings(CONFIGS, "weekly", ("model=[lightgbm]", "seed=7", "backtest.horizon=2", "output=here")).explain()
    lines = {line.split()[0]: line for line in page.splitlines() if line.strip()}
    assert "${" not in page
    assert lines["model.lightgbm.leads=2"].endswith("As many as are forecast; follows backtest.horizon")
    assert lines["store=here/forecasts"].endswith("which audits do not read; follows output")
    assert "model.lightgbm.seed=7 (follows seed)" in page
    page = Settings(CONFIGS, "forecast", ("model=[lightgbm]", "horizon=3")).explain()
    assert re.search(r"model\.lightgbm\.leads=3 .*; follows horizon$", page, re.MULTILINE)


def test_help_shows_a_group_of_settings_without_an_empty_value():
    page = Settings(CONFIGS, "weekly").explain()
    assert re.search(r"^ +calendar\.\* +Length of the periods$", page, re.MULTILINE)
    assert not re.search(r"^ +[\w.]+=(?: |$)", page, re.MULTILINE)


def test_help_shows_a_reference_to_an_unknown_setting_unchanged():
    assert "store=${nothing}/forecasts" in Settings(CONFIGS, "weekly", ("store=${nothing}/forecasts",)).explain()


def test_the_hint_is_about_the_unknown_setting():
    settings = Settings(CONFIGS, "forecast", ("layers.bars.path=b.gpkg", "horizn=2")).with_additions()
    assert settings.suggest() == "Did you mean horizon?"
