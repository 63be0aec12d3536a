"""Every route of template.yaml, asked over real sockets without its key: 401, and the store is never reached."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.gateway import Gateway, serve
from local.gateway_template import Route, functions_of, read_template
from pokea.adapters import clients
from tests.support.control_plane import (
    CALLER,
    LINE,
    PATH_SECRET,
    SIGNING_SECRET,
    TOKEN_KEY,
    carrier_signature,
    encoded,
    form,
)

ROOT = Path(__file__).resolve().parents[2]
ROUTES = [route for function in functions_of(read_template(ROOT / "template.yaml")) for route in function.routes]
HOOKS = [
    route
    for function in functions_of(read_template(ROOT / "template.yaml"))
    for route in function.routes
    if function.handler.split(".")[1] in ("voice", "stream_status")
]
# What those answer that need no key: an address that holds its own proof shows nothing without it.
OPEN = {"GET /healthz": 200, "GET /calendar/{secret}": 404, "GET /cards/{token}": 410}
FORM = "application/x-www-form-urlencoded"
BODY = encoded(form("Ringing"), FORM)
CALL = json.dumps({"to": CALLER, "from": LINE.number}).encode()


@pytest.fixture
def store() -> Iterator[socket.socket]:
    """Stands where the store would: it accepts connections and so shows whether anybody came."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    clients.dynamodb.cache_clear()
    yield listener
    clients.dynamodb.cache_clear()
    listener.close()


def visited(store: socket.socket) -> bool:
    try:
        store.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.fixture(params=["path", "signature", "signature+path"])
async def gateway(request: Any, store: socket.socket, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    environ = {
        "POKEA_WEBHOOK_AUTH": request.param,
        "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
        "POKEA_TOKEN_KEY": TOKEN_KEY,
        "SAUTIKIT_API_KEY": "key",
        "POKEA_CORE_TABLE": "core",
        "POKEA_CDRS_TABLE": "cdrs",
        "POKEA_CAMPAIGNS_TABLE": "campaigns",
        "POKEA_REPORTS_BUCKET": "reports",
        "POKEA_PUBLIC_URL": "http://127.0.0.1:1",
        "POKEA_BRIDGE_URL": "ws://127.0.0.1:2",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.getsockname()[1]}",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    if "signature" in request.param:
        environ["SAUTIKIT_WEBHOOK_SECRET"] = SIGNING_SECRET
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with serve() as running:
        yield running


async def ask(gateway: Gateway, route: Route, secret: str, headers: dict[str, str]) -> int:
    path = re.sub(r"\{\w+\}", secret, route.path)
    body = CALL if route.key == "POST /calls" else BODY
    content_type = "application/json" if route.key == "POST /calls" else FORM
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, verify=False) as client:
        reply = await client.request(
            route.method, path, content=body, headers={"content-type": content_type, **headers}
        )
    return reply.status_code


async def test_no_route_but_the_open_ones_answers_without_its_key(gateway: Gateway, store: socket.socket) -> None:
    assert len(HOOKS) == 8 and len(ROUTES) > len(HOOKS) + len(OPEN)
    for route in ROUTES:
        assert await ask(gateway, route, "not-the-path-secret", {}) == OPEN.get(route.key, 401), route.key
    assert not visited(store)


async def test_hooks_with_forged_credentials_never_reach_the_store(gateway: Gateway, store: socket.socket) -> None:
    forged = carrier_signature(BODY, "whsec_somebody_elses")
    for route in HOOKS:
        assert await ask(gateway, route, PATH_SECRET[::-1], forged) == 401, route.key
    assert not visited(store)


async def test_an_api_route_without_a_key_never_reaches_the_store(gateway: Gateway, store: socket.socket) -> None:
    (calls,) = [route for route in ROUTES if route.key == "POST /calls"]
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Basic eDp5"},
        {"x-api-key": "x"},
        {"cookie": "key=x"},
    ):
        assert await ask(gateway, calls, "", headers) == 401
    assert not visited(store)


async def test_a_query_is_no_place_for_a_path_secret(gateway: Gateway, store: socket.socket) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, verify=False) as client:
        reply = await client.post(f"/voice?secret={PATH_SECRET}", content=BODY, headers={"content-type": FORM})
    assert reply.status_code == 401
    assert not visited(store)
