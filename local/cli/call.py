"""`pokea call`: ring an agent of the running stack, or have it ring you, and talk to it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import typer

from local.cli.phone import Phone, PhoneGone
from local.cli.running import ADDRESS_FILE

PERSON = "person"


@dataclass(frozen=True)
class CallOptions:
    number: str
    say: tuple[str, ...]
    script: Path | None
    wav: Path | None
    outbound: bool
    caller: str
    carrier: str
    record: Path | None
    state: Path
    as_json: bool
    business: str = ""  # which one places an outbound call; "": the first
    context: Mapping[str, str] = field(default_factory=dict)
    answered_by: str = PERSON  # of an outbound call: a person, or one of local.carrier.machines.KINDS


def check_answerer(answered_by: str, outbound: bool, speaks: bool) -> None:
    """Raises typer.BadParameter for a wish that makes no sense."""
    if answered_by == PERSON:
        return
    if not outbound:
        raise typer.BadParameter(
            "only a call that the system places is answered: add --outbound", param_hint="--answered-by"
        )
    if speaks:
        raise typer.BadParameter(
            f"a {answered_by} says nothing of --say, --script or --wav", param_hint="--answered-by"
        )


def context_of(pairs: Iterable[str]) -> dict[str, str]:
    """From "key=value" each. Raises typer.BadParameter."""
    context = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key.strip():
            raise typer.BadParameter(f"{pair!r} is not key=value", param_hint="--context")
        context[key.strip()] = value.strip()
    return context


@dataclass(frozen=True)
class Address:
    """Where the running stack is."""

    carrier_url: str
    gateway_url: str
    records_dir: Path


def find_stack(state: Path) -> Address | None:
    try:
        found = json.loads((state / ADDRESS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Address(found["carrier_url"], found["gateway_url"], Path(found["records_dir"]))


def run_call(options: CallOptions) -> int:
    address = find_stack(options.state)
    if address is None:
        print("pokea: no running stack found: start one with `pokea up` in another terminal", file=sys.stderr)
        return 2
    try:
        return asyncio.run(Phone(options, address).talk())
    except PhoneGone as problem:
        print(f"pokea: {problem}", file=sys.stderr)
        return 1
