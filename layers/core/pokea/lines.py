"""What a dialled number leads to. Read while the caller hears ringing, so this module stays thin: no pydantic, no third party.

`pokea.profile` reads the same `[line]` table through `line_of`, so the two can never disagree.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from pokea.errors import CallError, RejectedInput
from pokea.ids import BusinessId
from pokea.phone_numbers import E164

Choice = TypeVar("Choice", str, int)

INTERNAL_AGENTS = ("whisper",)  # their calls go to our own people: no customer's words, no call back owed
PACKAGED = Path(__file__).parent / "profiles"  # the profiles that ship with the package
TRACKS = ("inbound_track", "both_tracks")  # outbound_track would give the agent its own voice to listen to
RATES_HZ = (8000, 16000)  # what the carrier's stream offers
_MAX_PROFILE_BYTES = 256 * 1024
_BUSINESS_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
CAPS = {"number_a_minute": 6, "number_an_hour": 30, "hidden_a_minute": 20, "calls_a_minute": 600}
_MOST_CALLS = 60_000  # a minute: as many as a store takes for one business
_AGENT = re.compile(r"[a-z][a-z_]{0,31}")


class BadProfile(CallError):
    """A business profile that cannot be used. The message is one line that names the file and the key."""

    def __init__(self, source: str, key: str, problem: str) -> None:
        where = f"{source}: {key}" if key else source
        super().__init__("bad_profile", f"{where}: {problem}", facts={"source": source, "key": key})
        self.source = source
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One telephone number of one business and how a call to it is answered.

    `say_first` and `fallback_say` are spoken by the carrier itself, before the stream and after a lost one; empty means not at all.
    `dials`: callers of this line are handed over by the carrier, which dials once their stream is closed ([handoff] mode = "dial").
    How often one number may ring, all callers together who hide theirs, and everybody; where POKEA_CALL_CAPS is on.
    """

    business_id: BusinessId
    number: E164
    agent: str
    track: str = "inbound_track"
    rate_hz: int = 16000
    say_first: str = ""
    fallback_number: E164 | None = None
    fallback_say: str = ""
    dials: bool = False
    number_a_minute: int = CAPS["number_a_minute"]
    number_an_hour: int = CAPS["number_an_hour"]
    hidden_a_minute: int = CAPS["hidden_a_minute"]
    calls_a_minute: int = CAPS["calls_a_minute"]


def load_lines(folder: Path) -> Mapping[E164, Line]:
    """The lines of every `*.toml` in `folder`, by number. Raises BadProfile, also for a number that two profiles claim."""
    lines: dict[E164, Line] = {}
    for path in profile_files(folder):
        line = line_of(read_toml(path), path.name)
        if line.number in lines:
            raise BadProfile(path.name, "line.number", f"is already the line of {lines[line.number].business_id}")
        lines[line.number] = line
    return lines


def profile_files(folder: Path) -> list[Path]:
    """Every profile of `folder`, in the order of their names. Raises BadProfile for a folder that holds none."""
    if not folder.is_dir():
        raise BadProfile(str(folder), "", "is not a folder")
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise BadProfile(str(folder), "", "holds no profile (*.toml)")
    return files


def read_toml(path: Path) -> dict[str, object]:
    """The tables of one profile file. Raises BadProfile when it cannot be read as TOML."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise BadProfile(path.name, "", f"cannot be read ({problem.strerror})") from problem
    if len(content) > _MAX_PROFILE_BYTES:
        raise BadProfile(path.name, "", f"is larger than {_MAX_PROFILE_BYTES} bytes")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise BadProfile(path.name, "", f"is not TOML ({problem})") from problem


def line_of(tables: Mapping[str, object], source: str) -> Line:
    """The `[line]` table of a profile, checked. `source` names the file in errors."""
    table = tables.get("line")
    if not isinstance(table, dict):
        raise BadProfile(source, "line", "is missing")
    known = {item.name for item in fields(Line)} - {"business_id", "dials"}
    for key in table:
        if key not in known:
            raise BadProfile(source, f"line.{key}", "is not a setting of a line")
    read = _Reader(source, table)
    handoff = tables.get("handoff")
    fallback = read.text("fallback_number", "")
    caps = _caps(read)
    return Line(
        business_id=BusinessId(_business_id(tables, source)),
        number=read.number("number", read.text("number")),
        agent=read.matching("agent", _AGENT),
        track=read.one_of("track", TRACKS, "inbound_track"),
        rate_hz=read.one_of("rate_hz", RATES_HZ, 16000),
        say_first=read.text("say_first", ""),
        fallback_number=read.number("fallback_number", fallback) if fallback else None,
        fallback_say=read.text("fallback_say", ""),
        dials=isinstance(handoff, dict) and handoff.get("mode") == "dial",
        **caps,
    )


def _caps(read: _Reader) -> Mapping[str, int]:
    caps = {key: read.whole(key, default) for key, default in CAPS.items()}
    for less, more in (
        ("number_a_minute", "number_an_hour"),
        ("number_a_minute", "calls_a_minute"),
        ("hidden_a_minute", "calls_a_minute"),
    ):
        if caps[less] > caps[more]:
            raise BadProfile(read.source, f"line.{less}", f"{caps[less]} is more than {more}, which is {caps[more]}")
    return caps


def _business_id(tables: Mapping[str, object], source: str) -> str:
    value = tables.get("id")
    if not isinstance(value, str) or not _BUSINESS_ID.fullmatch(value):
        raise BadProfile(source, "id", "must be 1 to 64 lower-case letters, digits or hyphens")
    return value


@dataclass(frozen=True, slots=True)
class _Reader:
    source: str
    table: Mapping[str, object]

    def text(self, key: str, default: str | None = None) -> str:
        value = self.table.get(key, default)
        if value is None:
            raise BadProfile(self.source, f"line.{key}", "is missing")
        if not isinstance(value, str):
            raise BadProfile(self.source, f"line.{key}", "must be text")
        return value

    def whole(self, key: str, default: int) -> int:
        value = self.table.get(key, default)
        if type(value) is not int or not 1 <= value <= _MOST_CALLS:
            raise BadProfile(self.source, f"line.{key}", f"must be a whole number from 1 to {_MOST_CALLS}")
        return value

    def matching(self, key: str, pattern: re.Pattern[str]) -> str:
        value = self.text(key)
        if not pattern.fullmatch(value):
            raise BadProfile(self.source, f"line.{key}", f"{value!r} is not a name of lower-case letters")
        return value

    def number(self, key: str, value: str) -> E164:
        try:
            return E164(value)
        except RejectedInput as problem:
            raise BadProfile(self.source, f"line.{key}", f"{value!r} is {problem.message}") from None

    def one_of(self, key: str, allowed: tuple[Choice, ...], default: Choice) -> Choice:
        value = self.table.get(key, default)
        for choice in allowed:
            if type(value) is type(choice) and value == choice:
                return choice
        raise BadProfile(self.source, f"line.{key}", f"{value!r} is not one of {', '.join(map(str, allowed))}")
