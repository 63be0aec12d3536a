"""Numbers at the carrier: what to claim, where calls of a number go, and what a lost reply turned out to mean.

Claiming costs money and nobody knows whether the carrier takes an idempotency key for it, so a number is claimed by its own name: one
that is ours is not claimed again, and after a reply that never came the carrier's own list is the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from pokea.errors import Conflict, Denied, NotFound, RejectedInput
from pokea.phone_numbers import E164
from pokea.sautikit.signature import MIN_PATH_SECRET_CHARS, WebhookAuth

ACTIVE, RELEASED = "active", "released"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
VOICE_PATH, EVENTS_PATH = "/voice", "/call-events"


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    number_id: str
    number: E164
    status: str
    voice_callback_url: str | None
    events_url: str | None


@dataclass(frozen=True, slots=True)
class OfferedNumber:
    """A number of the inventory. `monthly_minor`: its price in the currency's minor units, None if the carrier does not say."""

    inventory_id: str
    number: E164
    monthly_minor: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a number's hooks go. "": nowhere, as far as the carrier says. Both may hold a secret in their path: see `shown`."""

    voice_url: str
    events_url: str = ""


class Claim(StrEnum):
    CLAIMED = "claimed"
    OURS = "already_ours"
    WOULD = "would_claim"
    LOST = "not_claimed"  # the reply was lost, and the list says that nothing happened
    UNKNOWN = "unknown"


class Routing(StrEnum):
    ROUTED = "routed"
    ALREADY = "already_routed"
    WOULD = "would_route"
    UNTAKEN = "not_taken"  # the list still shows another route
    UNKNOWN = "unknown"


SETTLED = frozenset({Claim.CLAIMED, Claim.OURS, Claim.WOULD, Routing.ROUTED, Routing.ALREADY, Routing.WOULD})


def ours(number: E164, owned: Iterable[OwnedNumber]) -> OwnedNumber | None:
    """`number` among those of the workspace; a released one is nobody's."""
    return next((one for one in owned if one.number == number and one.status != RELEASED), None)


def offer_of(number: E164, offered: Iterable[OfferedNumber]) -> OfferedNumber:
    """Raises NotFound, naming what else there is."""
    found = tuple(offered)
    for offer in found:
        if offer.number == number:
            return offer
    others = ", ".join(offer.number for offer in found[:5]) or "none"
    raise NotFound("number_not_offered", f"{number} is neither ours nor offered by the carrier; it offers: {others}")


def settled_claim(number: E164, owned: Iterable[OwnedNumber], offered: Iterable[OfferedNumber]) -> Claim:
    """What became of a claim without a usable reply, by the carrier's own lists."""
    if ours(number, owned) is not None:
        return Claim.CLAIMED
    if any(offer.number == number for offer in offered):
        return Claim.LOST
    return Claim.UNKNOWN


def routable(number: E164, owned: Iterable[OwnedNumber]) -> OwnedNumber:
    """Raises NotFound for a number that is not ours, Denied for one that takes no calls."""
    found = ours(number, owned)
    if found is None:
        raise NotFound("number_not_ours", f"{number} is not a number of this workspace: `pokea numbers claim {number}`")
    if found.status not in (ACTIVE, "unknown"):
        raise Denied("number_not_active", f"the carrier lists {number} as {found.status}: it takes no calls")
    return found


def route_of(number: OwnedNumber) -> Route:
    return Route(number.voice_callback_url or "", number.events_url or "")


def is_routed(number: OwnedNumber, wanted: Route, *, carries_events: bool) -> bool:
    """Whether nothing is left to do. Where the carrier's routing takes no URL for events, theirs cannot differ by our doing."""
    now = route_of(number)
    return now.voice_url == wanted.voice_url and (not carries_events or now.events_url == wanted.events_url)


