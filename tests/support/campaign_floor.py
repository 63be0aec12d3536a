"""A campaign as it runs on a desk: API, planner, dial queue, dialer, carrier, hooks, settler, webhooks, all real, and people of mixed fate.

Only the media bridge is played: it opens and closes each answered call through the tools function, and writes what the agent would have.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx

from local.carrier import Carrier
from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_store import DynamoStore
from pokea.campaigns.contact import ContactState
from pokea.campaigns.holiday_dates import holidays_of
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.errors import Conflict
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD, Lead, Outcome
from pokea.lines import PACKAGED
from pokea.phone_numbers import E164
from pokea.ports import Change
from tests.support.control_plane import token_in

BUSINESS = BusinessId("mizani")
LINE = "+254711000004"
CALENDARS = ("KE", "IS", "JP", "BR", "CA")
PLAY_EVERY_S = 0.05
ASK_EVERY_S = 0.3
_GROUNDS = 'basis = "ours"\nsource = "a test"\ndoubt = "a test"\n'
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Fate(StrEnum):
    """What is to become of somebody on the list, as they behave or as they stand there."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"
    MACHINE = "machine"
    OPTS_OUT = "opted_out"
    HANGS_UP = "hung_up"
    BUSY = "busy"
    BUSY_AT_FIRST = "busy_at_first"
    NO_ANSWER = "no_answer"
    OPTED_OUT_BEFORE = "suppressed"
    WRONG_COUNTRY = "wrong_country"
    UNLAWFUL_HOUR = "unlawful_hour"
    NO_CONSENT = "no_consent"


# How often each is rung by the rules below, and what comes of it.
RUNG = {
    Fate.HOT: (1, "hot"),
    Fate.WARM: (1, "warm"),
    Fate.COLD: (1, "cold"),
    Fate.MACHINE: (1, "machine"),
    Fate.OPTS_OUT: (1, "opted_out"),
    Fate.HANGS_UP: (1, "hung_up"),
    Fate.BUSY: (2, "busy"),
    Fate.BUSY_AT_FIRST: (2, "warm"),
    Fate.NO_ANSWER: (1, "no_answer"),
}
QUALIFIED = (Fate.HOT, Fate.WARM, Fate.BUSY_AT_FIRST)
ATTEMPTS = {"busy": 2, "no_answer": 1, "machine": 1}
_UNANSWERED = {Fate.BUSY: "busy", Fate.BUSY_AT_FIRST: "busy", Fate.NO_ANSWER: "no_answer"}
_OUTCOMES = {
    Fate.HOT: Outcome.HOT,
    Fate.WARM: Outcome.WARM,
    Fate.BUSY_AT_FIRST: Outcome.WARM,
    Fate.COLD: Outcome.COLD,
    Fate.OPTS_OUT: Outcome.OPTED_OUT,
}


def number_of(place: int, fate: Fate) -> str:
    if fate is Fate.WRONG_COUNTRY:
        return f"+25578{place:07d}"  # Tanzania, for which there are no rules
    if fate is Fate.UNLAWFUL_HOUR:
        return f"+25677{place:07d}"  # Uganda, whose rules say: not now
    return f"+25472{place:07d}"


@dataclass(frozen=True, slots=True)
class Person:
    place: int
    fate: Fate

    @property
    def number(self) -> str:
        return number_of(self.place, self.fate)

    @property
    def row(self) -> Mapping[str, str]:
        has_consent = self.fate is not Fate.NO_CONSENT
        return {
            "phone": self.number,
            "name": f"Person {self.place}",
            "consent_source": "web form" if has_consent else "",
            "consent_wording": "I agree to be called." if has_consent else "",
            "consent_at": (datetime.now(UTC) - timedelta(days=3)).isoformat() if has_consent else "",
            "plan": f"plan {self.place}",
        }


def people(count: int) -> list[Person]:
    """Every fate in turn."""
    fates = list(Fate)
    return [Person(place, fates[place % len(fates)]) for place in range(count)]


class Leg:
    """Whoever picks up: stays until the bridge has what it needs, then hangs up."""

    def __init__(self) -> None:
        self.hung_up = False

    def answered(self) -> None: ...

    def speak(self, samples: int) -> bytes:
        return bytes(2 * samples)

    def hear(self, pcm: bytes) -> None: ...

    def ended(self) -> None: ...


