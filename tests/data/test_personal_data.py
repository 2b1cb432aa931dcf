import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.data.personal_data import looks_personal, personal_contents

PERSONAL = [
    "VIC_RACE", "VIC_SEX", "VIC_AGE_GROUP", "SUSP_SEX", "PERP_RACE", "Vict Age", "Vict Descent", "victimRace",
    "VictimSex", "suspect_name", "OffenderAge", "Officer ID", "first_name", "FirstName", "LASTNAME", "surname",
    "Full Name", "DOB",
    "dateofbirth", "DateOfBirth", "birth_date", "ssn", "passport no", "phone", "Phone Number", "phonenumber", "E-mail",
    "email", "Person ID", "person_name", "race", "Ethnicity", "Age range", "Gender", "Self-defined ethnicity", "sex",
    "nationality", "home address", "License Plate", "edad", "fecha_nacimiento", "apellidos",
]  # fmt: skip
IMPERSONAL = [
    "CMPLNT_NUM", "CMPLNT_FR_DT", "OFNS_DESC", "ADDR_PCT_CD", "PREM_TYP_DESC", "Latitude", "STATION_NAME", "PARKS_NM",
    "Primary Type", "Community Area", "Location Description", "Crime type", "Crime ID", "LSOA name", "Falls within",
    "Neighbourhood", "Neighbourhood Name", "agency", "Village", "premises_type", "Average", "stage", "Percentage",
    "Sussex district", "Essex", "terrace", "Racetrack", "name", "Street name", "Case Number", "VictimCount",
    "incident_id", "CATEGORY", "CALL GROUPS", "census_tract", "MCI", "Zip Codes", "Beat", "dobson_area",
    "Last outcome category",
]  # fmt: skip


@pytest.mark.parametrize("column", PERSONAL)
def test_columns_of_personal_data_are_detected(column):
    assert looks_personal(column)


@pytest.mark.parametrize("column", IMPERSONAL)
def test_columns_of_places_times_and_offences_pass(column):
    assert not looks_personal(column)


words = st.sampled_from(["victim", "suspect", "dob", "surname", "ethnicity", "sex", "email", "phone"])
styles = st.sampled_from([str.upper, str.lower, str.title])
others = st.sampled_from(["code", "desc", "value", "status", "1"])


@settings(max_examples=30)
@given(word=words, other=others, style=styles, join=st.sampled_from(["_", " ", "-", "."]), first=st.booleans())
def test_a_personal_word_is_found_at_any_position(word, other, style, join, first):
    pair = (word, other) if first else (other, word)
    assert looks_personal(style(join.join(pair)))


names = st.tuples(
    st.sampled_from(["Smith", "O'Brien", "García", "MacLeod", "Nguyen", "Lee-Potter", "MÜLLER"]),
    st.sampled_from(["Anna", "John", "Zoë", "Mary Ann", "Lee J.", "JEAN-PAUL"]),
).map(", ".join)
mails = st.tuples(st.from_regex(r"[a-z]{1,8}\.?[a-z]{1,8}", fullmatch=True), st.sampled_from(["a.org", "mail.co.uk"]))
phones = st.from_regex(r"(\+1 |)\([2-9][0-9]{2}\) [0-9]{3}-[0-9]{4}|[2-9][0-9]{2}-[0-9]{3}-[0-9]{4}", fullmatch=True)
dates = st.dates().map(str)


@settings(max_examples=30)
@given(st.lists(names, min_size=3, unique=True))
def test_names_of_persons_are_detected(values):
    assert personal_contents(pd.Series(values)) == "personal names"


@settings(max_examples=30)
@given(st.lists(mails.map("@".join), min_size=1))
def test_mail_addresses_are_detected(values):
    assert personal_contents(pd.Series([*values, "Downtown", None])) == "e-mail addresses"


@settings(max_examples=30)
@given(st.lists(phones, min_size=1))
def test_phone_numbers_are_detected(values):
    assert personal_contents(pd.Series(values)) == "phone numbers"


@settings(max_examples=30)
@given(st.lists(dates, min_size=1))
def test_birth_dates_are_detected(values):
    assert personal_contents(pd.Series(values)) == "birth dates"


codes = st.one_of(
    st.integers(0, 10**12).map(str),
    st.from_regex(r"[EWSN]0[0-9]{7}|[A-Z][0-9]{1,3}|[0-9]{3,4}\.[0-9]{2}", fullmatch=True),
)


@settings(max_examples=30)
@given(st.lists(codes, min_size=1))
def test_codes_of_areas_pass(values):
    assert personal_contents(pd.Series(values)) is None


@pytest.mark.parametrize(
    "values",
    [
        ["Theft, Other", "Assault, Aggravated", "Burglary, Residential", "Larceny, Vehicle"],
        ["THEFT, PERSON", "RAPE, FORCIBLE", "PICKPOCKET, ATTEMPT", "BATTERY - SIMPLE"],
        ["Bronx, NY", "Queens, NY", "Brooklyn, NY", "Albany, NY"],
        ["Kensington, North", "Kensington, South", "Chelsea, East", "Fulham, West"],
        ["Smith, Anna", "Downtown", "Harbour", "Mill Road", "Old Town"],
        ["Waterfront Communities-The Island", "Dovercourt-Wallace Emerson-Junction"],
        [None, "", "  "],
        [],
    ],
)
def test_labels_with_commas_and_places_pass(values):
    assert personal_contents(pd.Series(values, dtype="str")) is None


def test_a_few_labels_shaped_like_names_over_many_rows_pass():
    assert personal_contents(pd.Series(["Hill, Anna", "Lake, John", "Wood, Mary"] * 20)) is None