def settled_route(
    number: E164, wanted: Route, owned: Iterable[OwnedNumber], *, carries_events: bool, replied: bool
) -> Routing:
    """What became of a request to route. A reply alone is no proof: a field that the carrier does not know is accepted like any other."""
    found = ours(number, owned)
    if found is None:
        return Routing.UNKNOWN
    if is_routed(found, wanted, carries_events=carries_events):
        return Routing.ROUTED
    if not route_of(found).voice_url:  # its list says nothing of routes, or the number has none
        return Routing.UNKNOWN if replied else Routing.UNTAKEN
    return Routing.UNTAKEN


def auth_named(text: str) -> WebhookAuth:
    """What hooks have to bring, by its name; "" is the default. Raises RejectedInput."""
    try:
        return WebhookAuth(text or WebhookAuth.PATH.value)
    except ValueError:
        modes = ", ".join(mode.value for mode in WebhookAuth)
        raise RejectedInput("bad_settings", f"POKEA_WEBHOOK_AUTH: {text!r} is not one of {modes}") from None


def our_route(public_url: str, path_secret: str, auth: WebhookAuth) -> Route:
    """Where hooks of a deployment with this base URL are taken. Raises RejectedInput where its path secret is missing."""
    base = checked_url(public_url)
    if auth is WebhookAuth.SIGNATURE:
        return Route(base + VOICE_PATH, base + EVENTS_PATH)
    if len(path_secret) < MIN_PATH_SECRET_CHARS:
        raise RejectedInput(
            "no_path_secret",
            f"POKEA_WEBHOOK_PATH_SECRET is not set or has fewer than {MIN_PATH_SECRET_CHARS} characters",
        )
    return Route(f"{base}{VOICE_PATH}/{path_secret}", f"{base}{EVENTS_PATH}/{path_secret}")


def checked_url(url: str) -> str:
    """`url` without a slash at its end. Raises RejectedInput unless it is https, or http on this machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise RejectedInput("bad_url", f"{shown(url)!r} is not a URL with https://")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise RejectedInput("insecure_url", f"{shown(url)} must be https: hooks tell who calls whom")
    return url.rstrip("/")


def way_back(before: Route, after: Route, current: OwnedNumber) -> Route | None:
    """The route to set in order to undo a change from `before` to `after`; None: it is undone already.

    Raises Conflict if somebody has routed the number elsewhere since, Denied if it had no route before.
    """
    now = route_of(current)
    if now == before or (before.voice_url and now.voice_url == before.voice_url):
        return None
    if now.voice_url != after.voice_url:
        raise Conflict(
            "routed_since", f"{current.number} was routed to {shown(now.voice_url)} since; nothing is undone"
        )
    if not before.voice_url:
        raise Denied(
            "no_way_back",
            f"{current.number} had no route before, and no way is known to take one away: route it elsewhere with --voice-url, "
            "or release the number at the carrier",
        )
    return before


def shown(url: str) -> str:
    """`url` for eyes: what may be a secret becomes a fingerprint, by which two can be told apart and nothing can be entered."""
    if not url:
        return "nowhere"
    parts = urlsplit(url)
    segments = [_masked(segment) for segment in parts.path.split("/")]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, "/".join(segments), f"{_mark(parts.query)}" if parts.query else "", ""))


def _masked(segment: str) -> str:
    return _mark(segment) if len(segment) >= MIN_PATH_SECRET_CHARS else segment


def _mark(text: str) -> str:
    return f"<secret {hashlib.sha256(text.encode()).hexdigest()[:6]}>"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployed stack says of itself: its outputs and its parameters, by name."""

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    def of(self, *names: str) -> str:
        """The first of `names` that an output or, failing that, a parameter has a value for; "" for none."""
        found = (place.get(name, "") for name in names for place in (self.outputs, self.parameters))
        return next((value for value in found if value), "")

    @property
    def public_url(self) -> str:
        """Base URL of the HTTP API. Raises NotFound."""
        url = self.of("PublicUrl", "ApiEndpoint", "HttpApiUrl")
        if not url:
            raise NotFound("no_public_url", "the stack has neither the parameter PublicUrl nor the output ApiEndpoint")
        return url.rstrip("/")

    @property
    def auth(self) -> WebhookAuth:
        """Raises RejectedInput."""
        return auth_named(self.of("WebhookAuth"))
