"""The former name of the entry."""

from ilp_models.explain.explain import Explain as TreeShap

__all__ = ["TreeShap"]
