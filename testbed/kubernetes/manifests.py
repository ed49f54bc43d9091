"""Read Kubernetes objects from YAML as kubectl does: only what JSON has, so that `=` and dates are words."""

import yaml
from yaml.cyaml import CSafeLoader

from testbed.kubernetes.api import Object


class _Loader(CSafeLoader):  # type: ignore[misc]  # PyYAML has no types
    pass


_ASIDE = {"tag:yaml.org,2002:value", "tag:yaml.org,2002:timestamp"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _ASIDE]
    for first, resolvers in CSafeLoader.yaml_implicit_resolvers.items()
}


def read_objects(text: str) -> list[Object]:
    """Return the objects of a manifest, without its empty documents."""
    return [thing for thing in yaml.load_all(text, _Loader) if thing]
