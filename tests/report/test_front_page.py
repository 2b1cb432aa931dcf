from dataclasses import replace

from ilp_models.domain.timing import SIMULATED
from ilp_models.report.front_page import FrontPage, Place, Total
from tests.report.front_pages import last_of
from tests.report.html_page import Page


def page_with(**changed):
    made = FrontPage(
        city="Toronto",
        period="Monday 3 to Sunday 9 January 2022",
        noun="week",
        admitted=True,
        why="All required checks passed for every crime type and group of residents.",
        until="9 January 2022, 12:00 UTC",
        totals=(Total("All types", 120.0, (100.0, 140.0), 90.0, 130.0), Total("Assault", 60.0, None, 0.0, None)),
        tested=52,
        last_label="Monday 27 December 2021 to Sunday 2 January 2022",
        places=tuple(Place(f"Place {n}", 5.0 - n, 43.65, -79.38) for n in range(3)),
        mark="",
        last=last_of(),
        report="report.html",
    )
    return replace(made, **changed)


def text_of(folder, **changed):
    return Page(page_with(**changed).write(folder).read_text(encoding="utf-8")).text.replace("\N{NO-BREAK SPACE}", " ")


def test_simulated_records_are_named_at_the_top_and_others_are_not(tmp_path):
    assert SIMULATED in text_of(tmp_path, note=SIMULATED)
    assert "imulated" not in text_of(tmp_path)


def test_changes_have_the_range_of_the_forecast():
    total = Total("All", 120.0, (100.0, 140.0), 90.0, 130.0)
    assert total.change(90.0).replace("\N{NO-BREAK SPACE}", " ") == "+33 % (+11 % to +56 %)"
    assert (total.direction(90.0), total.direction(130.0), total.direction(150.0)) == ("up", "about the same", "down")
    assert total.change(0.0) == "none recorded"
    assert total.change(None) == "not known"
    assert replace(total, range=None).direction(90.0) == ""


def test_a_change_that_rounds_to_zero_has_no_minus():
    assert Total("All", 100.0, (99.8, 104.0), 100.0, None).change(100.0).replace("\N{NO-BREAK SPACE}", " ") == (
        "+0 % (+0 % to +4 %)"
    )


def test_an_expected_number_outside_its_range_is_explained(tmp_path):
    inside, above, below = (
        Total(label, 50.0, ends, 1.0, None) for label, ends in (("A", (40, 60)), ("B", (30, 45)), ("C", (51, 70)))
    )
    text = text_of(tmp_path, totals=(inside, above, below))
    assert "In most tested weeks the forecast was too high for B, so the expected number lies above the range." in text
    assert "too low for C, so the expected number lies below the range." in text
    assert "forecast was too" not in text_of(tmp_path)


def test_an_admitted_week_names_three_places(tmp_path):
    text = text_of(tmp_path)
    assert "ADMITTED until 9 January 2022" in text
    assert "Place 0 : 5.00 expected." in text
    assert "120 recorded crimes are expected, from 100 to 140. Last week: 90 (up)." in text
    assert "The same week last year: 130 (about the same)." in text


def test_a_withheld_week_names_no_place(tmp_path):
    text = text_of(tmp_path, admitted=False, mark="research only", places=())
    assert "WITHHELD: research only" in text
    assert "No place is named, because the forecast is withheld." in text
    assert "geo:" not in (tmp_path / "front.html").read_text(encoding="utf-8")


def test_the_page_loads_nothing_and_has_no_script(tmp_path):
    page = Page(page_with(city="<script>x</script>").write(tmp_path).read_text(encoding="utf-8"))
    assert page.all("script") == []
    assert {link["href"].partition(":")[0] for link in page.all("a")} == {"#main", "report.html", "geo"}
