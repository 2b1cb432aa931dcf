from importlib.resources import files

import pytest
from jinja2 import Environment, UndefinedError, meta

from ilp_models.report.rival_kit import kit_readme

TEMPLATE = files("ilp_models.report").joinpath("templates/rival_kit.md.j2").read_text(encoding="utf-8")
NEEDED = meta.find_undeclared_variables(Environment(autoescape=True).parse(TEMPLATE))
FACTS = {name: f"<{name} & more>" for name in NEEDED}


def test_the_facts_are_in_the_text_as_they_are():
    text = kit_readme(**FACTS)
    assert text.startswith("# Forecast <city & more> and compare\n")
    assert all(FACTS[name] in text for name in ("first_cutoff", "cells", "crime_types", "time_zone"))
    assert "{{" not in text


def test_a_missing_fact_is_an_error():
    with pytest.raises(UndefinedError, match="'city' is undefined"):
        kit_readme(**{name: value for name, value in FACTS.items() if name != "city"})
