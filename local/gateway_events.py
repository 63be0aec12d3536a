"""HTTP requests as HTTP API v2 events, and handlers' answers as HTTP responses. Pure."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.gateway_template import Route

TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")
API_ID = "localpokea"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came over the wire. `path` and `query` are percent-encoded, header names of any case."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str
    port: int


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def event_of(request: HttpRequest, route: Route, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The payload v2 event of `request`: lower-cased headers joined by commas, form and binary bodies in base64, JSON as text."""
    headers, cookies = _headers(request)
    request_id = uuid.uuid4().hex
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": API_ID,
            "domainName": headers.get("host", "localhost"),
            "domainPrefix": API_ID,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": route.key,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1_000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if query := _query(request.query):
        event["queryStringParameters"] = query
    if parameters:
        event["pathParameters"] = {name: unquote(value) for name, value in parameters.items()}
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body, headers.get("content-type", ""))
    return event


def reply_of(answer: object) -> HttpReply:
    """What API Gateway makes of a handler's return value. A value without a status code is the body of a 200."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        inferred = answer if isinstance(answer, str) else json.dumps(answer)
        return HttpReply(200, [("content-type", "application/json")], inferred.encode())
    headers = [(str(name).lower(), str(value)) for name, value in (answer.get("headers") or {}).items()]
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers += [(str(name).lower(), str(value)) for value in values]
    headers += [("set-cookie", str(cookie)) for cookie in answer.get("cookies") or ()]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain; charset=utf-8"))
    text = answer.get("body") or ""
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else str(text).encode()
    return HttpReply(int(answer["statusCode"]), [pair for pair in headers if pair[0] != "content-length"], body)


def message(status: int, text: str) -> HttpReply:
    """An answer of the gateway's own."""
    return HttpReply(status, [("content-type", "application/json")], json.dumps({"message": text}).encode())


def _headers(request: HttpRequest) -> tuple[dict[str, str], list[str]]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        lowered = name.lower()
        if lowered == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        else:
            headers[lowered] = f"{headers[lowered]},{value}" if lowered in headers else value
    headers.setdefault("x-forwarded-for", request.source_ip)
    headers.setdefault("x-forwarded-port", str(request.port))
    headers.setdefault("x-forwarded-proto", "http")
    headers.setdefault("x-amzn-trace-id", f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}")
    return headers, cookies


def _query(raw: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    if content_type.lower().startswith(TEXT_TYPES):
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass  # text that is no text travels like any other bytes
    return base64.b64encode(body).decode("ascii"), True
