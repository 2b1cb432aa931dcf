from hydra import compose, initialize_config_dir

from ilp_models.cli.app import find_configs
from ilp_models.cli.settings import Settings

CONFIGS = find_configs()
WORDS = ("layers.bars.path=b.gpkg", "layers.bars.filters={amenity: [bar, pub]}", "layers={parks: {path: p.gpkg}}")


def test_names_of_the_user_are_taken_where_a_task_leaves_room_for_them():
    opened = Settings(CONFIGS, "forecast", (*WORDS, "horizon=2", "~export", "++layers.a.path=a")).opened()
    assert opened.overrides == (*(f"++{word}" for word in WORDS), "horizon=2", "~export", "++layers.a.path=a")
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        layers = compose(config_name="forecast", overrides=list(opened.overrides[:3])).layers
    assert layers == {
        "bars": {"path": "b.gpkg", "filters": {"amenity": ["bar", "pub"]}},
        "parks": {"path": "p.gpkg"},
    }


def test_room_is_left_inside_a_part_too():
    words = ("tuning.space.window.low=4", "tuning.space={offset.mix:{low:0,high:1}}", "tuning.trials=3")
    opened = Settings(CONFIGS, "tune", words).opened()
    assert opened.overrides == (*(f"++{word}" for word in words[:2]), "tuning.trials=3")
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        space = compose(config_name="tune", overrides=["tuning=optuna", *opened.overrides]).tuning.space
    assert space == {"window": {"low": 4}, "offset.mix": {"low": 0, "high": 1}}


def test_room_that_an_option_leaves_is_room_too():
    two = "audit.definitions={two: {origin: {visible: [Black, Asian]}}}"
    words = (two, "audit.harm.Robbery=3.5", "audit.share=0.1")
    opened = Settings(CONFIGS, "audit", words).opened()
    assert opened.overrides == (*(f"++{word}" for word in words[:2]), "audit.share=0.1")
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        audit = compose(config_name="audit", overrides=list(opened.overrides)).audit
    assert (audit.definitions.two.origin.visible, audit.harm) == (["Black", "Asian"], {"Robbery": 3.5})


def test_help_marks_no_method_of_which_an_experiment_left_settings():
    page = Settings(CONFIGS, "backtest", ("experiment=monthly", "model=[ewma]")).explain()
    assert [line.split()[1] for line in page.splitlines() if line.startswith("  * model=")] == ["model=ewma"]


def test_a_hint_is_about_the_word_that_names_nothing():
    settings = Settings(CONFIGS, "forecast", ("layers.bars.path=b.gpkg", "horizn=2")).opened()
    assert settings.suggest() == "Did you mean horizon?"