def lay_out(folder: Path, now: datetime) -> None:
    """Profiles, and rules of countries by which Kenya may be rung at any hour of any day and Uganda not before tomorrow."""
    shutil.copytree(PACKAGED, folder)
    profile = (folder / "mizani.toml").read_text(encoding="utf-8")
    always = re.sub(r'= \["[0-9:]+-[0-9:]+"\]', '= ["00:00-24:00"]', profile)
    (folder / "mizani.toml").write_text(always, encoding="utf-8")
    (folder / "policy").mkdir()
    (folder / "policy/ke.toml").write_text(_pack("KE", "ke-2026-11", now, range(7)), encoding="utf-8")
    (folder / "policy/ug.toml").write_text(_pack("UG", "ug-2026-11", now, [(now.weekday() + 3) % 7]), encoding="utf-8")


def _pack(country: str, replaces: str, now: datetime, weekdays: Sequence[int] | range) -> str:
    hours = "\n".join(f"{day} = {['00:00-24:00'] if number in weekdays else []}" for number, day in enumerate(_DAYS))
    days = [(now + timedelta(days=number)).date() for number in (-1, 0, 1)]
    calendar = next(name for name in CALENDARS if not any(_is_holiday(name, day) for day in days))
    notices = "\n".join(
        f'[[notice]]\ntopic = "{topic}"\nsays = "A test."\n{_GROUNDS}'
        for topic in ("disclosure", "do_not_call", "sensitive")
    )
    return (
        f'id = "{country.lower()}-test"\ncountry = "{country}"\nreplaces = "{replaces}"\n[hours]\n{hours}\n{_GROUNDS}'
        f'[holidays]\ncalendar = "{calendar}"\ncategories = ["public"]\nestimated_margin_days = 0\n{_GROUNDS}'
        f'[consent]\nform = "express"\n{_GROUNDS}'
        f"[attempts]\nper_day = 20\nper_week = 20\nin_all = 20\n{_GROUNDS}{notices}"
    ).replace("'", '"')


def _is_holiday(calendar: str, day: date) -> bool:
    return bool(holidays_of(calendar, ("public",), 0, day))


def under_way(standing: Mapping[str, Any]) -> int:
    return sum(int(standing["states"][state]) for state in ("claimed", "asked", "ringing"))


def is_quiet(standing: Mapping[str, Any], waiting: int) -> bool:
    """Nobody is being rung, and of those who still may be only `waiting` are left."""
    states = standing["states"]
    return not under_way(standing) and states["waiting"] == waiting and states["done"] + states["excluded"] > 0


