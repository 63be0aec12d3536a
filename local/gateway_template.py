"""What template.yaml says about functions and routes: the gateway serves exactly that."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.template_file import plain

_PSEUDO = {"AWS::StackName": "pokea", "AWS::Region": "local", "AWS::AccountId": "000000000000"}
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9:]+)\}")


class BadTemplate(Exception):
    """The template describes something the gateway cannot serve. The message is one line."""


@dataclass(frozen=True, slots=True)
class Route:
    method: str  # "POST"; "ANY" takes every method
    path: str  # "/voice/{secret}"

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path parameters (still percent-encoded) if this route takes the request, else None."""
        if self.method not in ("ANY", method.upper()):
            return None
        wanted, given = self.path.split("/"), path.split("/")
        if wanted and wanted[-1].endswith("+}") and len(given) > len(wanted):
            given = [*given[: len(wanted) - 1], "/".join(given[len(wanted) - 1 :])]
        if len(wanted) != len(given):
            return None
        parameters: dict[str, str] = {}
        for pattern, segment in zip(wanted, given, strict=True):
            if pattern.startswith("{") and segment:
                parameters[pattern.strip("{+}")] = segment
            elif pattern != segment:
                return None
        return parameters

    @property
    def rank(self) -> tuple[int, int]:
        """API Gateway prefers a full match over parameters and parameters over a greedy one. Lower goes first."""
        return self.path.endswith("+}"), self.path.count("{")


@dataclass(frozen=True, slots=True)
class Function:
    """`name` is the FunctionName in a stack called "pokea", else the logical id. `environment` holds what the template spells out, `given`
    the names of all that it gives the function, also of what is known only once there is a stack."""

    name: str
    handler: str  # "functions.voice.app.handler"
    timeout_s: float
    memory_mb: int
    environment: Mapping[str, str]
    routes: Sequence[Route]
    given: frozenset[str] = frozenset()


def read_template(path: Path) -> Mapping[str, Any]:
    """The template as plain data. Raises BadTemplate."""
    try:
        template = plain(path)
    except (OSError, yaml.YAMLError) as problem:
        raise BadTemplate(f"{path}: {str(problem).splitlines()[0]}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise BadTemplate(f"{path}: has no Resources")
    return template


def functions_of(template: Mapping[str, Any]) -> tuple[Function, ...]:
    """Every serverless function, with the template's Globals and parameter defaults filled in."""
    shared = template.get("Globals", {}).get("Function", {})
    defaults = {name: spec.get("Default") for name, spec in template.get("Parameters", {}).items()}
    found = [
        _function(name, {**shared, **resource["Properties"]}, shared, resource["Properties"], defaults)
        for name, resource in template["Resources"].items()
        if resource.get("Type") == "AWS::Serverless::Function"
    ]
    if not found:
        raise BadTemplate("the template has no function")
    return tuple(found)


def _function(
    name: str,
    properties: Mapping[str, Any],
    shared: Mapping[str, Any],
    own: Mapping[str, Any],
    defaults: Mapping[str, object],
) -> Function:
    handler = properties.get("Handler")
    if not isinstance(handler, str) or handler.count(".") < 1:
        raise BadTemplate(f"{name}: has no Handler")
    variables = {
        **shared.get("Environment", {}).get("Variables", {}),
        **own.get("Environment", {}).get("Variables", {}),
    }
    environment = {key: text for key, value in variables.items() if (text := _literal(value, defaults)) is not None}
    return Function(
        name=_literal(properties.get("FunctionName"), defaults) or name,
        handler=handler,
        timeout_s=float(properties.get("Timeout", 3)),
        memory_mb=int(properties.get("MemorySize", 128)),
        environment=environment,
        routes=tuple(_routes(own.get("Events", {}))),
        given=frozenset(variables),
    )


def _routes(events: Mapping[str, Any]) -> list[Route]:
    http = [event["Properties"] for event in events.values() if event.get("Type") == "HttpApi"]
    return [Route(str(properties["Method"]).upper(), properties["Path"]) for properties in http]


def _literal(value: object, defaults: Mapping[str, object]) -> str | None:
    """The text of a value that needs no cloud: a literal, a parameter with a default, or a Sub made of such."""
    if isinstance(value, dict):
        if "Fn::Sub" in value:
            return _substituted(value["Fn::Sub"], defaults)
        value = defaults.get(str(value.get("Ref")))
    return None if value is None else str(value)


def _substituted(text: object, defaults: Mapping[str, object]) -> str | None:
    known = {**_PSEUDO, **defaults}
    if not isinstance(text, str) or any(known.get(name) is None for name in _PLACEHOLDER.findall(text)):
        return None
    return _PLACEHOLDER.sub(lambda found: str(known[found[1]]), text)
