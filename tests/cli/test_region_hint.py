import pytest

from ilp_models.cli.app import App, find_configs
from ilp_models.cli.region_hint import region_hint
from ilp_models.cli.settings import Settings


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("[north, south]", "add to {}/region/pair.yaml: settings: [data.weeks=26]"),
        ("[toronto, north]", "add to {}/region/pair.yaml: exceptions: {{north: [data.weeks=26]}}"),
    ],
)
def test_a_setting_of_some_data_options_belongs_in_the_file_of_the_region(options, capsys, monkeypatch, names, words):
    monkeypatch.setattr("sys.argv", ["ilp"])
    (options / "region").mkdir()
    target = "# A region\n_target_: ilp_models.domain.region_plan.RegionPlan\n"
    (options / "region" / "pair.yaml").write_text(f"{target}jurisdictions: {names}\n")
    assert App(find_configs()).run(["weekly", "region=pair", "data.weeks=26", f"--config-dir={options}"]) == 2
    assert words.format(options) in capsys.readouterr().err


def test_a_command_without_a_region_or_with_settings_of_all_needs_no_hint(options):
    (options / "region").mkdir()
    (options / "region" / "pair.yaml").write_text("jurisdictions: [north, south]\n")
    for words in (("data.weeks=26",), ("region=pair", "model=[ewma]"), ("region=none", "data.weeks=26")):
        assert region_hint(Settings(find_configs(), "weekly", words, options)) == ""


def test_the_hint_quotes_what_yaml_would_read_otherwise(options):
    (options / "region").mkdir()
    (options / "region" / "pair.yaml").write_text("jurisdictions: [toronto, north]\n")
    words = ("region=pair", "data.seed=[1, 2]")
    hint = region_hint(Settings(find_configs(), "weekly", words, options))
    assert hint.startswith("Of the region, north has it. Leave it out of the command")
    assert hint.endswith('exceptions: {north: ["data.seed=[1, 2]"]}')
