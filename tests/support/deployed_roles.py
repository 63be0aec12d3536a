"""Least privilege from the other side: a deployed stack whose roles have a statement less is refused what it asks for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

from tests.support.aws_witness import Asked, allowing, role_of
from tests.support.deployed_stack import PATH_SECRET, ROOT, Stack

_FORM = "application/x-www-form-urlencoded"
_EVENTS = {
    "RecordsFunction": "ended",
    "ReportsFunction": "reports",
    "ProactiveFunction": "deliveries",
    "SettlerFunction": "campaign-ended",
    "WebhooksFunction": "campaign-finished",
    "WalletFunction": "wallet",
    "CalendarsFunction": "calendars",
    "DialerFunction": "dial",
    "CampaignsFunction": "campaigns-plan",
    "ReaperFunction": "reaper",
}


def functions(stack: Stack) -> list[str]:
    return [
        name for name, resource in stack.template["Resources"].items() if resource["Type"] == "AWS::Lambda::Function"
    ]


def wakes(stack: Stack) -> Mapping[str, Callable[[], object]]:
    """For each function something that has it ask the store, whatever is in there."""
    session = f"HD_{time.monotonic_ns():x}"[:15]
    rung = {"sessionId": session, "callerNumber": "+254700000001", "destinationNumber": "+254711000001"}
    ringing = urlencode({**rung, "direction": "Inbound", "callSessionState": "Ringing", "isActive": "1"}).encode()
    streamed = urlencode({**rung, "streamEvent": "stream-error", "callSessionState": "StreamError"}).encode()
    key = stack.key_of("whitedent", "tasks:read", "cdrs:read")
    return {
        "VoiceFunction": lambda: stack.hook(f"/voice/{PATH_SECRET}", ringing, _FORM),
        "StreamStatusFunction": lambda: stack.hook(f"/stream-status/{PATH_SECRET}", streamed, _FORM),
        "ToolsFunction": lambda: _invoked(
            stack, "ToolsFunction", {"operation": "beat", "bridge": "b", "leaving": True}
        ),
        "ApiFunction": lambda: stack.http("GET", "/tasks", headers=key),
        "CdrFunction": lambda: stack.http("GET", "/cdr/HD_1", headers=key),
        **{name: partial(_invoked, stack, name, _event(event)) for name, event in _EVENTS.items()},
    }


def _event(name: str) -> Any:
    return json.loads((ROOT / f"events/{name}.json").read_text(encoding="utf-8"))


def _invoked(stack: Stack, function: str, event: Any) -> None:
    """Whatever it says: one that is refused what it needs may well fail."""
    name = stack.made.resources[function]
    stack.made.client("lambda").invoke(FunctionName=name, Qualifier="live", Payload=json.dumps(event))["Payload"].read()


def woken(stack: Stack, function: str) -> list[Asked]:
    """What the function asks of the store when it is woken."""
    before = len(stack.seen.asked)
    wakes(stack)[function]()
    return [each for each in stack.seen.asked[before:] if each.function == function and each.keys]


@contextmanager
def without(stack: Stack, taken: Mapping[str, str]) -> Iterator[None]:
    """The roles as deployed, each without one statement: its Sid by the role's logical id."""
    iam, kept = stack.made.client("iam"), {}
    for role, sid in taken.items():
        name = stack.made.resources[role]
        document = iam.get_role_policy(RoleName=name, PolicyName="least")["PolicyDocument"]
        kept[name] = json.dumps(document)
        less = [said for said in document["Statement"] if said["Sid"] != sid]
        assert len(less) == len(document["Statement"]) - 1, f"{role} has no {sid}"
        iam.put_role_policy(
            RoleName=name, PolicyName="least", PolicyDocument=json.dumps({**document, "Statement": less})
        )
    try:
        yield
    finally:
        for name, text in kept.items():
            iam.put_role_policy(RoleName=name, PolicyName="least", PolicyDocument=text)


def not_refused(stack: Stack) -> dict[str, str]:
    """Function → the statement that its role can do without: one that had just allowed what the function asks for is taken from every role,
    and the same is asked for once more."""
    taken = {}
    for function in functions(stack):
        first = next(iter(woken(stack, function)), None)
        assert first is not None, f"{function} asks the store for nothing"
        taken[function] = next(allowing(stack.template, stack.made.resources, first))
    with without(stack, {role_of(stack.template, function): sid for function, sid in taken.items()}):
        return {
            function: sid
            for function, sid in taken.items()
            if not any(each.is_denied for each in woken(stack, function))
        }
