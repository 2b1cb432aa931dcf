import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st

from ilp_models.cli.app import find_configs
from ilp_models.cli.errors import UsageError
from ilp_models.cli.instantiate import build_parts
from ilp_models.cli.neighbours import setting_of, with_neighbours
from ilp_models.cli.settings import Settings
from ilp_models.data.neighbours import Neighbours
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.domain.calendar import Calendar
from tests.builders import events_at


def test_names_become_the_data_declarations_of_the_files():
    settings = Settings(find_configs(), "forecast", ("jurisdiction=simulated_west",))
    config = {"neighbours": {"jurisdictions": ["simulated_east"], "reach_m": 500}}
    found = with_neighbours(config, settings)["neighbours"]
    assert found["reach_m"] == 500
    assert found["jurisdictions"]["simulated_east"]["west"] == 689_000
    assert found["jurisdictions"]["simulated_east"]["_target_"].endswith("SimulatedCity")


def test_neighbours_get_the_crime_type_scheme_of_the_jurisdiction():
    config = {"data": {"crime_scheme": "iccs"}, "neighbours": {"jurisdictions": ["toronto", "simulated_east"]}}
    declared = with_neighbours(config, Settings(find_configs(), "monitor"))["neighbours"]["jurisdictions"]
    assert declared["toronto"]["crime_scheme"] == "iccs"
    assert "crime_scheme" not in declared["simulated_east"]  # its class has no such setting


def test_settings_of_the_records_of_a_neighbour():
    settings = Settings(find_configs(), "forecast")
    named = [{"simulated_east": ["data.weeks=60", "data.seed=9"]}, "simulated_west"]
    declared = with_neighbours({"neighbours": {"jurisdictions": named}}, settings)["neighbours"]["jurisdictions"]
    assert (declared["simulated_east"]["weeks"], declared["simulated_east"]["seed"]) == (60, 9)
    both = ["simulated_east", "simulated_west"]
    plain = with_neighbours({"neighbours": {"jurisdictions": both}}, settings)["neighbours"]["jurisdictions"]
    assert declared["simulated_west"] == plain["simulated_west"]
    assert declared["simulated_east"] == plain["simulated_east"] | {"weeks": 60, "seed": 9}


@pytest.mark.parametrize("own", ["data.weeks=60", None, ["grid.size=500"], [3]])
def test_other_settings_of_a_neighbour_are_refused(own):
    config = {"neighbours": {"jurisdictions": [{"simulated_east": own}]}}
    with pytest.raises(
        UsageError, match=r"^neighbours\.jurisdictions has simulated_east: .* must be a list of settings"
    ):
        with_neighbours(config, Settings(find_configs(), "forecast"))


@given(st.lists(st.text(st.characters(exclude_categories=["C"], exclude_characters="$"), min_size=1), max_size=3))
@example(["data.filters.note='it\\'s'", "data.path=C:\\", "data.x=[a, 'b']"])
def test_hydra_reads_the_words_that_were_written(words):
    parsed = OverridesParser.create().parse_override(setting_of({"north": words, "south": []}))
    assert parsed.value() == [{"north": words} if words else "north", "south"]


@pytest.mark.parametrize("config", [{}, {"neighbours": {"jurisdictions": []}}, {"neighbours": None}])
def test_without_names_nothing_changes(config):
    assert with_neighbours(config, Settings(find_configs(), "forecast")) == config


def test_a_neighbour_with_the_name_of_a_packaged_file_is_refused(tmp_path):
    (tmp_path / "jurisdiction").mkdir()
    (tmp_path / "jurisdiction" / "simulated_east.yaml").write_text("# @package _global_\n# East\n")
    config = {"neighbours": {"jurisdictions": ["simulated_east"]}}
    with pytest.raises(UsageError, match="would not be read, because jurisdiction=simulated_east is a packaged option"):
        with_neighbours(config, Settings(find_configs(), "forecast", (), tmp_path))


@pytest.mark.parametrize(("names", "message"), [("north", r"such as \[north\]"), (["a", "b"], "names b, which is the")])
def test_text_and_the_jurisdiction_itself_are_refused(names, message):
    settings = Settings(find_configs(), "forecast", ("jurisdiction=b",))
    with pytest.raises(UsageError, match=message):
        with_neighbours({"neighbours": {"jurisdictions": names}}, settings)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# @package _global_\n# B\ndefaults:\n  - override /data: simulated\ndata: {weeks: 0}\n", "weeks"),
        ("# @package _global_\n# B\ndata: {weeks: [\n", "expected"),
        ("# @package _global_\n# B\ndefaults:\n  - override /data: atlantis\n", "atlantis"),
    ],
)
def test_a_neighbour_with_wrong_settings_is_left_out_and_says_why(tmp_path, text, why):
    (tmp_path / "jurisdiction").mkdir()
    (tmp_path / "jurisdiction" / "b.yaml").write_text(text)
    config = {"neighbours": {"jurisdictions": ["b", "simulated_east"]}}
    declared = with_neighbours(config, Settings(find_configs(), "forecast", (), tmp_path))["neighbours"]
    neighbours = Neighbours(**build_parts(declared))
    _, left_out = neighbours.read(events_at([689_100.0], [4_834_100.0]), Calendar())
    assert isinstance(neighbours.jurisdictions["simulated_east"], SimulatedCity)
    assert "jurisdiction/b.yaml cannot be used: " in left_out["b"]
    assert why in left_out["b"]


def test_an_unknown_neighbour_is_refused():
    config = {"neighbours": {"jurisdictions": ["atlantis"]}}
    with pytest.raises(UsageError, match=r"no jurisdiction/atlantis\.yaml.*simulated_east"):
        with_neighbours(config, Settings(find_configs(), "forecast"))
