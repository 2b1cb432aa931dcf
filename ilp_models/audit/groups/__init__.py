"""Who lives where: tables of residents by area and group as publishers print them, and their residents on a grid."""

from ilp_models.audit.groups.table import GroupSource, GroupTable

__all__ = ["GroupSource", "GroupTable"]
