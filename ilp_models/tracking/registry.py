"""Registered models in MLflow: a copy of the register of decisions for display. No decision depends on it."""

from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

_SEAL = "audit.decision"


def promote(client: MlflowClient, name: str, alias: str, source: str, tags: Mapping[str, str]) -> None:
    """Set an alias to the model version of a decision; create the version if it is missing."""
    version = _version(client, name, source, tags)
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)
    client.set_registered_model_alias(name, alias, version)
    if alias == "withdrawn":
        for other in ("approved", "candidate"):
            if _aliased(client, name, other) == version:
                client.delete_registered_model_alias(name, other)


def promoted(client: MlflowClient, name: str, alias: str) -> str:
    """Return the run folder of an alias."""
    return str(client.get_model_version_by_alias(name, alias).source)


def _version(client: MlflowClient, name: str, source: str, tags: Mapping[str, str]) -> str:
    known = client.search_model_versions(f"name = '{name}'")
    for one in known:
        if one.tags.get(_SEAL) == tags.get(_SEAL):
            return str(one.version)
    if not known:
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    return str(client.create_model_version(name, source).version)


def _aliased(client: MlflowClient, name: str, alias: str) -> str:
    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException:
        return ""
