"""Who asked not to be called again, and how one hears it.

"Stop calling me" acts at once and without any model: the bridge hears it itself by `asks_to_stop` (or by `STOP_KEY`) and runs the tool
optOut. What that leaves is a `Suppression`: it holds a digest of the number and no number, and no agent ever takes it back. Somebody who
takes back their consent in another way, by letter or at the counter, is noted by the business itself, which alone can lift a suppression,
with a reason; what went before stays in the record. Whoever places a call asks `is_suppressed` first.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Records
from pokea.privacy import Pii
from pokea.records import Kind

STOP_KEY = "9"

# Phrases that mean nothing else, wherever in a sentence they stand, whatever language the call is held in. One with a full stop means
# it only as the last words: "sitaki simu irekodiwe" is about recording, "acheni kupiga kelele" about noise.
STOP_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        "stop calling",
        "stop phoning",
        "stop ringing me",
        "don't call me again",
        "do not call me again",
        "don't call again",
        "do not call again",
        "never call me",
        "never call again",
        "don't ever call",
        "don't call me anymore",
        "don't call this number",
        "do not call this number",
        "don't phone me again",
        "do not contact me",
        "don't contact me",
        "remove me",
        "remove my number",
        "delete my number",
        "take me off",
        "take my number off",
        "do not call list",
        "don't ring me again",
        "do not ring me again",
        "don't want you to ring me again",
        "do not want you to ring me again",
        "don't want you to call me again",
        "do not want you to call me again",
        "don't ring again",
        "do not ring again",
        "never ring me",
        "never ring again",
        "don't ring this number",
        "do not ring this number",
        "don't want any more calls",
        "do not want any more calls",
        "don't make any more calls",
        "do not make any more calls",
        "no more calls",
        "stop bothering",
        "take us off",
        "unsubscribe",
        "opt out",
        "opt me out",
    ),
    "sw": (
        "usinipigie",
        "msinipigie",
        "usipige tena",
        "msipige tena",
        "usipige simu tena",
        "msipige simu tena",
        "acha kunipigia",
        "acheni kunipigia",
        "wacha kunipigia",
        "wacheni kunipigia",
        "sitaki kupigiwa",
        "sitaki mnipigie",
        "sitaki unipigie",
        "niondoe",
        "niondoeni",
        "mniondoe",
        "uniondoe",
        "niondolewe",
        "nisipigiwe",
        "sipendi kupigiwa",
        "usinisumbue",
        "msinisumbue",
        "usinitafute",
        "msinitafute",
        "sitaki simu.",
        "sitaki simu tena",
        "sitaki simu zenu",
        "sitaki simu zako",
        "sitaki simu hizi",
        "sitaki simu asante",
        "sitaki simu tafadhali",
        "acha kupiga.",
        "acha kupiga simu",
        "acha kupiga tena",
        "acheni kupiga.",
        "acheni kupiga simu",
        "acheni kupiga tena",
        "futa jina langu",
        "futeni jina langu",
        "ondoa jina langu",
        "ondoeni jina langu",
        "toa jina langu",
        "toeni jina langu",
        "nitoe kwenye orodha",
        "nitoeni kwenye orodha",
        "ondoa namba yangu",
        "ondoa nambari yangu",
        "ondoeni namba yangu",
        "ondoeni nambari yangu",
        "toa namba yangu",
        "toa nambari yangu",
        "futa namba yangu",
        "futa nambari yangu",
        "futeni namba yangu",
        "futeni nambari yangu",
    ),
}
ALL_PHRASES = tuple(phrase for phrases in STOP_WORDS.values() for phrase in phrases)
# Those that can be heard in a sentence that is still being spoken: what its last words are is not known yet.
STOP_PHRASES = tuple(phrase for phrase in ALL_PHRASES if not phrase.endswith("."))
MAX_HEARD_CHARS = 2_000  # of one caller turn; what comes first is looked at


def asks_to_stop(heard: str, phrases: Iterable[str] = ALL_PHRASES) -> bool:
    """Whether one of `phrases` stands in the caller's words, word for word; case, accents and punctuation do not count."""
    words = f" {_plain(heard[:MAX_HEARD_CHARS])} "
    return any(_stands_in(words, phrase) for phrase in phrases)