@dataclass
class Floor:
    """`opened`: sessions that the played bridge has taken. `client`: of the gateway at `url`, with the business's key. `log`: what the
    functions print."""

    url: str
    carrier: Carrier
    store: DynamoStore
    campaigns: DynamoCampaigns
    key: str
    folder: Path
    campaign_id: str
    client: httpx.AsyncClient
    log: Path
    people: list[Person] = field(default_factory=list)
    legs: dict[str, Leg] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)

    def enlist(self, everybody: Sequence[Person]) -> None:
        """Have these people's telephones behave as their fate says."""
        self.people = list(everybody)
        for person in self.people:
            if unanswered := _UNANSWERED.get(person.fate):
                self.carrier.answer_with(person.number, unanswered, ring_s=0.1)  # type: ignore[arg-type]
            else:
                self.carrier.answer_with(person.number, self._picks_up(person.number), ring_s=0.05)
            if person.fate is Fate.OPTED_OUT_BEFORE:
                self._suppress(person.number, "HD_000000000000")

    def write_files(self, **rules: object) -> tuple[Path, Path]:
        """The list as CSV, and its campaign."""
        columns = list(self.people[0].row)
        lines = [",".join(columns), *(",".join(person.row[name] for name in columns) for person in self.people)]
        listed = self.folder / "list.csv"
        listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
        given = {"cps": 20, "channels": 20, "max_attempts": 2, **rules}
        plain = "\n".join(f"{name} = {json.dumps(value)}" for name, value in given.items())
        retries = "\n".join(f"{name} = {{ after_min = 1, attempts = {most} }}" for name, most in ATTEMPTS.items())
        toml = (
            f'id = "{self.campaign_id}"\nbusiness = "{BUSINESS}"\nname = "A test"\ncountries = ["KE", "UG"]\n{plain}\n'
            f"[retries]\n{retries}\n"
        )
        rules_file = self.folder / "campaign.toml"
        rules_file.write_text(toml, encoding="utf-8")
        return listed, rules_file

    async def run(self, within_s: float = 60.0) -> dict[str, Any]:
        """Play until nobody is left who can be rung now. Whoever was busy, or was put off by a pause, has waited long enough at once."""

        def is_over(standing: dict[str, Any]) -> bool:
            if not under_way(standing) and standing["states"]["waiting"] > self._later:
                self._hasten()
            return is_quiet(standing, self._later)

        return await self.until(is_over, within_s)

    def _hasten(self) -> None:
        now = datetime.now(UTC)
        for contact in self.campaigns.in_state(BUSINESS, self.campaign_id, ContactState.WAITING):
            if contact.due_at > now and contact.reason in ("busy", "campaign_not_running"):
                with contextlib.suppress(Conflict):  # the planner was faster
                    self.campaigns.put_contact(replace(contact, due_at=now))

    async def until(self, is_there: Callable[[dict[str, Any]], bool], within_s: float = 60.0) -> dict[str, Any]:
        """Play the bridge until the campaign stands so; how it stands then."""
        loop = asyncio.get_running_loop()
        deadline, asked_at, standing = loop.time() + within_s, 0.0, {}
        while True:
            await self.play_bridge()
            if loop.time() - asked_at >= ASK_EVERY_S:
                standing, asked_at = await self.standing(), loop.time()
                if is_there(standing):
                    return standing
            assert loop.time() < deadline, standing
            await asyncio.sleep(PLAY_EVERY_S)

    @property
    def _later(self) -> int:
        return sum(person.fate is Fate.UNLAWFUL_HOUR for person in self.people)

    async def standing(self) -> dict[str, Any]:
        return dict((await self.client.get(f"/campaigns/{self.campaign_id}")).json())

    async def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        path = f"/2015-03-31/functions/{function}/invocations"
        reply = await self.client.post(path, json=dict(event))
        assert "x-amz-function-error" not in reply.headers, reply.text
        return reply.json()

    async def play_bridge(self) -> None:
        """Take the streams of all calls that were answered since."""
        fates = {person.number: person.fate for person in self.people}
        for call in [call for call in self.carrier.calls if call.session_id not in self.opened]:
            if fates[call.facts.b_number] is Fate.BUSY_AT_FIRST and call.ended_at is not None:
                self.carrier.answer_with(call.facts.b_number, self._picks_up(call.facts.b_number), ring_s=0.05)
            found = [hook.response.decode() for hook in call.hooks if b"<Stream" in (hook.response or b"")]
            if found:
                self.opened.add(call.session_id)
                await self._take(call.session_id, token_in(found[0]), call.facts.b_number, fates)

    async def _take(self, session: str, token: str, number: str, fates: Mapping[str, Fate]) -> None:
        opening = {"operation": "open", "session_id": session, "token": token, "bridge": "b1"}
        opened = await self.invoke("pokea-tools", opening)
        assert opened["ok"], opened
        fate = fates[number]
        if outcome := _OUTCOMES.get(fate):
            await asyncio.to_thread(self._write_lead, session, number, outcome)
        if fate is Fate.OPTS_OUT:
            await asyncio.to_thread(self._suppress, number, session)
        closing = {
            "operation": "close",
            "call_token": opened["result"]["call_token"],
            "reason": "caller_hung_up",
            "duration_ms": 900,
            "transcript": []
            if fate in (Fate.HANGS_UP, Fate.MACHINE)
            else [{"who": "caller", "text": "Yes.", "at_ms": 500}],
            "answerer": "machine" if fate is Fate.MACHINE else "person",
        }
        self.legs[number].hung_up = True
        assert (await self.invoke("pokea-tools", closing))["ok"]

    def _picks_up(self, number: str) -> Any:
        def leg() -> Leg:
            self.legs[number] = Leg()
            return self.legs[number]

        return leg

    def _write_lead(self, session: str, number: str, outcome: Outcome) -> None:
        lead = Lead(
            business_id=BUSINESS,
            session_id=SessionId(session),
            number=E164(number),
            language="en",
            began_at=datetime.now(UTC),
            outcome=outcome,
            score={Outcome.HOT: 90, Outcome.WARM: 50}.get(outcome, 0),
        )
        known = self.store.record(LEAD, BUSINESS, session)
        if known is None:
            self.store.apply(Change(records=(LEAD.of(lead),)))

    def _suppress(self, number: str, session: str) -> None:
        digest = number_digest(BUSINESS, E164(number))
        if self.store.record(SUPPRESSION, BUSINESS, digest) is None:
            asked = Suppression(
                business_id=BUSINESS, digest=digest, session_id=SessionId(session), asked_at=datetime.now(UTC)
            )
            self.store.apply(Change(records=(SUPPRESSION.of(asked),)))

    def rings(self) -> Counter[str]:
        """How often the carrier rang each number."""
        return Counter(call.facts.b_number for call in self.carrier.calls)
