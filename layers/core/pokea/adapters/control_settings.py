"""Settings that several functions share, and what follows from them. Each function adds its own in its `settings` module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings, choice, setting, string, switch, url
from pokea.lines import PACKAGED
from pokea.sautikit.signature import HookGuard, WebhookAuth


def folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError("is not a folder")
    return path


def webhook_auth(text: str) -> WebhookAuth:
    return WebhookAuth(choice(*(mode.value for mode in WebhookAuth))(text))


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """What every function needs."""

    core_table: str = setting("POKEA_CORE_TABLE", string)
    profiles_dir: Path = setting("POKEA_PROFILES_DIR", folder, PACKAGED)  # noqa: RUF009 - a dataclass field
    secrets_id: str = setting("POKEA_SECRETS_ID", string, "")
    traces: bool = setting("POKEA_TRACES", switch, False)
    otlp_endpoint: str = setting("OTEL_EXPORTER_OTLP_ENDPOINT", url("https", "http"), "")
    xray_daemon: str = setting("AWS_XRAY_DAEMON_ADDRESS", string, "")  # set by Lambda itself


@dataclass(frozen=True, kw_only=True)
class HookSettings(StoreSettings):
    """What every function needs that takes hooks or hands out their URLs."""

    webhook_auth: WebhookAuth = setting("POKEA_WEBHOOK_AUTH", webhook_auth, WebhookAuth.PATH)  # noqa: RUF009 - a field
    ended_queue_url: str = setting("POKEA_ENDED_QUEUE_URL", url("https", "http"), "")
    cdr_queue_url: str = setting("POKEA_CDR_QUEUE_URL", url("https", "http"), "")
    campaign_ended_queue_url: str = setting("POKEA_CAMPAIGN_ENDED_QUEUE_URL", url("https", "http"), "")
    bare_hex: bool = setting("POKEA_WEBHOOK_BARE_HEX", switch, False)
    edge_only: bool = setting("POKEA_EDGE_ONLY", switch, False)


def secrets_of(settings: StoreSettings, environ: Mapping[str, str], **seams: Any) -> Secrets:
    return Secrets(environ, secret_id=settings.secrets_id, **seams)


def hook_guard(settings: HookSettings, secrets: Secrets) -> HookGuard:
    """The rules hooks are admitted by. Raises BadSettings for rules that could keep nobody out."""
    guard = HookGuard(
        mode=settings.webhook_auth,
        path_secrets=secrets.several("POKEA_WEBHOOK_PATH_SECRET"),
        signing_secrets=secrets.several("SAUTIKIT_WEBHOOK_SECRET"),
        bare_hex=settings.bare_hex,
    )
    if problem := guard.problem():
        name, _, rest = problem.partition(" ")
        raise BadSettings(name, rest)
    return guard


def hook_url(settings: HookSettings, secrets: Secrets, public_url: str, route: str) -> str:
    """The public URL of a hook: `route` ("/voice") and, where hooks prove themselves by path, the newest path secret."""
    if settings.webhook_auth is WebhookAuth.SIGNATURE:
        return public_url + route
    path_secret = secrets.several("POKEA_WEBHOOK_PATH_SECRET")
    if not path_secret:
        raise BadSettings("POKEA_WEBHOOK_PATH_SECRET", "is not set")
    return f"{public_url}{route}/{path_secret[0]}"
