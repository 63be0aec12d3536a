"""Numbers, hooks, clock and wallet: what a deployment and its carrier must agree on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pokea.billing.wallet import Standing as WalletStanding
from pokea.doctor.findings import Finding, fine, found, unseen
from pokea.doctor.setup import Findings
from pokea.phone_numbers import E164
from pokea.sautikit.number_routes import LOOPBACK, OwnedNumber, Route, ours, shown
from pokea.sautikit.signature import TOLERANCE_S, WebhookAuth

WARN_SKEW_S = 30.0
WRONG_SKEW_S = TOLERANCE_S * 0.8  # what is nearly over is over with the next drift
SLOW_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersSeen:
    """`lines`: number → business. `routes`: where hooks of this deployment are taken, the newest secret first; none if that is not known.
    `has_key`: a key is set; `refusal`: the carrier's code for refusing it. `where`: what follows `pokea numbers route NUMBER`."""

    lines: Mapping[E164, str]
    owned: tuple[OwnedNumber, ...] = ()
    routes: tuple[Route, ...] = ()
    has_key: bool = True
    refusal: str = ""
    where: str = ""
    unread: str = ""
    route_unknown: str = ""


def check_numbers(seen: NumbersSeen) -> Findings:
    if not seen.has_key:
        return (found("numbers.no_key"),)
    if seen.refusal:
        return (found("numbers.key_refused", code=seen.refusal),)
    if seen.unread:
        return (unseen("numbers", seen.unread),)
    if not seen.lines:
        return (unseen("numbers", "no profile could be read, so nothing is known of the lines"),)
    troubles = tuple(trouble for number in seen.lines if (trouble := _number(number, seen)) is not None)
    if not seen.routes:
        troubles = (*troubles, unseen("numbers", f"where calls should go is not known: {seen.route_unknown}"))
    return troubles or (fine("numbers", f"{len(seen.lines)} numbers are ours, active, and routed here"),)


def _number(number: E164, seen: NumbersSeen) -> Finding | None:
    facts = {"number": number, "business": seen.lines[number], "where": seen.where}
    one = ours(number, seen.owned)
    if one is None:
        return found("numbers.unclaimed", **facts)
    if one.status not in ("active", "unknown"):
        return found("numbers.inactive", status=one.status, **facts)
    if not seen.routes:
        return None
    newest = seen.routes[0]
    voice = (one.voice_callback_url or "").rstrip("/")
    if not voice:
        return found("numbers.unrouted", **facts)
    if voice not in {route.voice_url for route in seen.routes}:
        if _site(voice) != _site(newest.voice_url):
            return found("numbers.elsewhere", url=shown(voice), ours=shown(newest.voice_url), **facts)
        return found("numbers.wrong_secret", **facts)
    if voice != newest.voice_url:
        return found("numbers.old_secret", **facts)
    if newest.events_url and (one.events_url or "").rstrip("/") != newest.events_url:
        return found("numbers.no_events", url=shown(one.events_url or ""), **facts)
    return None


def _site(url: str) -> tuple[str, str, str]:
    """Everything but the secret."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, "/".join(parts.path.split("/")[:2])


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a probe. `code`: of the refusal, in our own error envelope; `is_document`: XML or our JSON."""

    status: int
    code: str = ""
    is_document: bool = False
    took_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSeen:
    """`ours`: a hook with our proof and nothing else in it; `strange`: one with a wrong secret. None: not answered, `reason` says why.

    `proofs`: what the last live hooks brought, as the voice function logs it: "path", "path+signature", "path+unchecked" (signed, and
    there is no secret to check it with), and "hook_path" or "hook_signature" for a refused one. None: nobody could look.
    """

    url: str = ""
    auth: WebhookAuth = WebhookAuth.PATH
    ours: Answer | None = None
    strange: Answer | None = None
    reason: str = ""
    proofs: Counter[str] | None = None
    proofs_unread: str = ""
    unread: str = ""


def check_webhook(seen: WebhookSeen) -> Findings:
    if seen.unread:
        return (unseen("webhook", seen.unread),)
    url, parts = shown(seen.url), urlsplit(seen.url)
    troubles: list[Finding] = []
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        troubles.append(found("webhook.not_https", url=url))
    if seen.ours is None:
        troubles.append(found("webhook.unreachable", url=url, reason=seen.reason))
    else:
        troubles += _answered(seen, seen.ours, url)
    reached = () if troubles else (fine("webhook", f"{url} takes our hooks and no others"),)
    return (*reached, *troubles, *_proofs(seen))


