import pytest
from omegaconf import OmegaConf

from ilp_models.domain.errors import InputError
from ilp_models.domain.suggestion import SuggestedSettings, Suggestion


def suggested(*more, **changes):
    made = (Suggestion("path", "a.csv", "certain", "given"), *more)
    return SuggestedSettings(**{"path": "a.csv", "rows": 3, "suggestions": made, **changes})


def test_the_yaml_holds_the_settings_and_open_ones_are_missing():
    one = suggested(
        Suggestion("columns.crime_type", 'Off: "x" # é', "likely", "name"),
        Suggestion("columns.lat", "Lat", "certain", "degrees"),
        Suggestion("time_formats", None, "open", "which?", ("a", "b")),
        Suggestion("crime_types", {"Theft: all": "Theft", "Drugs": None}, "check", "frequent"),
        label_counts={"Theft: all": 5},
    )
    found = OmegaConf.create(one.to_yaml())
    assert OmegaConf.missing_keys(found) == {"time_formats"}
    assert found.columns == {"crime_type": 'Off: "x" # é', "lat": "Lat"}
    assert found.crime_types == {"Theft: all": "Theft", "Drugs": None}
    lines = one.to_yaml().splitlines()
    for setting in ("columns.crime_type", "columns.lat", "time_formats", "crime_types"):
        assert setting.rpartition(".")[2] in lines[one.line_of(setting) - 1]
    assert one.settings() == {
        "path": "a.csv",
        "columns": {"crime_type": 'Off: "x" # é', "lat": "Lat"},
        "crime_types": {"Theft: all": "Theft", "Drugs": None},
    }
    assert [q.setting for q in one.questions] == ["time_formats"]


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "a\nb: c", "x # ${path}", "\u2028y"])
def test_texts_of_the_data_do_not_change_the_file(text):
    one = suggested(
        Suggestion("columns.crime_type", text, "likely", f"because {text}", (text,)),
        Suggestion("crime_types", {text: text}, "check", "frequent"),
        path=text,
        person_columns=(text,),
        notes=(text,),
    )
    found = OmegaConf.to_container(OmegaConf.create(one.to_yaml()), resolve=True)
    assert found["columns"]["crime_type"] == text
    assert list(found["crime_types"].values()) == [text]
    assert set(found) == {"_target_", "path", "columns", "crime_types"}


def test_a_note_is_the_confidence_and_the_explanation():
    one = Suggestion("time_formats", None, "open", "Which day is first?.", ("a", "b"))
    assert one.explanation == "Which day is first?. Or: a; b."
    assert one.note == f"OPEN: {one.explanation}"


def test_an_unknown_confidence_is_refused():
    with pytest.raises(InputError, match="confidence 'sure' is unknown"):
        Suggestion("path", "a", "sure", "why")