class Source(StrEnum):
    """Who said that a number must not be called."""

    CALL = "call"  # the person, in a call
    CARRIER = "carrier"  # it does not take the number
    BUSINESS = "business"  # the business, for whatever reason it gives


@dataclass(frozen=True, slots=True)
class Past:
    """A suppression that was lifted since."""

    source: Source
    session_id: SessionId
    asked_at: datetime
    reason: str
    lifted_at: datetime
    lifted_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """This business must not call this number, unless `lifted_at` says that it may again. `digest` stands for the number: see
    `number_digest`. `session_id`: the call in which it was asked for, "" where it was none. `reason`: the business's own words. `earlier`:
    what was lifted before, oldest first."""

    business_id: BusinessId
    digest: str
    session_id: SessionId
    asked_at: datetime
    source: Source = Source.CALL
    reason: str = ""
    lifted_at: datetime | None = None
    lifted_reason: str = ""
    earlier: tuple[Past, ...] = ()
    version: int = 0

    @property
    def stands(self) -> bool:
        return self.lifted_at is None


SUPPRESSION: Kind[Suppression] = Kind(
    "suppression",
    Suppression,
    key=lambda suppression: suppression.digest,
    privacy={
        "business_id": Pii.ID,
        "digest": Pii.CONTACT,
        "session_id": Pii.ID,
        "asked_at": Pii.NONE,
        "source": Pii.NONE,
        "reason": Pii.SPEECH,
        "lifted_at": Pii.NONE,
        "lifted_reason": Pii.SPEECH,
        "earlier": Pii.SPEECH,
        "version": Pii.NONE,
    },
    lookups=lambda suppression: (asked_on(suppression.asked_at),),
)


def asked_on(at: datetime) -> str:
    """Under which name the suppressions of a day (UTC) are listed: so many are not asked for in one that a page could not hold them."""
    return f"asked {at.astimezone(UTC):%Y-%m-%d}"


def suppression_of(records: Records, business_id: BusinessId, number: E164) -> Suppression | None:
    """The one that holds now."""
    found = records.record(SUPPRESSION, business_id, number_digest(business_id, number))
    return found if found is not None and found.stands else None


def asked_for(before: Suppression | None, wanted: Suppression) -> Suppression | None:
    """What is to be written so that `wanted` holds; None where the number is suppressed already: the first word stands. `before`: what is
    stored of this number."""
    if before is None:
        return wanted
    if before.lifted_at is None:
        return None
    past = Past(
        before.source, before.session_id, before.asked_at, before.reason, before.lifted_at, before.lifted_reason
    )
    return replace(wanted, earlier=(*before.earlier, past), version=before.version)


def lifted(suppression: Suppression, reason: str, now: datetime) -> Suppression:
    return suppression if not suppression.stands else replace(suppression, lifted_at=now, lifted_reason=reason)


def number_digest(business_id: BusinessId, number: E164) -> str:
    """Tells numbers apart without holding them. Whoever has the digest can try all numbers, so it is kept as a contact is."""
    return hashlib.sha256(f"suppression\n{business_id}\n{number}".encode()).hexdigest()[:40]


def is_suppressed(records: Records, business_id: BusinessId, number: E164) -> bool:
    return suppression_of(records, business_id, number) is not None


def _stands_in(words: str, phrase: str) -> bool:
    plain = f" {_plain(phrase)} "
    return words.endswith(plain) if phrase.endswith(".") else plain in words


def _plain(text: str) -> str:
    """The words of `text`, one space apart: "Don't!" and "dont" are one word."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in folded if not unicodedata.combining(c) and c not in "'’`")
    return " ".join(re.sub(r"[^\w]+", " ", letters).replace("_", " ").split())