def _answered(seen: WebhookSeen, answer: Answer, url: str) -> list[Finding]:
    if answer.code == "hook_signature":
        return [found("webhook.signature_refused", url=url)]
    if answer.code == "not_by_edge":
        return [found("webhook.not_by_edge", url=url)]
    if answer.code.startswith("hook_"):
        return [found("webhook.secret_refused", url=url)]
    if answer.status >= 500:
        return [found("webhook.failing", url=url, status=answer.status)]
    if answer.status not in (200, 400) or not answer.is_document:
        return [found("webhook.not_ours", url=url, status=answer.status)]
    troubles = []
    if seen.strange is not None and seen.strange.status < 400:
        troubles.append(found("webhook.open", url=url))
    if answer.took_s >= SLOW_S:
        troubles.append(found("webhook.slow", url=url, took_s=answer.took_s))
    return troubles


def _proofs(seen: WebhookSeen) -> Findings:
    if seen.proofs is None:
        return (unseen("webhook", f"what live hooks prove themselves by is not known: {seen.proofs_unread}"),)
    total = seen.proofs.total()
    if not total:
        return (unseen("webhook", "no live hook was seen yet: ring a number and look again"),)
    troubles = []
    if count := seen.proofs["hook_signature"]:
        troubles.append(found("webhook.unsigned", count=count, total=total))
    if count := seen.proofs["hook_path"]:
        troubles.append(found("webhook.strangers", count=count, total=total))
    return tuple(troubles) or (fine("webhook", f"the last {total} live hooks satisfy {satisfied(seen.proofs)}"),)


def satisfied(proofs: Counter[str]) -> str:
    """Which settings of POKEA_WEBHOOK_AUTH every one of these hooks satisfies."""
    brought = [set(proof.split("+")) for proof in proofs]
    modes = [mode.value for mode in WebhookAuth if all(set(mode.value.split("+")) <= one for one in brought)]
    words = "POKEA_WEBHOOK_AUTH=" + " or ".join(modes) if modes else "no setting of POKEA_WEBHOOK_AUTH"
    unchecked = sum(count for proof, count in proofs.items() if "unchecked" in proof.split("+"))
    return f"{words}; {unchecked} are signed by a secret that is not set here" if unchecked else words


@dataclass(frozen=True, slots=True)
class ClockSample:
    """`skew_s`: our time less theirs, at the middle of a round trip of `round_trip_s`; theirs is told in whole seconds."""

    who: str
    skew_s: float
    round_trip_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSeen:
    samples: tuple[ClockSample, ...] = ()
    unread: str = ""


def check_clock(seen: ClockSeen) -> Findings:
    if not seen.samples:
        return (unseen("clock", seen.unread or "nobody told the time"),)
    troubles = []
    for sample in seen.samples:
        certain_s = abs(sample.skew_s) - sample.round_trip_s / 2 - 1
        if certain_s >= WRONG_SKEW_S:
            troubles.append(found("clock.wrong", skew_s=sample.skew_s, who=sample.who))
        elif certain_s >= WARN_SKEW_S:
            troubles.append(found("clock.drifts", skew_s=sample.skew_s, who=sample.who))
    who = ", ".join(sample.who for sample in seen.samples)
    return tuple(troubles) or (fine("clock", f"within {WARN_SKEW_S:.0f} s of {who}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletSeen:
    """`decks`: business → (its price list, the currency of that)."""

    standing: WalletStanding = WalletStanding.UNKNOWN
    balance: str = ""
    currency: str = ""
    decks: Mapping[str, tuple[str, str]]
    unread: str = ""


def check_wallet(seen: WalletSeen) -> Findings:
    if seen.unread or seen.standing is WalletStanding.UNKNOWN:
        return (unseen("wallet", seen.unread or "the balance is not known"),)
    troubles = []
    if seen.standing is WalletStanding.EMPTY:
        troubles.append(found("wallet.empty", balance=seen.balance))
    if seen.standing is WalletStanding.LOW:
        troubles.append(found("wallet.low", balance=seen.balance))
    for business, (deck, currency) in seen.decks.items():
        if currency != seen.currency:
            troubles.append(
                found("wallet.currency", currency=seen.currency, deck=deck, deck_currency=currency, business=business)
            )
    return tuple(troubles) or (fine("wallet", f"{seen.balance}"),)
