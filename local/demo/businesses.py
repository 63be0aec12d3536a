"""Copies of the example businesses, one for each strand of the demo, so that strands do not see each other's store or ring each other."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from local.demo.lawful import ROUND_THE_CLOCK, write_rules
from local.stack import PROFILES

FIRST_NUMBER = 254_711_000_100
FIRST_PERSON = 254_734_000_000
FIRST_CALLER = 254_722_000_200
PEOPLE_AT_MOST = 100
RING_S = 12  # a human of the demo picks up at once or never
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DECKS = Path(__file__).parent / "decks"  # what the simulated carrier charges in each of its behaviours
CAMPAIGNS = "leads"  # the agent that campaigns are for
_HEADER = re.compile(r"^\[+\s*([\w.\"-]+)\s*\]+\s*(#.*)?$")
_E164 = re.compile(r'"\+\d+"')


@dataclass(frozen=True)
class Copy:
    """index: unlike that of any other copy, whatever its folder. track, rate_hz: as `[line]` names them. language: "" as the example.

    people: at work round the clock, away, or as the example has it. mode: of hand-offs; "" as the example has it. carrier: whose prices it
    is charged by, those of a deck of the demo's; "" as the example.
    """

    index: int
    track: str = "inbound_track"
    rate_hz: int = 16_000
    agent: str = "booking"
    language: str = ""
    people: str = "as_written"
    mode: str = ""
    carrier: str = ""

    @property
    def number(self) -> str:
        return f"+{FIRST_NUMBER + self.index}"

    @property
    def caller_number(self) -> str:
        return caller_number(self.index)


def caller_number(index: int) -> str:
    return f"+{FIRST_CALLER + index}"


@cache
def example_of(agent: str) -> Path:
    """The example business that an agent answers for. Raises LookupError."""
    for path in sorted(PROFILES.glob("*.toml")):
        if tomllib.loads(path.read_text(encoding="utf-8")).get("line", {}).get("agent") == agent:
            return path
    raise LookupError(f"no example business has the agent {agent!r}")


def write_copies(copies: Sequence[Copy], folder: Path) -> None:
    """Write copies of the agents' example profiles into `folder`, in their order.

    A copy has its own id and numbers and its line as it is wanted, and no closed days: the demo must not depend on when it is run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DECKS, folder / DECKS.name, dirs_exist_ok=True)
    for old in folder.glob("*.toml"):
        old.unlink()
    if any(copy.agent == CAMPAIGNS for copy in copies):
        write_rules(folder, datetime.now(UTC))
    for copy in copies:
        example = example_of(copy.agent)
        for beside in (*PROFILES.glob("*.md"), *PROFILES.glob("*.csv")):
            shutil.copy(beside, folder / beside.name)
        (folder / f"{business_of(copy)}.toml").write_text(_copied(example, copy), encoding="utf-8")


def business_of(copy: Copy) -> str:
    return f"{example_of(copy.agent).stem}-{copy.index:03d}"


def person_number(copy: Copy, position: int) -> str:
    """Of the directory's `position`-th number, counted from 0."""
    return f"+{FIRST_PERSON + PEOPLE_AT_MOST * copy.index + position}"


def people_of(copy: Copy) -> dict[str, str]:
    """The numbers of a copy's directory, by key."""
    return {key: person_number(copy, position) for position, key in enumerate(_directory_of(copy.agent))}


@cache
def _directory_of(agent: str) -> tuple[str, ...]:
    return tuple(_tables(example_of(agent)).get("directory") or ())


def _tables(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _copied(example: Path, copy: Copy) -> str:
    source = re.sub(r"(?m)^closed_days = \[[^\]]*\]$", "closed_days = []", example.read_text(encoding="utf-8"))
    own = {
        "id": f'"{business_of(copy)}"',
        "number": f'"{copy.number}"',
        "track": f'"{copy.track}"',
        "rate_hz": str(copy.rate_hz),
        **({"language": f'"{copy.language}"'} if copy.language else {}),
    }
    for key, value in own.items():
        source, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", source, count=1)
        assert found == 1, f"{example.name} names no {key}"
    return _with_deck(_with_handoff(_with_people(_rung_at_any_hour(source), copy), copy), copy)


def _with_people(source: str, copy: Copy) -> str:
    """Everybody gets a number of this copy's own, and is at work or away whatever the hour."""
    keys = list(tomllib.loads(source).get("directory") or {})
    rewrites_hours = copy.people != "as_written"
    kept: list[str] = []
    section = ""
    for line in source.splitlines():
        if header := _HEADER.match(line):
            section = header[1]
        parts = section.split(".")
        if parts[0] != "directory":
            kept.append(line)
            continue
        is_hours = parts[-1] == "hours" or line.startswith("hours.")
        if not (is_hours and rewrites_hours):
            kept.append(_E164.sub(f'"{person_number(copy, keys.index(parts[1]))}"', line))
    if rewrites_hours:
        opening = ROUND_THE_CLOCK if copy.people == "at_work" else _half_a_day_away(tomllib.loads(source)["zone"])
        kept += [
            line for key in keys for line in ("", f"[directory.{key}.hours]", *(f"{day} = {opening}" for day in DAYS))
        ]
    return "\n".join(kept) + "\n"


def _half_a_day_away(zone: str) -> str:
    """An hour at which nobody calls in this run."""
    hour = (datetime.now(ZoneInfo(zone)).hour + 12) % 24
    return f'["{hour:02d}:00-{hour:02d}:30"]'


def _rung_at_any_hour(source: str) -> str:
    """Calls that we place have hours of their own."""
    kept: list[str] = []
    section = ""
    for line in source.splitlines():
        if header := _HEADER.match(line):
            section = header[1]
        is_day = section.endswith("calling_hours") and line.partition(" =")[0] in DAYS
        kept.append(f"{line.partition(' =')[0]} = {ROUND_THE_CLOCK}" if is_day else line)
    return "\n".join(kept) + "\n"


def _with_handoff(source: str, copy: Copy) -> str:
    if not copy.mode:
        return source
    wanted = f'mode = "{copy.mode}"\nring_s = {RING_S}\n'
    source = re.sub(r"(?m)^(mode|ring_s) = .*\n", "", source)
    if "[handoff]\n" in source:
        return source.replace("[handoff]\n", f"[handoff]\n{wanted}", 1)
    return f"{source}\n[handoff]\n{wanted}"


def _with_deck(source: str, copy: Copy) -> str:
    if not copy.carrier:
        return source
    wanted = f'deck = "demo-{copy.carrier}"\n'
    source = re.sub(r"(?m)^deck = .*\n", "", source)
    if "[billing]\n" in source:
        return source.replace("[billing]\n", f"[billing]\n{wanted}", 1)
    return f"{source}\n[billing]\n{wanted}"
