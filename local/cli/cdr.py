"""`pokea cdr reconcile|show`: detail records of calls, by the API of the running stack, or of an account with --url and --key."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.cli.call import find_stack

TIMEOUT_S = 30  # an HTTP API answers within that or not at all
NO_SUCH_CALL = 404
UNKNOWN = "unknown"


class Unreachable(Exception):
    """The API did not answer as one. The message is one line."""


def client_of(url: str, transport: httpx.BaseTransport | None) -> httpx.Client:
    """What is on this machine has no certificate, and to load the authorities takes 30 ms for each client."""
    is_tls = not url.startswith("http://")
    return httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False, transport=transport, verify=is_tls)


@dataclass(frozen=True)
class Api:
    """`keys`: of the businesses that may be asked for, by their ids; a key that was given has no id."""

    url: str
    keys: Mapping[str, str]
    transport: httpx.BaseTransport | None = None

    def ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> tuple[int, Mapping[str, Any]]:
        """The first answer of a business that knows what is asked for. Raises Unreachable."""
        status = 0
        answer: Mapping[str, Any] = {}
        with client_of(self.url, self.transport) as client:
            for key in self.keys.values():
                status, answer = _answer(client, method, path, body, key)
                if status != NO_SUCH_CALL:
                    break
        return status, answer


def _answer(
    client: httpx.Client, method: str, path: str, body: Mapping[str, str] | None, key: str
) -> tuple[int, dict[str, Any]]:
    try:
        reply = client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        answer = reply.json()
    except (httpx.HTTPError, ValueError) as problem:
        raise Unreachable(f"{client.base_url}: no answer ({type(problem).__name__})") from None
    return reply.status_code, answer if isinstance(answer, dict) else {}


def api_of(state: Path, url: str, key: str, business: str) -> Api:
    """Raises Unreachable where there is nobody to ask."""
    if url or key:
        if not (url and key):
            raise Unreachable("--url and --key go together")
        return Api(url, {"": key})
    address = find_stack(state)
    if address is None:
        raise Unreachable(
            f"no stack is running in {state}: start `pokea up` in another terminal (with the same --state), "
            "or give --url and --key of an account"
        )
    keys: dict[str, str] = json.loads((state / "api_keys.json").read_text(encoding="utf-8"))
    if business and business not in keys:
        raise Unreachable(f"--business: {business!r} is not one of {', '.join(keys)}")
    return Api(address.gateway_url, {business: keys[business]} if business else keys)


def run_show(api: Api, call: str, as_json: bool) -> int:
    """0 nothing differs, 1 the carrier charges otherwise, 3 not everything is known yet."""
    return _shown(*api.ask("GET", f"/cdr/{call}"), as_json)


def run_reconcile(api: Api, wanted: Mapping[str, str], as_json: bool) -> int:
    """Of one call: as `run_show`. Of days: 0 once they are queued, for each business that is asked."""
    if "call" in wanted:
        return _shown(*api.ask("POST", "/cdr/reconcile", wanted), as_json)
    answers: dict[str, Mapping[str, Any]] = {}
    for business, key in api.keys.items():
        status, answer = Api(api.url, {business: key}, api.transport).ask("POST", "/cdr/reconcile", wanted)
        if status != 202:
            return _refused(status, answer)
        answers[business] = answer
    if as_json:
        print(json.dumps(answers.get("", answers)))
        return 0
    for business, answer in answers.items():
        print(f"{business + ': ' if business else ''}{answer['days']} days queued")
    return 0


def _shown(status: int, answer: Mapping[str, Any], as_json: bool) -> int:
    if status != 200:
        return _refused(status, answer)
    legs: Sequence[Mapping[str, Any]] = answer["legs"]
    print(json.dumps(answer, indent=2) if as_json else "\n".join(lines_of(answer)))
    if any(leg["findings"] for leg in legs):
        return 1
    return 0 if answer["settled"] else 3


def _refused(status: int, answer: Mapping[str, Any]) -> int:
    error = answer.get("error", answer)
    print(f"pokea: {error.get('message', 'no answer')} ({status})", file=sys.stderr)
    return 2


def lines_of(answer: Mapping[str, Any]) -> list[str]:
    """A call's legs for a reader: one line each, then what differs, with its evidence."""
    lines = [f"{answer['call']}  {'settled' if answer['settled'] else 'not settled yet'}"]
    for leg in answer["legs"]:
        name = f"{leg['leg']:<9}{leg['direction']:<9}{leg['state']:<13}v{leg['version']}"
        talk = f"{leg['talk_seconds']} s" if leg["talk_seconds"] is not None else UNKNOWN
        ours, theirs = _amount(leg["charge"], leg["currency"]), _amount(leg["carrier_charge"], leg["carrier_currency"])
        model = _amount(leg["model_cost"], leg["currency"]) if leg["leg"] == "stream" else "-"
        lines.append(f"  {name}  {leg['status']:<11}{talk:>9}  ours {ours:>12}  carrier {theirs:>12}  model {model}")
    for leg in answer["legs"]:
        lines += [f"  ! {leg['leg']}: {found['kind']}: {found['evidence']}" for found in leg["findings"]]
        lines += [f"  ? {leg['leg']}: {text}" for text in [leg["unrated"], *leg["unknowns"]] if text]
    return lines


def _amount(decimal: str | None, currency: str) -> str:
    return UNKNOWN if decimal is None else f"{currency} {decimal}"
