"""`pokea campaign suppress|suppressions|lift`: who must not be called, beside those who said so in a call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.cli.campaign_api import CampaignApi
from local.cli.cdr import Unreachable


def run_suppress(api: CampaignApi, numbers: Sequence[str], reason: str, as_json: bool) -> int:
    """Each by itself, and told of at once: what went wrong with one undoes none before it and keeps none behind it from being tried. 2
    unless all of them are suppressed. Raises Unreachable where it is not clear for which business."""
    of_one(api)
    told_of: list[Mapping[str, Any]] = []
    for number in numbers:
        try:
            answer = api.suppress(number, reason)
        except Unreachable as problem:
            answer = {"number": number, "error": str(problem)}
        told_of.append(answer)
        if not as_json:
            print(f"{number}: {_became_of(answer)}", flush=True)
    if as_json:
        print(json.dumps({"suppressions": told_of}))
    return 2 if any("error" in answer for answer in told_of) else 0


def _became_of(answer: Mapping[str, Any]) -> str:
    if "error" in answer:
        return f"NOT suppressed: {_plain(answer['error'])}"
    known = "suppressed" if answer["is_new"] else f"suppressed already, {told(answer)}"
    return f"{known}; taken off {answer['taken_off']} lists"


def run_lift(api: CampaignApi, number: str, reason: str, as_json: bool) -> int:
    """Raises Unreachable and Refused."""
    of_one(api)
    answer = api.lift(number, reason)
    print(json.dumps(answer) if as_json else f"{number}: may be called again; nobody comes back on a list by it")
    return 0


def run_suppressions(api: CampaignApi, number: str, day: str, as_json: bool) -> int:
    """One number's, with what was lifted before; or those of a day (UTC). Raises Unreachable and Refused."""
    of_one(api)
    found = [api.suppression(number)] if number else api.suppressions(day)
    if as_json:
        print(json.dumps({"suppressions": found}))
        return 0
    for one in found:
        print(f"{one['id'][:12]}  {told(one)}")
        for past in one["earlier"]:
            print(f"{'':12}  before: {told(past)}")
    if not found:
        print("nobody")
    return 0


def of_one(api: CampaignApi) -> None:
    """A number is suppressed for one business, so it must be clear for which."""
    if len(api.keys) != 1:
        raise Unreachable(f"say for which business: --business {' | '.join(api.keys)}")


def told(one: Mapping[str, Any]) -> str:
    """How it came about in one line."""
    call = f" {_plain(one['call'])}" if one["call"] else ""
    why = f": {_plain(one['reason'])}" if one["reason"] else ""
    lifted = f"; lifted {one['lifted_at']}: {_plain(one['lifted_reason'])}" if one["lifted_at"] else ""
    return f"{one['asked_at']} by {_BY[one['source']]}{call}{why}{lifted}"


def _plain(text: str) -> str:
    """Nothing that stands in a reason steers the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


_BY = {"call": "the person, in call", "carrier": "the carrier, after", "business": "the business"}
