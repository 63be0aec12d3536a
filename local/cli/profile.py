"""`pokea profile check`."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from pokea import agents
from pokea.adapters.public_http import check_url
from pokea.billing.business_deck import deck_for
from pokea.billing.rate_deck import BadDeck
from pokea.billing.rating import Rater, Unrated
from pokea.billing.spend import Need, caps_of
from pokea.billing.spend_quote import quote_of
from pokea.errors import CallError
from pokea.lines import BadProfile
from pokea.money import Money
from pokea.profile import Profile, load_profile


def run_check(files: list[Path], as_json: bool) -> int:
    """0 if every profile is sound, else 2; each bad one gets one line."""
    results: list[dict[str, object]] = []
    for file in files:
        try:
            profile = load_profile(file)
            _ask_agent(profile, file.name)
            _ask_deck(profile, file)
        except CallError as error:
            results.append({"file": str(file), "ok": False, "problem": error.message})
        else:
            number, agent = str(profile.line.number), profile.line.agent
            results.append({"file": str(file), "ok": True, "business": profile.name, "number": number, "agent": agent})
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            if result["ok"]:
                print(f"{result['file']}: {result['business']} on {result['number']}, {result['agent']}")
            else:
                print(f"pokea: {result['problem']}", file=sys.stderr)
    return 0 if all(result["ok"] for result in results) else 2


def _ask_deck(profile: Profile, file: Path) -> None:
    """Whether the business's price list can be read, and its caps let anybody be rung. Raises BadProfile."""
    try:
        deck = deck_for(profile, file.parent)
    except BadDeck as problem:
        raise BadProfile(file.name, "billing.deck", problem.message) from None
    caps = caps_of(profile.billing)
    if caps.daily_micros is None:
        return
    found = quote_of(Rater(deck), profile.line.number, profile.country, Need.CALL, datetime.now(UTC))
    if isinstance(found, Unrated):
        raise BadProfile(
            file.name, "billing.daily_cap", f"{deck.deck_id} has no price for calls within {profile.country}"
        )
    if found.expected_micros > caps.daily_micros:
        text = f"is less than one call of five minutes costs ({Money(found.expected_micros, deck.currency)}): nobody would be rung"
        raise BadProfile(file.name, "billing.daily_cap", text)


def _ask_agent(profile: Profile, source: str) -> None:
    """Whether the agent that answers has all it needs. Raises BadProfile."""
    name = profile.line.agent
    if name not in agents.NAMES:
        raise BadProfile(source, "line.agent", f"{name!r} is not one of {', '.join(agents.NAMES)}")
    for domain, backend in profile.backends.items():
        try:
            check_url(backend.base_url, allow_private=os.environ.get("POKEA_ALLOW_PRIVATE_BACKENDS") == "on")
        except CallError as refused:
            raise BadProfile(source, f"backend.{domain}.base_url", refused.message) from None
    problem = agents.get(name).problem(profile)
    if problem is not None:
        key, separator, text = problem.partition(": ")
        raise BadProfile(source, key if separator else "", text if separator else problem)
