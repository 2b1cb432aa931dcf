from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.pipeline.group_task import assess_group_file, write_group_template
from ilp_models.strategy.rank_draws import RankDraws
from tests.strategy.group_files import FIELDS, SMALL, text_of


def test_the_summary_has_caveat_conclusions_recipients_and_page(tmp_path):
    (tmp_path / "groups.csv").write_text(text_of())
    text = assess_group_file(str(tmp_path / "groups.csv"), SMALL, RankDraws(1000), "point", tmp_path / "run")
    lines = text.splitlines()
    assert lines[0] == GROUP_CAVEAT
    assert lines[1].startswith("G01 ranks first")
    assert all(name in text for name in FIELDS["recipients"].split("; "))
    assert lines[-1] == f"Page: {tmp_path / 'run' / 'groups.html'}"
    assert (tmp_path / "run" / "groups.json").is_file()


def test_a_template_comes_with_the_next_command(tmp_path):
    text = write_group_template(str(tmp_path / "empty.csv"), SMALL)
    assert (tmp_path / "empty.csv").is_file()
    assert text.endswith(f"Next: fill it in, then ilp assess matrix={tmp_path / 'empty.csv'}")
