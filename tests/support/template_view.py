"""A part of template.yaml as CloudFormation reads it once it knows which conditions hold."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

_NOTHING = {"Ref": "AWS::NoValue"}


def resolved(value: Any, holds: Collection[str]) -> Any:
    """`value` where exactly the conditions in `holds` hold; what is no value then is left out."""
    if isinstance(value, list):
        return [found for item in value if (found := resolved(item, holds)) != _NOTHING]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return resolved(then if condition in holds else otherwise, holds)
    return {name: found for name, item in value.items() if (found := resolved(item, holds)) != _NOTHING}
