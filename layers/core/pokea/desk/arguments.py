"""A model's arguments checked against the tool's own declaration. They are a stranger's input: any shape and any size may come."""

from __future__ import annotations

from collections.abc import Mapping

from pokea.toolkit import ToolSpec

MAX_TEXT = 1_000  # characters of one argument: a minute's speech, such as a whole message; a tool bounds what it keeps
_BREAKS = str.maketrans(dict.fromkeys("\t\n\v\f\r\x85\u2028\u2029", " "))


def without_breaks(arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Line breaks and tabs as spaces, because a model may write down two sentences as two lines."""
    if not isinstance(arguments, Mapping):  # a stranger's input: `problem_with` says so
        return arguments
    return {key: item.translate(_BREAKS) if isinstance(item, str) else item for key, item in arguments.items()}


def problem_with(spec: ToolSpec, arguments: object) -> str | None:
    """What is wrong, as one short line that names the argument, or None. Missing arguments are for the tool to ask for."""
    return _problem(spec.parameters, arguments, "arguments")


def _problem(schema: Mapping[str, object], value: object, where: str) -> str | None:
    if schema.get("type") == "string":
        return _problem_with_text(value, where)
    if not isinstance(value, Mapping):
        return f"{where} must be an object"
    properties = schema["properties"]
    assert isinstance(properties, Mapping)
    for key, item in value.items():
        if not isinstance(key, str) or key not in properties:
            return f"{where} has an unknown field"
        problem = _problem(properties[key], item, key)
        if problem:
            return problem
    return None


def _problem_with_text(value: object, where: str) -> str | None:
    if not isinstance(value, str):
        return f"{where} must be text"
    if len(value) > MAX_TEXT:
        return f"{where} is longer than {MAX_TEXT} characters"
    return None if value.isprintable() else f"{where} has characters that cannot be spoken"
