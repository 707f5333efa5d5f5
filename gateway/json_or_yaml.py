"""Reads files in JSON or YAML, with a limit on what YAML's aliases may expand to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import yaml

_MAX_EXPANDED: Final = 1_000_000
_MERGE: Final = "tag:yaml.org,2002:merge"
_TOO_DEEP: Final = "is nested too deeply"


def read_json_or_yaml(text: str) -> Any:
    """Raises ValueError with one line that says what is wrong, and where."""
    json_problem = None
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_unique)
        except ValueError as error:
            # What is no JSON may still be YAML in flow style; where it is neither, this is the better message.
            json_problem = str(error)
        except RecursionError:
            raise ValueError(_TOO_DEEP) from None
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(json_problem or " ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


class _Loader(yaml.SafeLoader):
    """Times without an offset are taken as UTC, as YAML says; the safe loader would leave them naive."""

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        value = super().construct_yaml_timestamp(node)
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        assert node is not None
        _unique(
            [(key.value, None) for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE],
        )
        return node

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        sizes: dict[yaml.Node, int | None] = {}
        # What has no alias is as long as its text, however long that is.
        if node is not None and _expanded(node, sizes) - len(sizes) > _MAX_EXPANDED:
            raise ValueError(f"its aliases stand for more than {_MAX_EXPANDED} values")
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (AttributeError, LookupError):
            # A scalar with an explicit tag is taken for what the tag says without a look.
            if not isinstance(node, yaml.ScalarNode):
                raise
            problem = "found a value that does not fit its tag"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{json.dumps(name)} stands twice in one object")
        found[name] = value
    return found


def _expanded(node: yaml.Node, sizes: dict[yaml.Node, int | None]) -> int:
    """How many values there are when each alias is what it stands for. None in `sizes` is a node still open."""
    if node in sizes:
        known = sizes[node]
        if known is None:
            raise ValueError("an anchor holds itself")
        return known
    sizes[node] = None
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        parts = node.value
    elif isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    size = 1 + sum(_expanded(part, sizes) for part in parts)
    sizes[node] = size
    return size
