"""Which functions and event sources a template has, and whether a deployed stack used each: computed, so that a new one is missed.

A route: a request to it was answered by its function. A queue: the emulator says that the function has taken messages of it. A schedule
and a rule of the bus: `Stack.come`, which a drive fills in where what it saw can have come in no other way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.gateway_template import Route
from tests.support.deployed_stack import Stack

_TAKEN = re.compile(r"OK - [1-9]\d* records")
_FUNCTION = "AWS::Serverless::Function"
_COMES = ("AWS::Events::Rule", "AWS::Scheduler::ScheduleGroup")


@dataclass(frozen=True, slots=True)
class Source:
    """`name`: as the template calls the event, "" for the function itself."""

    function: str
    name: str
    kind: str
    properties: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.function}{self.name}"


def sources(template: Mapping[str, Any]) -> Iterator[Source]:
    """Every function, each of its events, every rule of the bus and every group of schedules, of a template as it is written."""
    for name, resource in template["Resources"].items():
        said = resource.get("Properties", {})
        if resource["Type"] in _COMES:
            yield Source(name, "", resource["Type"], said)
        if resource["Type"] == _FUNCTION:
            yield Source(name, "", _FUNCTION, said)
            for event, given in said.get("Events", {}).items():
                yield Source(name, event, given["Type"], given.get("Properties", {}))


def undriven(template: Mapping[str, Any], stack: Stack, proved_otherwise: Mapping[str, str]) -> dict[str, str]:
    """Source → what is missing. `proved_otherwise`: routes that are there to refuse in this deployment, and why."""
    taken = _taken(stack)
    found = {}
    for source in sources(template):
        if missing := _missing(source, stack, taken, proved_otherwise):
            found[source.key] = missing
    return found


def _missing(source: Source, stack: Stack, taken: Mapping[str, str], refuse: Mapping[str, str]) -> str:
    said = source.properties
    match source.kind:
        case "AWS::Serverless::Function":
            logs = stack.made.logs(said["LoggingConfig"]["LogGroup"]["Ref"])
            return "" if "REPORT" in logs else "never invoked"
        case "HttpApi":
            route = Route(said["Method"], said["Path"])
            statuses = stack.served(route)
            wanted = range(400, 500) if route.key in refuse else range(200, 300)
            return "" if statuses & set(wanted) else f"answered with {sorted(statuses)}"
        case "SQS":
            queue = str(said["Queue"]["Fn::GetAtt"]).removesuffix(".Arn")
            result = taken.get(_queue_name(stack.made.resources[queue]), "no event source mapping")
            return "" if _TAKEN.match(result) else result
        case "Schedule" | "EventBridgeRule" | "AWS::Events::Rule" | "AWS::Scheduler::ScheduleGroup":
            return "" if source.key in stack.come else "nothing came by it"
    return f"nobody here knows how a {source.kind} is driven"


def _taken(stack: Stack) -> dict[str, str]:
    """Queue → the last result of its event source mapping."""
    mappings = stack.made.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return {each["EventSourceArn"].rpartition(":")[2]: str(each["LastProcessingResult"]) for each in mappings}


def _queue_name(url: str) -> str:
    return url.rpartition("/")[2]
