"""Links resolve, command lines work, decision records have one form, and no page makes exaggerated claims."""

import importlib.util
import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from pages import PAGES, ROOT, blocks, commands, ilp_arguments, links, titles

from ilp_models.cli.app import App, find_configs
from ilp_models.cli.help import find_tasks, read_help
from ilp_models.cli.instantiate import resolve
from ilp_models.domain.check_definition import REVIEWER
from ilp_models.domain.checks import CATALOGUE
from ilp_models.pipeline.brief_parts.sources import KINDS

DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
COMMANDS = sorted({tuple(words) for page in PAGES for words in commands(page)})
VERBS = {words[2] for words in COMMANDS if words[0] == "python3"}
EXAMPLES = [shlex.split(line) for path in find_configs().glob("*.yaml") for line in read_help(path).examples]
ILP_COMMANDS = sorted({words for words in map(ilp_arguments, [*COMMANDS, *EXAMPLES]) if words is not None})
CLAIMS = re.compile(r"\b(?:fair|fairer|unfair|unbiased|debias\w*|bias-free)\b", re.IGNORECASE)
QUOTED = re.compile(r'"[^"\n]*"')


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def first_of_sweep(words):
    """Return a command without its sweep: the first value of each swept setting, other words unchanged."""
    if not {"-m", "--multirun"} & set(words):
        yield from words
        return
    parser = OverridesParser.create()
    for word in words:
        if word in ("-m", "--multirun"):
            continue
        sweep = "=" in word and parser.parse_override(word)
        swept = sweep and sweep.is_sweep_override()
        yield f"{sweep.key_or_group}={next(sweep.sweep_string_iterator())}" if swept else word


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_resolve(page):
    for aim in links(page):
        if aim.startswith(("https://", "http://")):
            continue
        path, _, anchor = aim.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), aim
        assert ROOT in target.parents, aim
        assert not anchor or anchor in titles(target), aim


@pytest.mark.slow
@pytest.mark.parametrize("words", ILP_COMMANDS, ids=lambda words: " ".join(["ilp", *words]))
def test_command_lines_work(words, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])
    (tmp_path / "mine" / "data").mkdir(parents=True)
    for name in ("ourcity", "our_records"):
        (tmp_path / "mine" / "data" / f"{name}.yaml").write_text(blocks(ROOT / "docs" / "data.md", "yaml")[0])
    (tmp_path / "mine" / "experiment").mkdir()
    central = blocks(ROOT / "docs" / "decision.md", "yaml")[0]
    (tmp_path / "mine" / "experiment" / "central.yaml").write_text(central)
    terms = blocks(ROOT / "docs" / "trials" / "tutorial.md", "yaml")[0]
    (tmp_path / "mine" / "experiment" / "our_trial.yaml").write_text(terms)
    (tmp_path / "mine" / "region").mkdir()
    (tmp_path / "mine" / "region" / "north.yaml").write_text(blocks(ROOT / "docs" / "regions.md", "yaml")[0])
    (tmp_path / "mine" / "jurisdiction").mkdir()
    (tmp_path / "mine" / "jurisdiction" / "ourcity.yaml").write_text(blocks(ROOT / "docs" / "workflow.md", "yaml")[0])
    words = list(first_of_sweep(words))
    is_help = {"--help", "--cfg", "-sc"} & set(words) or not words
    code = App(find_configs()).run([*words, *([] if is_help else ["--cfg", "job"])])
    out, err = capfd.readouterr()
    assert (code, err) == (0, "")
    if not is_help:
        assert resolve(OmegaConf.create(out))  # no mandatory value is missing


def test_tasks_of_the_script_exist():
    spec = importlib.util.spec_from_file_location("tasks", ROOT / "tasks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.TASKS) >= VERBS


def test_configuration_shows_every_task():
    shown = {word for words in commands(ROOT / "docs" / "configuration.md") for word in words}
    assert set(find_tasks(find_configs())) <= shown


def test_the_reviewer_of_the_example_is_clearly_invented_and_the_one_of_its_settings():
    words = [word for line in COMMANDS if "approve" in line for word in line]
    experiment = OmegaConf.load(ROOT / "configs" / "experiment" / "simulated-city.yaml")
    governance = experiment.audit.governance
    assert f"reviewer={governance.reviewer}" in words
    assert all(governance[name].startswith("Example ") for name in ("owner", "trainer", "reviewer"))


def test_readme_shows_the_two_commands():
    shown = {word for words in commands(ROOT / "README.md") for word in words}
    assert {"weekly", "test"} <= shown


@pytest.mark.parametrize(("number", "page"), list(enumerate(DECISIONS, start=1)))
def test_decision_record_has_one_form(number, page):
    text = page.read_text(encoding="utf-8")
    assert page.name.startswith(f"{number:04d}-")
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]
    assert len(text.split()) <= 500


def test_the_index_names_every_page_and_decision():
    index = ROOT / "docs" / "index.md"
    aims = {(index.parent / aim).resolve() for aim in links(index)}
    assert {page for page in (ROOT / "docs").rglob("*.md") if page != index} <= aims
    text = index.read_text(encoding="utf-8")
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].partition(". ")[2] for page in DECISIONS]
    assert [title for title in titles if f" | {title} |" not in text] == []


def test_table_of_runs_in_a_report_has_its_settings():
    text = (ROOT / "docs" / "brief.md").read_text(encoding="utf-8")
    table = text.split("| setting | run | adds |")[1].split("\n\n")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    settings = OmegaConf.load(find_configs() / "brief.yaml")
    assert named == {about.setting for about in KINDS.values()} | {"groups"}
    assert named <= set(settings)


def test_table_of_checks_says_which_can_be_accepted():
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    signed = dict(re.findall(r"^\| `(\w+)` \| .* \| (reviewer|no one) \| [^|]*\|$", text, re.MULTILINE))
    assert signed == {name: "reviewer" if check.signer == REVIEWER else "no one" for name, check in CATALOGUE.items()}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_makes_exaggerated_claims(page):
    assert CLAIMS.findall(QUOTED.sub("", page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_yaml_blocks_are_valid(page):
    for block in blocks(page, "yaml"):
        assert OmegaConf.create(block)
