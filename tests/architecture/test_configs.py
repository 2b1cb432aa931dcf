import dataclasses
import importlib
import inspect
import json

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, ListConfig, OmegaConf

from ilp_models.cli.app import find_configs
from ilp_models.cli.help import find_options, find_tasks, module_name, read_help
from ilp_models.cli.instantiate import SHARED_KEYS, build_parts, resolve
from ilp_models.cli.nulls import check_nulls

CONFIGS = find_configs()
TASKS = find_tasks(CONFIGS)
OPTIONS = find_options([CONFIGS])
PLACES = {group: files for group, files in OPTIONS.items() if group not in ("experiment", "jurisdiction")}
CHOICES = [(group, option) for group, files in PLACES.items() for option in files]
GROUPS = {"origin": {"_target_": "ilp_models.audit.groups.count_columns.Dimension", "groups": {"here": "here"}}}
# where a group has no package of its name
PACKAGES = {
    "assignment": "evaluation.schemes",
    "bootstrap": "stats.bootstrap",
    "audit/rule": "allocation",
    "rule_search": "tuning",
    "scheme": "strategy.groups",
    "harm": "domain",
    "region": "domain",
}
NEEDED = {("compute", "dask"): ["compute.cluster=local"]}  # or the address of a scheduler
EXPERIMENTS = sorted(OPTIONS.get("experiment", {}))


def defaults_of(task):
    entries = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{task}.yaml")).get("defaults", [])
    return {group: choice for entry in entries if isinstance(entry, dict) for group, choice in entry.items()}


def composed(task, *overrides):
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        return compose(config_name=task, overrides=list(overrides))


def package_of(group):
    return f"ilp_models.{PACKAGES.get(group, group.replace('/', '.'))}"


def fill_missing(node):
    """Fill every mandatory setting with the name of an existing file."""
    for key in list(node) if isinstance(node, DictConfig) else range(len(node)):
        if OmegaConf.is_missing(node, key):
            node[key] = GROUPS if key == "dimensions" else __file__
        elif isinstance(child := node._get_node(key), DictConfig | ListConfig):
            fill_missing(child)


@pytest.mark.parametrize(("group", "option"), CHOICES)
def test_group_builds_objects_of_its_package(group, option):
    content = OmegaConf.load(PLACES[group][option])
    if "_target_" not in content:  # an option that is one of another group
        other, name = content["defaults"][0].lstrip("/").removesuffix("@_here_").split("/")
        content = OmegaConf.load(PLACES[other][name])
    target = content["_target_"]
    assert target.startswith(f"{package_of(group)}.")


@pytest.mark.parametrize(("group", "option"), CHOICES)
def test_every_option_composes_and_builds(group, option):
    outer, *inner = group.split("/")  # a group within a group is a part of what the outer one builds
    task = next((task for task in TASKS if outer in defaults_of(task)), None)
    assert task is not None, f"no task uses {group}"
    several = isinstance(defaults_of(task)[outer], list)
    words = [f"{group}=[{option}]" if several else f"{group}={option}", *NEEDED.get((group, option), ())]
    cfg = composed(task, *words)
    fill_missing(cfg)
    built = build_parts({"part": resolve(cfg)[outer]})["part"]
    if several:
        built = built[option]
    for part in inner:
        built = getattr(built, part)
    assert f"{type(built).__module__}.".startswith(f"{package_of(group)}.")


@pytest.mark.parametrize("option", EXPERIMENTS)
def test_experiment_composes_and_names_its_runs(option):
    task = next(task for task in TASKS if {"experiment", "model"} <= set(defaults_of(task)))
    assert composed(task, f"experiment={option}").name == option


@pytest.mark.parametrize("option", sorted(OPTIONS["jurisdiction"]))
def test_a_jurisdiction_composes_with_every_task_that_audits(option):
    tasks = [task for task in TASKS if {"jurisdiction", "audit"} <= set(defaults_of(task))]
    assert {"weekly", "audit", "monitor", "preregister"} <= set(tasks)
    for task in tasks:
        assert composed(task, f"jurisdiction={option}").audit.governance


@pytest.mark.parametrize("task", TASKS)
def test_settings_of_a_task_are_arguments_of_its_function(task):
    run = importlib.import_module(f"ilp_models.pipeline.{module_name(task)}").run
    arguments = inspect.signature(run).parameters
    assert all(argument.kind is argument.KEYWORD_ONLY for argument in arguments.values())
    cfg = composed(task)
    given = {*cfg, "folder"} - set(SHARED_KEYS)
    assert given <= set(arguments)
    optional = {name for name in set(arguments) - given if arguments[name].default in (None, "")}
    assert set(arguments) - given == optional
    check_nulls(OmegaConf.to_container(cfg, resolve=False), run)


@pytest.mark.parametrize("task", TASKS)
def test_no_setting_of_a_task_has_the_name_of_a_group_of_another(task):
    """Hydra reads `name=value` as the choice of an option, so that a text could not be given; a mapping could."""
    settings = OmegaConf.load(CONFIGS / f"{task}.yaml")
    plain = {str(key) for key in settings if key != "defaults" and not isinstance(settings._get_node(key), DictConfig)}
    assert plain & set(OPTIONS) <= set(defaults_of(task))


@pytest.mark.parametrize("task", TASKS)
def test_help_of_a_task_has_a_summary_and_two_examples(task):
    manual = read_help(CONFIGS / f"{task}.yaml")
    assert manual.summary
    assert len(manual.examples) >= 2
    assert all(example.startswith(f"ilp {task}") for example in manual.examples)


@pytest.mark.parametrize(("group", "option"), CHOICES)
def test_every_option_has_a_summary(group, option):
    assert read_help(PLACES[group][option]).summary


_WITH_REGION = [{"jurisdiction": None}, {"region": None}, {"experiment": None}]


def test_task_configs_come_before_experiments():
    for task in TASKS:
        entries = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{task}.yaml"))["defaults"]
        assert entries[0] == "_terminal"
        rest = entries[entries.index("_self_") + 1 :]
        assert rest in ([], [{"jurisdiction": None}, {"experiment": None}], _WITH_REGION)


OPTIONS_OF_DEFAULTS = [
    *(
        (group, option)
        for group, option in CHOICES
        if group in {"allocation", "assignment", "backtest", "bootstrap", "scheme", "scoring"}
    ),
    *(("compute", "local"), ("explain", "shap"), ("tuning", "optuna")),
]


def as_plain(built):
    return json.loads(json.dumps(dataclasses.asdict(built)))


@pytest.mark.parametrize(("group", "option"), OPTIONS_OF_DEFAULTS)
def test_option_equals_the_defaults_of_its_constructor(group, option):
    task = next(task for task in TASKS if group in defaults_of(task))
    cfg = composed(task, f"{group}={option}")
    fill_missing(cfg)
    built = build_parts({"part": resolve(cfg)[group]})["part"]
    assert as_plain(built) == as_plain(type(built)())


@pytest.mark.parametrize("part", ["frontier", "objective"])
def test_parts_of_an_allocation_equal_the_defaults_of_their_constructors(part):
    cfg = composed("allocate")
    fill_missing(cfg)
    built = build_parts({"part": resolve(cfg)[part]})["part"]
    assert as_plain(built) == as_plain(type(built)())
