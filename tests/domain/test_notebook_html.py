from ilp_models.domain.notebook_html import html_summary


def test_names_values_and_title_are_escaped():
    text = html_summary("a & b", {"<name>": "<script>", "count": 3})
    assert text == (
        "<table><caption>a &amp; b</caption><tbody>"
        '<tr><th scope="row">&lt;name&gt;</th><td>&lt;script&gt;</td></tr>'
        '<tr><th scope="row">count</th><td>3</td></tr></tbody></table>'
    )
