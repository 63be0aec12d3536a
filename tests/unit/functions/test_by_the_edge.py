"""Every route of the template, with POKEA_EDGE_ONLY on: what did not come by the edge is refused before anything else is looked at."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from mangum import Mangum

import functions.api.app
import functions.api.wiring
import functions.campaigns.app
import functions.campaigns.wiring
import functions.cdr.app
import functions.cdr.wiring
import functions.stream_status.app
import functions.stream_status.wiring
import functions.voice.app
import functions.voice.wiring
from local.gateway_template import functions_of, read_template
from local.processes import ROOT
from pokea.adapters.observability import Log
from pokea.adapters.settings import BadSettings
from tests.support.lambda_thread import lambda_thread

SECRET, PATH_SECRET = "e" * 32, "a-path-secret-for-examples"
ENVIRON = {
    "POKEA_EDGE_ONLY": "on",
    "POKEA_EDGE_SECRET": SECRET,
    "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
    "POKEA_TOKEN_KEY": "k" * 64,
    "POKEA_PUBLIC_URL": "https://api.example.com",
    "POKEA_BRIDGE_URL": "wss://bridge.example.com",
    "POKEA_CORE_TABLE": "core",
    "POKEA_CDRS_TABLE": "cdrs",
    "POKEA_CAMPAIGNS_TABLE": "campaigns",
}
ROUTES = [
    (function.handler.split(".")[1], route.method, route.path)
    for function in functions_of(read_template(ROOT / "template.yaml"))
    for route in function.routes
]
# What the next door says to a request that came by the edge and proves nothing else.
NEXT_DOOR = {"hook_path", "no_api_key"}


class NoKeys:
    """Of nobody; and no connection is made for them."""

    def find(self, key: str) -> Any:
        raise AssertionError("nobody presented a key")


class Handlers:
    """Each function that has routes, as it is built from its environment."""

    def __init__(self, worker: ThreadPoolExecutor, environ: Mapping[str, str]) -> None:
        self._worker = worker
        log = Log("by-the-edge", io.StringIO())
        api = replace(functions.api.wiring.build(environ), keys=NoKeys)
        cdr = replace(functions.cdr.wiring.build(environ), keys=NoKeys)
        campaigns = replace(functions.campaigns.wiring.build(environ), keys=NoKeys)
        voice = functions.voice.wiring.build(environ)
        desk = functions.stream_status.wiring.build(environ)
        self._by_folder = {
            "api": worker.submit(Mangum, functions.api.app.make_app(lambda: api, log), "off").result(),
            "cdr": functions.cdr.app.make_handler(lambda: cdr, log),
            "campaigns": functions.campaigns.app.make_handler(lambda: campaigns, log),
            "voice": functions.voice.app.make_handler(lambda: voice, log),
            "stream_status": functions.stream_status.app.make_handler(lambda: desk, log),
        }

    def ask(self, folder: str, method: str, path: str, header: str | None) -> tuple[int, str]:
        """Status, and the code of a refusal."""
        filled = path.replace("{", "").replace("}", "")
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": filled,
            "rawQueryString": "",
            "headers": {"host": "api.example.com", **({} if header is None else {"x-pokea-edge": header})},
            "requestContext": {
                "http": {"method": method, "path": filled, "sourceIp": "198.51.100.7"},
                "stage": "$default",
            },
            "body": "{}",
            "isBase64Encoded": False,
        }
        reply = self._worker.submit(self._by_folder[folder], event, None).result()
        body = json.loads(reply["body"]) if reply["body"].startswith("{") else {}
        return reply["statusCode"], body.get("error", {}).get("code", "")


@pytest.fixture(scope="module")
def handlers() -> Iterator[Handlers]:
    with lambda_thread() as worker:
        yield Handlers(worker, ENVIRON)


def test_every_route_is_closed_to_who_asks_at_the_apis_own_address(handlers: Handlers) -> None:
    assert len(ROUTES) > 30
    for route in ROUTES:
        for header in (None, "x" * 32):
            assert handlers.ask(*route, header) == (401, "not_by_edge"), route


def test_what_came_by_the_edge_stands_before_the_doors_it_always_had(handlers: Handlers) -> None:
    for folder, method, path in ROUTES:
        if method == "GET" and path in ("/calendar/{secret}", "/cards/{token}"):
            continue  # their doors are their stores
        status, code = handlers.ask(folder, method, path, SECRET)
        assert (status == 200) if path == "/healthz" else (status == 401 and code in NEXT_DOOR), path


def test_a_deployment_whose_edge_has_no_secret_does_not_start() -> None:
    environ = {**ENVIRON, "POKEA_EDGE_SECRET": ""}
    for build in (functions.voice.wiring.build, functions.stream_status.wiring.build):
        with pytest.raises(BadSettings, match="POKEA_EDGE_SECRET"):
            build(environ)
