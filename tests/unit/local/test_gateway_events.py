from __future__ import annotations

import base64

import pytest

from local.gateway_events import HttpRequest, event_of, message, reply_of
from local.gateway_template import Route

ROUTE = Route("POST", "/voice/{secret}")


def request(body: bytes = b"", headers: list[tuple[str, str]] | None = None, query: str = "") -> HttpRequest:
    return HttpRequest("POST", "/voice/a%20b", query, headers or [], body, "127.0.0.1", 8080)


def test_header_names_are_lower_cased_and_repeated_ones_joined() -> None:
    event = event_of(request(headers=[("X-Sautikit-Signature", "t=1"), ("Accept", "a"), ("ACCEPT", "b")]), ROUTE, {})
    assert event["headers"]["x-sautikit-signature"] == "t=1"
    assert event["headers"]["accept"] == "a,b"


def test_cookies_travel_on_their_own() -> None:
    event = event_of(request(headers=[("Cookie", "a=1; b=2")]), ROUTE, {})
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "application/octet-stream", "audio/wav", ""]
)
def test_forms_and_bytes_arrive_in_base64(content_type: str) -> None:
    event = event_of(request(b"a=%2B1&b=\xff", [("content-type", content_type)]), ROUTE, {})
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"a=%2B1&b=\xff"


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain; charset=utf-8", "application/json; charset=utf-8"]
)
def test_json_and_text_arrive_as_text(content_type: str) -> None:
    event = event_of(request('{"name":"Wanjikũ"}'.encode(), [("content-type", content_type)]), ROUTE, {})
    assert (event["body"], event["isBase64Encoded"]) == ('{"name":"Wanjikũ"}', False)


def test_text_that_is_no_text_arrives_in_base64() -> None:
    assert event_of(request(b"\xff", [("content-type", "application/json")]), ROUTE, {})["isBase64Encoded"] is True


def test_without_a_body_there_is_none() -> None:
    assert "body" not in event_of(request(), ROUTE, {})


def test_path_parameters_are_decoded_and_the_query_is_kept_raw_and_read() -> None:
    event = event_of(request(query="a=1&a=2&b=%2B"), ROUTE, {"secret": "a%20b"})
    assert event["pathParameters"] == {"secret": "a b"}
    assert event["rawQueryString"] == "a=1&a=2&b=%2B"
    assert event["queryStringParameters"] == {"a": "1,2", "b": "+"}
    assert (event["routeKey"], event["requestContext"]["stage"]) == ("POST /voice/{secret}", "$default")


def test_an_answer_becomes_a_response() -> None:
    reply = reply_of(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "x/y"},
            "cookies": ["a=1"],
            "body": "aGk=",
            "isBase64Encoded": True,
        }
    )
    assert (reply.status, reply.body) == (201, b"hi")
    assert reply.headers == [("content-type", "x/y"), ("set-cookie", "a=1")]


def test_an_answer_without_a_status_is_the_body() -> None:
    assert reply_of({"a": 1}).body == b'{"a": 1}'
    assert reply_of("text").body == b"text"


def test_the_gateways_own_answers() -> None:
    assert message(404, "Not Found").body == b'{"message": "Not Found"}'


@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("/", "/", {}),
        ("/voice", "/voice", {}),
        ("/voice", "/voice/", None),
        ("/{secret}", "/", None),
        ("/{secret}", "/abc", {"secret": "abc"}),
        ("/{secret}", "/abc/def", None),
        ("/voice/{secret}", "/voice/x%2Fy", {"secret": "x%2Fy"}),
        ("/files/{path+}", "/files/a/b", {"path": "a/b"}),
    ],
)
def test_routes_match_as_api_gateway_does(route: str, path: str, expected: dict[str, str] | None) -> None:
    assert Route("POST", route).match("POST", path) == expected
    assert Route("POST", route).match("GET", path) is None
