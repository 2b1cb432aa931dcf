import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.region_plan import RegionPlan


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ({"jurisdictions": []}, "must list jurisdictions"),
        ({"jurisdictions": "north"}, "must list jurisdictions"),
        ({"jurisdictions": ["north", "north"]}, "each once"),
        ({"jurisdictions": ["../north"]}, "must list jurisdictions"),
        ({"jurisdictions": ["north"], "exceptions": {"south": []}}, r"region\.exceptions names south"),
        ({"jurisdictions": ["north"], "settings": "grid.size=5"}, r"region\.settings=grid.size=5 must be a list"),
        ({"jurisdictions": ["north"], "exceptions": {"north": ["a"]}}, r"region\.exceptions\.north="),
        ({"jurisdictions": ["north"], "population": {"north": True}}, "must be a number of residents"),
        ({"jurisdictions": ["north", False]}, "or the word no, in quotes"),
        ({"jurisdictions": ["north"], "population": None}, r"region\.population=None must give a value"),
        ({"jurisdictions": ["north"], "parts": {"A": "north"}}, r"region\.parts\.A=north must be a list"),
        *(
            (
                {"jurisdictions": ["north"], "memory_mb": memory},
                r"region\.memory_mb=.* must be a whole number of megabytes",
            )
            for memory in (199, True, "4GB", 4000.0)
        ),
        *(
            ({"jurisdictions": ["north"], "exceptions": {"north": [word]}}, r"but the region sets \w+ for each")
            for word in (
                *("jurisdiction=south", "region=pair", "output=outputs/south", "register=outputs/south/register.jsonl"),
                *("hydra.run.dir=x", "++hydra.mode=MULTIRUN", "hydra/launcher=x", " +output = x", "exit_code=decision"),
            )
        ),
    ],
)
def test_a_wrong_region_file_is_refused(region, words):
    with pytest.raises(InputError, match=words):
        RegionPlan(**region)


def test_a_limit_of_memory_is_refused_where_no_system_keeps_it(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    assert RegionPlan(["north"]).memory_mb is None
    with pytest.raises(InputError, match=r"region\.memory_mb=4000 can be set on Linux only"):
        RegionPlan(["north"], memory_mb=4000)
