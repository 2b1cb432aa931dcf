from ilp_models.cli.help import (
    find_groups,
    find_keys,
    find_options,
    find_package,
    find_tasks,
    module_name,
    plain_settings,
    read_comments,
    read_help,
)


def test_the_comment_at_the_top_is_summary_text_and_examples(configs):
    found = read_help(configs / "count.yaml")
    assert found.summary == "Count sheep, and say how many"
    assert found.text == "The flock is counted once for each shepherd."
    assert found.examples == ("ilp count flock.size=12", "ilp count -m flock=small,large")
    assert read_help(configs / "shepherd" / "ann.yaml").summary == "Ann"


def test_tasks_groups_options_and_keys_are_found_in_the_files(configs):
    assert find_tasks(configs) == {"count": "Count sheep, and say how many", "tally": "Tally what was counted"}
    assert find_groups(configs / "count.yaml") == ["flock", "shepherd", "experiment"]
    options = find_options([configs])
    assert list(options["shepherd"]) == ["ann", "bob"]
    assert {"tired", "fail", "flock", "ruled"} <= find_keys(configs)
    assert "defaults" not in find_keys(configs)
    assert module_name("design-trial") == "design_trial"


def test_the_first_folder_with_an_option_counts(configs, tmp_path):
    own = tmp_path / "own" / "flock"
    own.mkdir(parents=True)
    (own / "small.yaml").write_text("a: 1\n")
    assert find_options([own.parent, configs])["flock"]["small"] == own / "small.yaml"


def test_the_package_of_a_file_is_where_its_settings_go(configs, tmp_path):
    assert find_package(configs / "shepherd" / "ann.yaml", "shepherd") == "shepherd.ann"
    assert find_package(configs / "flock" / "small.yaml", "herd/flock") == "herd.flock"
    assert find_package(configs / "experiment" / "early.yaml", "experiment") == ""
    path = tmp_path / "one.yaml"
    path.write_text("# @package _group_._name_\n")
    assert find_package(path, "a/b") == "a.b.one"


def test_comments_stand_behind_a_setting_or_above_it(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("# Head\n# of the file\na: 1 # Behind\nb:\n  # Above,\n  # in two lines\n  c: 2\n  d: 3\ne: 'x'\n")
    comments = read_comments(path)
    assert comments == {"a": "Behind", "b": "", "b.c": "Above, in two lines", "b.d": "", "e": ""}


def test_a_file_is_read_again_after_a_change(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    assert plain_settings(path) == {"a": 1}
    assert plain_settings(path) is plain_settings(path)
