"""Stands between deployed functions and the emulator, and notes what each asks of AWS and what it is told.

The emulator enforces actions and resources, but knows no `dynamodb:LeadingKeys`. So what was asked for is held against the template's
policies here: which function, which action, which table, and which partition keys.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

APP_ID = "AWS_SDK_UA_APP_ID"  # botocore puts it into the User-Agent, so a function says who it is
_APP = re.compile(r"\bapp/(\w+)")
_KEY_IS = re.compile(r"(#?\w+)\s*=\s*(:\w+)")
_OF_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
_OF_SCHEDULES = {"POST": "CreateSchedule", "PUT": "UpdateSchedule", "DELETE": "DeleteSchedule"}
_OF_OBJECTS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject"}
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `keys`: action, table ("name" or "name/index/x") and partition keys of what it asks of DynamoDB. `uses`: action and
    resource of what it asks of others, the resource as the request names it: a URL, a name, a path."""

    function: str
    target: str  # "DynamoDB_20120810.GetItem"; "" where the service uses none
    keys: tuple[tuple[str, str, frozenset[str]], ...]
    status: int
    said: str
    uses: tuple[tuple[str, str], ...] = ()

    @property
    def is_denied(self) -> bool:
        return self.status >= 400 and "AccessDenied" in self.said


@dataclass
class Witness:
    """`url` is where functions find AWS; `upstream` is set once the emulator's port is known."""

    url: str
    upstream: str = ""  # "127.0.0.1:4566"
    asked: list[Asked] = field(default_factory=list)

    def denied(self, function: str = "") -> list[Asked]:
        return [each for each in tuple(self.asked) if each.is_denied and function in ("", each.function)]


