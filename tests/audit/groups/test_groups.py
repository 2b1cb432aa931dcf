"""Each option of audit/groups builds what its constructor builds without settings."""

from dataclasses import fields, is_dataclass

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ilp_models.audit.groups.count_columns import CountColumns, Dimension
from ilp_models.audit.groups.england_wales import CensusBulkTables
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.groups.toronto import NeighbourhoodProfiles
from ilp_models.audit.groups.us_census import CensusDownloads
from ilp_models.grid.polygons import PolygonFile
from tests.audit.groups.census_files import CONFIGS

CENSUS = {"england_wales": CensusBulkTables, "toronto": NeighbourhoodProfiles, "us_census": CensusDownloads}


def from_yaml(option, **source):
    """Return what an option of audit/groups builds."""
    config = OmegaConf.load(CONFIGS / f"{option}.yaml")
    if "defaults" in config:
        del config["defaults"]
        config = OmegaConf.merge(OmegaConf.load(CONFIGS / "table.yaml"), config)
    for name, value in source.items():
        OmegaConf.update(config, f"source.{name}", value)
    return instantiate(config, _convert_="all")


def plain(value):
    """Return nested settings as plain values; a polygon file without a path is none."""
    if value == PolygonFile():
        return None
    if is_dataclass(value):
        return type(value).__name__, {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def test_a_plain_table():
    assert plain(from_yaml("table")) == plain(GroupTable())


@pytest.mark.parametrize("option", CENSUS)
def test_a_census_table(option):
    made = GroupTable.from_source(CENSUS[option](__file__))
    assert plain(from_yaml(option, path=__file__)) == plain(made)
    assert made.residents == "residents"


def test_a_table_of_counts_in_columns():
    groups = {"origin": {"_target_": "ilp_models.audit.groups.count_columns.Dimension", "groups": {"here": "here"}}}
    made = GroupTable.from_source(CountColumns(__file__, "ward", {"origin": Dimension({"here": "here"})}))
    assert plain(from_yaml("columns", path=__file__, area="ward", dimensions=groups)) == plain(made)


def test_settings_override_those_of_the_source():
    assert GroupTable.from_source(NeighbourhoodProfiles(__file__), rounding=0).rounding == 0
