"""`pokea profile new`: a profile to begin with, complete and valid, with a comment wherever a business has something to decide.

What is special to an agent is taken from the example business of that agent, so a starter never falls behind what profiles can hold.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pokea import agents
from pokea.errors import Conflict, RejectedInput
from pokea.lines import PACKAGED, line_of, profile_files, read_toml
from pokea.phone_numbers import E164
from pokea.profile import load_profile

_SPECIAL = frozenset({"booking", "reception", "support", "leads", "dispatch"})
_HEADER = re.compile(r"^\[\[?(?P<root>[a-z_]+)(?:\.[\w.]+)?\]\]?\s*$")
_OF_DIRECTORY = re.compile(
    r'^(transfer|escalate_to|department) = ".*"$', re.MULTILINE
)  # keys that name a key of the directory
_KNOWLEDGE = re.compile(r"^knowledge = \[.*\]$", re.MULTILINE)


@dataclass(frozen=True)
class Wanted:
    """`person`: number of whoever callers can be handed to; "" for nobody yet."""

    agent: str
    name: str
    number: str
    person: str
    business_id: str
    out: Path


def run_new(wanted: Wanted) -> int:
    """Raises RejectedInput for what cannot be, Conflict for what is there already, BadProfile for what a profile refuses."""
    if wanted.agent not in agents.NAMES:
        raise RejectedInput("no_such_agent", f"{wanted.agent!r} is not one of {', '.join(agents.NAMES)}")
    for option, number in (("--number", wanted.number), ("--person", wanted.person)):
        if number:
            _checked(option, number)
    business_id = wanted.business_id or _id_of(wanted.name)
    files = dict(_files(wanted, business_id))
    _refuse_collisions(wanted, business_id, files)
    _prove(files, business_id)
    wanted.out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (wanted.out / name).write_text(text, encoding="utf-8")
        print(f"{wanted.out / name}: written")
    print(f"Next: read it, change what is not yours, then: pokea profile check {wanted.out / business_id}.toml")
    return 0


def _checked(option: str, number: str) -> None:
    try:
        E164(number)
    except RejectedInput as problem:
        raise RejectedInput("not_e164", f"{option}: {number!r} is {problem.message}") from None


def _id_of(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", name.casefold().replace("'", "")).strip("-")
    if not plain:
        raise RejectedInput("no_id", "--id: the name holds no letter to make one of")
    return plain[:64].strip("-")


def _refuse_collisions(wanted: Wanted, business_id: str, files: dict[str, str]) -> None:
    for name in files:
        if (wanted.out / name).exists():
            raise Conflict("file_there", f"{wanted.out / name}: is there already")
    if not list(wanted.out.glob("*.toml")):
        return
    for path in profile_files(wanted.out):
        line = line_of(read_toml(path), path.name)
        if line.business_id == business_id:
            raise Conflict("id_taken", f"--id: {business_id!r} is already the id of {path.name}")
        if line.number == wanted.number:
            raise Conflict("number_taken", f"--number: {wanted.number} is already the line of {path.name}")


def _prove(files: dict[str, str], business_id: str) -> None:
    """Raises BadProfile if what is about to be written could not be used."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        load_profile(Path(folder) / f"{business_id}.toml")


def _files(wanted: Wanted, business_id: str) -> Iterator[tuple[str, str]]:
    special = "\n\n".join(_special_sections(wanted.agent))
    special = f"{_EXAMPLE_NOTE}\n{special}" if special else _OWN_SETTINGS
    special = _OF_DIRECTORY.sub(r'\1 = "front_desk"' if wanted.person else r"# \g<0>", special)
    if _KNOWLEDGE.search(special):
        special = _KNOWLEDGE.sub(f'knowledge = ["{business_id}.md"]', special)
        yield f"{business_id}.md", _KNOWLEDGE_TEXT.format(name=wanted.name)
    head = _HEAD.format(id=business_id, name=_quoted(wanted.name), number=wanted.number, agent=wanted.agent)
    directory = _DIRECTORY.format(number=wanted.person or "+254700000000")
    if not wanted.person:
        directory = "\n".join(f"# {line}" if line else "#" for line in directory.splitlines())
    yield (
        f"{business_id}.toml",
        "\n".join((head, _DIRECTORY_NOTE + directory.strip(), "", special.strip(), "")),
    )


def _special_sections(agent: str) -> list[str]:
    """The tables of this agent, with the comments above them, as the example business of the agent has them."""
    for path in profile_files(PACKAGED):
        if line_of(read_toml(path), path.name).agent != agent:
            continue
        blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip())
        return [block.strip() for block in blocks if _is_special(block)]
    return []


def _is_special(block: str) -> bool:
    headers = [found["root"] for line in block.splitlines() if (found := _HEADER.match(line.strip()))]
    return bool(headers) and headers[0] in _SPECIAL


def _quoted(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise RejectedInput("bad_name", "--name: must be words that can be spoken")
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


_HEAD = """\
# A business as Pokea knows it. docs/profiles.md explains every key.
id = "{id}"
name = {name}            # as the agent speaks it
zone = "Africa/Nairobi"  # IANA time zone: all times below are local
country = "KE"
language = "en"          # what the agent speaks first
languages = ["en", "sw"] # every text below is needed in each of them
voice = "Kore"           # the model's name of a voice

[line]
number = "{number}"
agent = "{agent}"
# What the carrier itself says when a call cannot be answered by the agent.
fallback_say = "Sorry, we cannot take your call at the moment. Please call again in a few minutes."

[hours]
closed_days = []         # holidays: [2026-12-25, 2026-12-26]
monday = ["08:00-17:00"] # two stretches: ["08:00-12:30", "14:00-17:00"]; closed: []
tuesday = ["08:00-17:00"]
wednesday = ["08:00-17:00"]
thursday = ["08:00-17:00"]
friday = ["08:00-17:00"]
saturday = ["09:00-13:00"]
sunday = []
"""

_DIRECTORY_NOTE = """\
# Whom callers can be handed to. Without anybody, the agent takes messages.
"""

_DIRECTORY = """\
[directory.front_desk]
number = "{number}"
names.en = ["the front desk", "reception"]
names.sw = ["mapokezi"]
"""

_EXAMPLE_NOTE = """\
# What this agent needs beyond that, as an example business has it: make every line of it your own.
"""

_OWN_SETTINGS = """\
# What this agent needs beyond that: free keys with text, numbers, true or false, or lists of text. See the agent's own file.
[settings]
"""

_KNOWLEDGE_TEXT = """\
# What callers of {name} ask

Each heading is a question, and below it stands the answer in the words that are spoken, at most 400 characters. A line that begins with
"Also:" gives other ways to ask. A second file that ends in .sw.md holds the same in Swahili; name it in `knowledge` too.

## Is there parking?
Also: Where can I park my car?
Yes, there is parking in front of the building.

## How can I pay?
Also: Do you take M-Pesa? | Can I pay by card?
You can pay by M-Pesa or in cash.
"""
