"""What a check may find. Every trouble stands in `TROUBLES`, with what to do about it; docs/doctor.md is generated from this table.

A check that could not be made is `unknown` and says why: it is never `ok`. No finding holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`code`: the trouble's key, "" for none. `fix`: what to do, "" where nothing is to be done."""

    check: str
    standing: Standing
    says: str
    fix: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """`says` and `fix` have {places} for what was seen."""

    says: str
    fix: str
    standing: Standing = Standing.PROBLEM


CHECKS: Mapping[str, str] = {
    "settings": "unknown, malformed, missing or weak settings",
    "profiles": "business profiles or price lists that do not load",
    "numbers": "the carrier's key; lines that are not claimed, not active, or routed elsewhere",
    "webhook": "the hooks' URL and its secret; what live hooks prove themselves by",
    "clock": "this machine's clock against the carrier's, the hooks' and AWS's",
    "model": "a model's key, name or address",
    "bridge": "the media bridge: address, upgrade, subprotocol, places, tools, idle timeout",
    "wallet": "an empty or low wallet, or one in another currency than the price list",
    "aws": "credentials, region, tables, queues, functions",
    "clips": "greetings and prompts that were never rendered",
}

_W = Standing.WARNING
TROUBLES: Mapping[str, Trouble] = {
    "settings.unknown": Trouble(
        "{name} is no setting of Pokea{hint}", "correct its spelling or unset it (docs/settings.md)"
    ),
    "settings.malformed": Trouble("{problem}", "give it a value that docs/settings.md allows"),
    "settings.missing": Trouble("{name} is not set, and {who} needs it", "set it where {who} runs (docs/settings.md)"),
    "settings.weak": Trouble("{name} has {count} characters; it needs {least}", "draw a new one: openssl rand -hex 32"),
    "profiles.unusable": Trouble(
        "{problem}", "correct the key that is named; `pokea profile check FILE` tells whether it is right"
    ),
    "profiles.agent": Trouble("{business}: there is no agent {agent!r}", "set [line] agent to one of: {agents}"),
    "profiles.deck": Trouble(
        "{business}: {problem}", "name a deck that exists in [billing] deck, or correct it (docs/rate-decks.md)"
    ),
    "numbers.no_key": Trouble(
        "no key of the carrier's API is set", "set SAUTIKIT_API_KEY (deployed: in the stack's secret)"
    ),
    "numbers.key_refused": Trouble(
        "the carrier refuses the API key ({code})",
        "make a key with the scopes numbers.read, calls.read and wallet.read, and set SAUTIKIT_API_KEY",
    ),
    "numbers.unclaimed": Trouble(
        "{number} ({business}) is not a number of this workspace",
        "pokea numbers claim {number}, or correct [line] number",
    ),
    "numbers.inactive": Trouble(
        "the carrier lists {number} ({business}) as {status}",
        "have the carrier activate it; look at the wallet and the account first",
    ),
    "numbers.unrouted": Trouble("calls to {number} ({business}) go nowhere", "pokea numbers route {number}{where}"),
    "numbers.elsewhere": Trouble(
        "calls to {number} ({business}) go to {url}, not to {ours}", "pokea numbers route {number}{where}"
    ),
    "numbers.wrong_secret": Trouble(
        "{number} ({business}) is routed with a path secret that is not accepted", "pokea numbers route {number}{where}"
    ),
    "numbers.old_secret": Trouble(
        "{number} ({business}) is still routed with the older path secret",
        "pokea numbers route {number}{where}, then drop the old secret",
        _W,
    ),
    "numbers.no_events": Trouble(
        "events of {number} ({business}) go to {url}",
        "pokea numbers route {number}{where}; without events, records rest on hooks and polls",
        _W,
    ),
    "webhook.not_https": Trouble(
        "{url} is not https", "put TLS in front and set POKEA_PUBLIC_URL (parameter PublicUrl) to its https URL"
    ),
    "webhook.unreachable": Trouble(
        "{url} cannot be reached from here ({reason})",
        "check DNS, certificate and POKEA_PUBLIC_URL; it must be reachable from the internet",
    ),
    "webhook.not_ours": Trouble(
        "{url} answers {status}, not as Pokea does",
        "POKEA_PUBLIC_URL must be the HTTP API's own base URL; tunnels with a page in front do not work",
    ),
    "webhook.not_by_edge": Trouble(
        "{url} takes nothing but what came by the edge",
        "set PublicUrl to https:// and EdgeHost, deploy, and `pokea numbers route`; Edge=on keeps both ways open meanwhile",
    ),
    "webhook.failing": Trouble(
        "{url} answers {status}", "look at the logs of the voice function: it failed before it could answer"
    ),
    "webhook.secret_refused": Trouble(
        "{url} refuses our own path secret",
        "deploy or restart with the same POKEA_WEBHOOK_PATH_SECRET that is set here, then `pokea numbers route`",
    ),
    "webhook.signature_refused": Trouble(
        "{url} refuses a hook signed with SAUTIKIT_WEBHOOK_SECRET",
        "set the same secret there and here, and see the check `clock`",
    ),
    "webhook.open": Trouble(
        "{url} takes hooks with a wrong secret",
        "whatever answers there is not guarded: set POKEA_WEBHOOK_AUTH and its secret, and deploy again",
    ),
    "webhook.slow": Trouble(
        "{url} took {took_s:.1f} s; callers hear ringing for that long",
        "SnapStart=on, or more memory for the voice function",
        _W,
    ),
    "webhook.unsigned": Trouble(
        "{count} of the last {total} live hooks were refused for their signature",
        "the carrier does not sign with SAUTIKIT_WEBHOOK_SECRET: set the secret it shows, or `pokea numbers route --sign`, "
        "or empty it and set POKEA_WEBHOOK_AUTH=path",
    ),
    "webhook.strangers": Trouble(
        "{count} of the last {total} live hooks came without a path secret of ours",
        "`pokea numbers route`, if the numbers are routed with another secret; else somebody is trying paths",
        _W,
    ),
    "clock.wrong": Trouble(
        "this clock is {skew_s:+.0f} s off that of {who}", "set the time by NTP: signatures hold for 300 s"
    ),
    "clock.drifts": Trouble(
        "this clock is {skew_s:+.0f} s off that of {who}", "set the time by NTP before it reaches 300 s", _W
    ),
    "model.unset": Trouble("{engine}: {problem}", "set it, or take {engine} out of POKEA_ENGINES"),
    "model.key_refused": Trouble(
        "{engine} refuses the key ({reason})", "set a key that is valid for this project and service"
    ),
    "model.unknown": Trouble(
        "{engine} does not know the model {model} ({reason})", "set the model's current id (docs/backends.md)"
    ),
    "model.quota": Trouble(
        "{engine} has no room ({reason})", "raise the quota, or add another engine to POKEA_ENGINES"
    ),
    "model.unreachable": Trouble(
        "{engine} cannot be reached ({reason})", "check its URL, DNS, the way out of the network and POKEA_MODEL_CA"
    ),
    "model.failed": Trouble(
        "{engine} ended the set-up ({reason})", "look up the close code in docs/backends.md; try another model id"
    ),
    "bridge.unset": Trouble("no address of the media bridge is set", "set POKEA_BRIDGE_URL (parameter BridgeUrl)"),
    "bridge.not_tls": Trouble("{url} is not wss", "put TLS in front and set POKEA_BRIDGE_URL to its wss URL"),
    "bridge.unreachable": Trouble(
        "{url} cannot be reached ({reason})", "check DNS, certificate, security groups and that tasks run"
    ),
    "bridge.no_upgrade": Trouble(
        "{url} refuses the WebSocket upgrade ({status})",
        "whatever is in front must pass Upgrade, Connection and the path /g/<release>/audio",
    ),
    "bridge.no_subprotocol": Trouble(
        "{url} does not see or answer the subprotocol audio.drachtio.org",
        "whatever is in front must pass Sec-WebSocket-Protocol both ways",
    ),
    "bridge.full": Trouble(
        "{url} admits no call ({words})", "more tasks, a larger POKEA_MAX_CALLS, or wait until the drain is over"
    ),
    "bridge.no_tools": Trouble(
        "the bridge cannot reach its tools function",
        "POKEA_TOOLS_FUNCTION must be the alias's ARN and the task role may invoke it",
    ),
    "bridge.open": Trouble(
        "{url} takes a stream with a forged token",
        "POKEA_STREAM_AUTH=off is for a desk: take it away and restart the bridge",
    ),
    "bridge.idle_timeout": Trouble(
        "the load balancer cuts sockets that are idle for {idle_s} s",
        "set its idle timeout to 120 s or more: at 60 s it races the pings",
    ),
    "wallet.empty": Trouble("the wallet holds {balance}: calls are not placed", "top it up at the carrier"),
    "wallet.low": Trouble(
        "the wallet holds {balance}: calls that can wait do wait",
        "top it up, or lower the threshold at the carrier",
        _W,
    ),
    "wallet.currency": Trouble(
        "the wallet is in {currency}, and the price list {deck} of {business} in {deck_currency}",
        "name a deck in {currency} in [billing] deck: caps and audits compare nothing until then",
    ),
    "aws.refused": Trouble(
        "{problem}", "log in again or set AWS_PROFILE; the account's permissions are listed in docs/doctor.md"
    ),
    "aws.no_region": Trouble("no AWS region is set", "--region, or AWS_REGION"),
    "aws.other_region": Trouble(
        "{what} {name} is in {there}, and this looks at {here}", "--region {there}, or deploy in {here}"
    ),
    "aws.missing": Trouble(
        "{what} {name} does not exist in {region}",
        "check the region and the account; deploy the stack, or correct {setting}",
    ),
    "clips.missing": Trouble(
        "{count} of {total} greetings and prompts are not rendered in {folder}",
        "pokea greeting render --out {folder}, with the profiles that answer",
    ),
    "clips.unset": Trouble(
        "POKEA_CLIPS_DIR is not set: every caller waits for the model, and nobody can be told that it is down",
        "pokea greeting render --out DIR, and POKEA_CLIPS_DIR=DIR for the bridge",
    ),
}


def found(code: str, /, **seen: object) -> Finding:
    """The trouble `code`, with what was seen in its places."""
    trouble = TROUBLES[code]
    check = code.partition(".")[0]
    return Finding(check, trouble.standing, trouble.says.format(**seen), trouble.fix.format(**seen), code)


def fine(check: str, says: str) -> Finding:
    return Finding(check, Standing.OK, says)


def unseen(check: str, why: str) -> Finding:
    return Finding(check, Standing.UNKNOWN, why)


def fails(findings: Iterable[Finding], *, strict: bool) -> bool:
    """Whether something has to be done. `strict`: also where there are warnings, or something could not be looked at."""
    bad = {Standing.PROBLEM, Standing.WARNING, Standing.UNKNOWN} if strict else {Standing.PROBLEM}
    return any(finding.standing in bad for finding in findings)
