"""What identifies the results of a study."""

from dataclasses import replace

from ilp_models.pipeline.study import open_study
from tests.pipeline.small_city import settle


def test_a_method_of_ones_own_that_changed_is_another_recipe(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "method_under_change.py"
    config, parts = settle("backtest", f"output={tmp_path}")
    models = {"mine": {"_target_": "method_under_change.Mine"}, "ewma": config["model"]["ewma"]}
    study = open_study(*(parts[name] for name in ("data", "calendar", "grid")), config, tmp_path, {})
    study = replace(study, config={**config, "model": models})
    path.write_text("class Mine:\n    pass\n")
    before = study.recipes(models)
    path.write_text("class Mine:\n    other = 1\n")
    after = study.recipes(models)
    assert after["mine"] != before["mine"]
    assert after["ewma"] == before["ewma"]
