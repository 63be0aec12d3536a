"""GET /cards/{token}: what the person who takes a call over is to know, on a page that a telephone can show.

The address is its own key: signed, good for a day, for one hand-off. The page holds what callers and tools said, so everything on it is
escaped, nothing on it is fetched from anywhere, and no script runs. An address that is forged, old or revoked shows nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from pokea.adapters.tokens import TokenSigner
from pokea.clock import Clock
from pokea.desk.brief import verified_how
from pokea.errors import NotFound, Unauthorized
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.ports import Records
from pokea.profile import Profile
from pokea.spoken.aloud import iso_local
from pokea.transfer import HANDOFF, Handoff
from pokea.words import WORDS

if TYPE_CHECKING:
    from jinja2 import Environment

    from functions.api.wiring import Api
    from pokea.adapters.observability import Log

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Card:
    """What stands on the page."""

    business: str
    when: str  # local time of the business
    state: str
    name: str
    number: E164 | None
    verified: str
    account: str
    reason: str
    tried: tuple[str, ...]
    last_turns: tuple[tuple[str, str], ...]


class CardDesk:
    def __init__(
        self,
        *,
        store: Callable[[], Records],
        profiles: Callable[[], Mapping[BusinessId, Profile]],
        signer: Callable[[], TokenSigner],
        clock: Clock,
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._signer = signer
        self._clock = clock

    def handoff(self, token: str) -> tuple[Handoff, Profile]:
        """What the address `token` shows. Raises Unauthorized for one that is forged or old, NotFound for one that was revoked."""
        card = self._signer().read_card_token(token, now=self._clock.now())
        handoff = self._store().record(HANDOFF, card.business_id, card.handoff_id)
        profile = self._profiles().get(card.business_id)
        if handoff is None or profile is None or handoff.card_revoked or handoff.session_id != card.session_id:
            raise NotFound("no_such_card", "there is no such card")
        return handoff, profile


def card_of(handoff: Handoff, profile: Profile) -> Card:
    return Card(
        business=profile.name,
        when=iso_local(handoff.created_at, profile.tz).replace("T", " "),
        state=handoff.state.value,
        name=handoff.caller_name,
        number=handoff.caller_number,
        verified=verified_how(handoff, handoff.spoken_to_person),
        account=handoff.account,
        reason=handoff.reason,
        tried=handoff.tried,
        last_turns=handoff.last_turns,
    )


def page(handoff: Handoff, profile: Profile) -> Response:
    language = handoff.spoken_to_person
    nonce = secrets.token_urlsafe(16)
    words = {key.removeprefix("card_"): text for key, text in WORDS[language].items() if key.startswith("card_")}
    html = (
        _pages()
        .get_template("card.html")
        .render(language=language, nonce=nonce, words=words, card=card_of(handoff, profile))
    )
    return Response(html, 200, _headers(nonce), "text/html")


def gone() -> Response:
    return Response(_pages().get_template("gone.html").render(), 410, _headers(""), "text/html")


def router(provide: Callable[[], Api], log: Log) -> APIRouter:
    routes = APIRouter()

    @routes.get("/cards/{token}")
    def card(token: str) -> Response:
        try:
            handoff, profile = provide().cards.handoff(token)
        except (Unauthorized, NotFound) as refusal:
            log.info("card refused", code=refusal.code)
            log.count("CardRefused", code=refusal.code)
            return gone()
        log.info("card shown", session_id=handoff.session_id, business_id=handoff.business_id)
        return page(handoff, profile)

    return routes


def _headers(nonce: str) -> dict[str, str]:
    """Nothing is loaded, sent or framed; only the page's own style counts."""
    style = f"style-src 'nonce-{nonce}'" if nonce else "style-src 'none'"
    policy = f"default-src 'none'; {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
    }


@cache
def _pages() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # only this route needs it

    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
