"""One person of a campaign's list, and one attempt to ring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164


class ContactState(StrEnum):
    WAITING = "waiting"  # to be rung, not before `due_at`
    CLAIMED = "claimed"  # a dialer has it; the carrier has not been asked
    ASKED = "asked"  # the carrier is being asked, or its answer was lost: a telephone may be ringing
    RINGING = "ringing"  # the carrier has the call; it rings, or they talk
    DONE = "done"  # with a disposition that is final
    EXCLUDED = "excluded"  # never rung, or never again: `reason` says why


class Disposition(StrEnum):
    """How one attempt ended."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"
    CALL_AGAIN = "call_again"  # asked for another time
    ANSWERED = "answered"  # talked, and it came to nothing that the agent keeps
    HUNG_UP = "hung_up"  # answered, and left before saying anything
    MACHINE = "machine"
    FAX = "fax"
    SILENCE = "silence"  # answered, and nobody spoke
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    BLOCKED = "blocked"  # the carrier does not take this number
    FAILED = "failed"
    OPTED_OUT = "opted_out"
    UNKNOWN = "unknown"  # asked for, and nobody could find out what became of it


@dataclass(frozen=True, slots=True)
class Consent:
    """The proof that somebody agreed to be called: where, in which words, when."""

    source: str
    wording: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """`contact_id` is drawn from the number, so one number is one contact of a campaign. `zone`: IANA name; "" = by the number's country.
    `attempts`: begun so far. `label`: client_request_id of the latest one. `sought_at`: since when its call is
    looked for at the carrier, because no answer came. `fields`: further columns of the list, for the agent."""

    business_id: BusinessId
    campaign_id: str
    contact_id: str
    number: E164
    name: str
    language: str
    zone: str
    consent: Consent
    state: ContactState
    due_at: datetime
    attempts: int = 0
    label: str = ""
    claimed_at: datetime | None = None
    asked_at: datetime | None = None
    sought_at: datetime | None = None
    session_id: SessionId | None = None
    disposition: Disposition | None = None
    reason: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