@contextmanager
def witness() -> Iterator[Witness]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Relay)
    server.daemon_threads = True
    server.witness = Witness(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.witness  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _relay(self) -> None:
        seen: Witness = self.server.witness  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        onward = http.client.HTTPConnection(seen.upstream, timeout=60)
        try:
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                onward.putheader(name, value)  # the host, too: it is signed
            onward.putheader("x-forwarded-proto", "https")  # as functions reach AWS; buckets refuse anything else
            onward.endheaders(body)
            reply = onward.getresponse()
            answer = reply.read()
        finally:
            onward.close()
        target = self.headers.get("x-amz-target", "")
        app = _APP.search(self.headers.get("user-agent", ""))
        said = answer.decode(errors="replace") if reply.status >= 400 else ""
        uses = tuple(_uses(self.command, self.path, target, body))
        seen.asked.append(Asked(app[1] if app else "", target, tuple(_keys(target, body)), reply.status, said, uses))
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked may not have waited
            self._answer(reply, answer)

    def _answer(self, reply: http.client.HTTPResponse, answer: bytes) -> None:
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _relay

    def log_message(self, format: str, *args: Any) -> None:
        """Not to the tests' output."""


def _keys(target: str, body: bytes) -> Iterator[tuple[str, str, frozenset[str]]]:
    service, _, action = target.partition(".")
    if not service.startswith("DynamoDB_"):
        return
    wish = json.loads(body)
    if action in ("TransactWriteItems", "TransactGetItems"):
        for item in wish["TransactItems"]:
            ((kind, part),) = item.items()
            yield _OF_TRANSACTION[kind], part["TableName"], frozenset({_pk(part.get("Key") or part["Item"])})
    elif action == "BatchGetItem":
        for table, part in wish["RequestItems"].items():
            yield action, table, frozenset(_pk(key) for key in part["Keys"])
    elif action == "Query":
        found = _KEY_IS.search(wish["KeyConditionExpression"])
        assert found is not None
        index = f"/index/{wish['IndexName']}" if "IndexName" in wish else ""
        yield action, wish["TableName"] + index, frozenset({wish["ExpressionAttributeValues"][found[2]]["S"]})
    elif "Key" in wish or "Item" in wish:
        yield action, wish["TableName"], frozenset({_pk(wish.get("Key") or wish["Item"])})
    else:
        yield action, wish.get("TableName", ""), frozenset()


def _uses(method: str, path: str, target: str, body: bytes) -> Iterator[tuple[str, str]]:
    service, _, action = target.partition(".")
    if service == "AmazonSQS":
        yield f"sqs:{action.removesuffix('Batch')}", str(json.loads(body).get("QueueUrl", ""))
    elif service == "secretsmanager":
        yield f"secretsmanager:{action}", str(json.loads(body).get("SecretId", ""))
    elif service == "AWSEvents":
        for entry in json.loads(body).get("Entries", []):
            yield f"events:{action}", str(entry.get("EventBusName", ""))
    elif path.startswith("/schedules/"):
        yield f"scheduler:{_OF_SCHEDULES.get(method, method)}", path
    elif not service:
        is_list = method == "GET" and "list-type=" in path
        yield "s3:ListBucket" if is_list else f"s3:{_OF_OBJECTS.get(method, method)}", path


def _pk(item: Mapping[str, Any]) -> str:
    return str(item["pk"]["S"])


def breaches(template: Mapping[str, Any], resources: Mapping[str, str], asked: list[Asked]) -> set[str]:
    """What AWS would refuse of what was asked of DynamoDB: no statement has action, table and every leading key."""
    found = set()
    for each in asked:
        if each.function not in template["Resources"]:
            continue
        statements = statements_of(template, role_of(template, each.function))
        for action, where, keys in _of_tables(resources, each):
            if not any(_allows(said, action, where, keys) for said in statements):
                found.add(f"{each.function}: {action} of {where} {sorted(keys)}")
    return found


def role_of(template: Mapping[str, Any], function: str) -> str:
    return str(template["Resources"][function]["Properties"]["Role"]["Fn::GetAtt"][0])


def statements_of(template: Mapping[str, Any], role: str) -> list[Any]:
    (policy,) = template["Resources"][role]["Properties"]["Policies"]
    return list(policy["PolicyDocument"]["Statement"])


def _of_tables(resources: Mapping[str, str], each: Asked) -> Iterator[tuple[str, str, frozenset[str]]]:
    """What a request asks of DynamoDB, with the tables' logical ids."""
    tables = {physical: logical for logical, physical in resources.items() if logical.endswith("Table")}
    for action, table, keys in each.keys:
        name, _, index = table.partition("/index/")
        yield action, tables.get(name, name) + (f"/index/{index}" if index else ""), keys


def allowing(template: Mapping[str, Any], resources: Mapping[str, str], each: Asked) -> Iterator[str]:
    """The Sids of all statements of the function's role that allow a part of this request."""
    for said in statements_of(template, role_of(template, each.function)):
        of_tables = (_allows(said, action, where, keys) for action, where, keys in _of_tables(resources, each))
        of_others = (_lets(said, resources, action, what) for action, what in each.uses)
        if any(of_tables) or any(of_others):
            yield str(said["Sid"])


def _lets(statement: Mapping[str, Any], resources: Mapping[str, str], action: str, what: str) -> bool:
    """Of another service than DynamoDB: the statement's resources are named by their logical ids."""
    actions = statement["Action"]
    if action not in ([actions] if isinstance(actions, str) else actions):
        return False
    named = set(re.findall(r"[A-Z][A-Za-z0-9]+", json.dumps(statement["Resource"])))
    physical = [resources[name].rpartition("/")[2] for name in named if name in resources]
    return any(name and name in what for name in physical) or action.startswith("scheduler:")


def _allows(statement: Mapping[str, Any], action: str, table: str, keys: frozenset[str]) -> bool:
    actions, resources = statement["Action"], statement["Resource"]
    if f"dynamodb:{action}" not in ([actions] if isinstance(actions, str) else actions):
        return False
    if table not in [_table(each) for each in (resources if isinstance(resources, list) else [resources])]:
        return False
    patterns = statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", ["*"])
    return all(any(fnmatchcase(key, pattern) for pattern in patterns) for key in keys)


def _table(resource: Any) -> str:
    """CoreTable of {"Fn::GetAtt": ["CoreTable", "Arn"]}, CoreTable/index/gsi1 of {"Fn::Sub": "${CoreTable.Arn}/index/gsi1"}."""
    if not isinstance(resource, dict):
        return ""
    if "Fn::Sub" in resource:
        return str(resource["Fn::Sub"]).replace("${", "").replace(".Arn}", "")
    named = resource.get("Fn::GetAtt", "")
    return str(named[0] if isinstance(named, list) else named.removesuffix(".Arn"))
