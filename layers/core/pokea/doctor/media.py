"""Models and the media bridge."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from pokea.doctor.findings import Finding, fine, found, unseen
from pokea.doctor.setup import Findings
from pokea.sautikit.number_routes import LOOPBACK

LEAST_IDLE_S = (
    61  # the bridge pings every 20 s; a load balancer's 60 s, its default, leaves room for one lost ping and no more
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSeen:
    """What came of opening a session. `code`: HTTP status or close code, 0 for a connection that was never made or was never answered."""

    engine: str
    model: str
    ready: bool = False
    code: int = 0
    reason: str = ""
    unset: str = ""  # the setting that is missing
    unread: str = ""


def check_model(seen: tuple[EngineSeen, ...]) -> Findings:
    return tuple(_engine(one) for one in seen) or (unseen("model", "no engine is named"),)


def _engine(seen: EngineSeen) -> Finding:
    engine, model = seen.engine, seen.model
    if seen.unread:
        return unseen("model", f"{engine}: {seen.unread}")
    if seen.unset:
        return found("model.unset", engine=engine, problem=seen.unset)
    if seen.ready:
        return fine("model", f"{engine} opened a session with {model}")
    reason = f"{seen.code} {seen.reason}".strip() if seen.code else seen.reason
    words = seen.reason.lower()
    if seen.code in (401, 403) or "api key" in words or "api_key" in words or "permission" in words:
        return found("model.key_refused", engine=engine, reason=reason)
    if seen.code == 429 or "quota" in words or "exhausted" in words:
        return found("model.quota", engine=engine, reason=reason)
    if seen.code == 404 or "not found" in words or "not supported" in words:
        return found("model.unknown", engine=engine, model=model, reason=reason)
    if not seen.code:
        return found("model.unreachable", engine=engine, reason=reason)
    return found("model.failed", engine=engine, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSeen:
    """The answer to an upgrade with a forged token. `status` None: none came, `reason` says why. `subprotocol`: what a 101 answered with.

    `idle_s`: of the load balancer in front; None where there is none that could be asked, and then `idle_unread` says why, or "" where
    nothing stands between.
    """

    url: str = ""
    status: int | None = None
    body: str = ""
    reason: str = ""
    subprotocol: str = ""
    idle_s: int | None = None
    idle_unread: str = ""
    unread: str = ""


def check_bridge(seen: BridgeSeen) -> Findings:
    if seen.unread:
        return (unseen("bridge", seen.unread),)
    if not seen.url:
        return (found("bridge.unset"),)
    parts = urlsplit(seen.url)
    troubles: list[Finding] = []
    if parts.scheme != "wss" and parts.hostname not in LOOPBACK:
        troubles.append(found("bridge.not_tls", url=seen.url))
    if (trouble := _upgrade(seen)) is not None:
        troubles.append(trouble)
    if seen.idle_s is not None and seen.idle_s < LEAST_IDLE_S:
        troubles.append(found("bridge.idle_timeout", idle_s=seen.idle_s))
    works = () if troubles else (fine("bridge", f"{seen.url} answers, and asks its tools about tokens"),)
    unread = (unseen("bridge", f"idle timeout: {seen.idle_unread}"),) if seen.idle_unread else ()
    return (*works, *troubles, *unread)


def _upgrade(seen: BridgeSeen) -> Finding | None:
    """A bridge answers 401 to a token that its tools function did not sign: whatever else comes back, something on the way is wrong."""
    url, body = seen.url, seen.body.strip()
    match seen.status:
        case None:
            return found("bridge.unreachable", url=url, reason=seen.reason)
        case 401 | 403:
            return None
        case 101:
            return found("bridge.open", url=url) if seen.subprotocol else found("bridge.no_subprotocol", url=url)
        case 400 if "subprotocol" in body:
            return found("bridge.no_subprotocol", url=url)
        case 503 if body.startswith(("full", "draining", "spool_full")):
            return found("bridge.full", url=url, words=body[:120])
        case 503:
            return found("bridge.no_tools")
        case _:
            return found("bridge.no_upgrade", url=url, status=seen.status)
