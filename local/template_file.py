"""A CloudFormation template as plain data: `!Ref X` is read as {"Ref": "X"}, `!Sub X` as {"Fn::Sub": "X"}, and nothing is resolved.

Read by libyaml where PyYAML has it: ours is long, every start of a stack reads it several times, and without it each takes half a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]  # which of the two is known when it runs
    """Safe YAML with CloudFormation's short forms."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def plain(path: Path) -> Any:
    """Raises OSError, and yaml.YAMLError for what is no YAML."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # a safe loader: its tags make plain data only
