"""`pokea numbers list|claim|route`: which numbers there are, making one ours, and pointing one at our hooks.

Asks the carrier of SAUTIKIT_API_KEY, or of a deployed stack's secret (`--stack`), or else the one of the running local stack. Nothing is
decided here: see `pokea.sautikit.number_routes`. No path secret is printed; the earlier route of a number, which `--undo` needs, is
kept with its secret in the state folder, readable by its owner only.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from local.cli.deployed import read_secret, read_stack
from local.cli.running import ADDRESS_FILE
from local.cli.wallet import address_of
from local.secrets_file import write_private
from pokea.adapters.sautikit_dialects import dialect_of
from pokea.adapters.sautikit_rest import DEFAULT_BASE, Carrier, CarrierSettings
from pokea.errors import CallError, Conflict, Indeterminate, NotFound, RejectedInput, Unavailable
from pokea.lines import PACKAGED, Line, load_lines
from pokea.phone_numbers import E164
from pokea.sautikit.number_routes import (
    SETTLED,
    Claim,
    Deployed,
    OwnedNumber,
    Route,
    Routing,
    auth_named,
    checked_url,
    is_routed,
    offer_of,
    our_route,
    ours,
    routable,
    route_of,
    settled_claim,
    settled_route,
    shown,
    way_back,
)
from pokea.sautikit.signature import WebhookAuth

ROUTES_FILE = "number-routes.json"


@dataclass(frozen=True)
class Place:
    """Which deployment is meant: a stack in AWS, or what the environment names, or the running local stack."""

    state: Path
    stack: str = ""
    region: str = ""
    profiles: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @cached_property
    def deployed(self) -> Deployed | None:
        return read_stack(self.stack, self.region) if self.stack else None

    @cached_property
    def secrets(self) -> Mapping[str, str]:
        """Of the deployed stack. Raises CallError."""
        secret_id = self.deployed.of("SecretsArn", "SecretsId") if self.deployed is not None else ""
        return read_secret(secret_id, self.region) if secret_id else {}

    def carrier(self) -> CarrierSettings:
        """Raises RejectedInput where none is named."""
        key = self.environ.get("SAUTIKIT_API_KEY", "")
        if self.stack and not key:
            key = self.secrets.get("SAUTIKIT_API_KEY", "")
            if not key:
                raise RejectedInput("no_carrier_key", f"the secret of stack {self.stack} holds no SAUTIKIT_API_KEY")
        if key:
            base = self.environ.get("SAUTIKIT_API_BASE", "") or DEFAULT_BASE
            return CarrierSettings(key, base, dialect_of(self.environ))
        found = address_of(self.state, self.environ)
        if found is None:
            raise RejectedInput(
                "no_carrier", "SAUTIKIT_API_KEY is not set, there is no --stack, and no running stack (`pokea up`)"
            )
        return found

    def route(self) -> Route:
        """Where hooks of this deployment are taken. Raises RejectedInput where that is not known."""
        if self.deployed is not None:
            secret = self.secrets.get("POKEA_WEBHOOK_PATH_SECRET", "")
            return our_route(self.deployed.public_url, _newest(secret), self.deployed.auth)
        if url := self.environ.get("POKEA_PUBLIC_URL", ""):
            auth = auth_named(self.environ.get("POKEA_WEBHOOK_AUTH", ""))
            return our_route(url, _newest(self.environ.get("POKEA_WEBHOOK_PATH_SECRET", "")), auth)
        try:
            url = json.loads((self.state / ADDRESS_FILE).read_text(encoding="utf-8"))["gateway_url"]
            secret = json.loads((self.state / "secrets.json").read_text(encoding="utf-8"))["webhook_path_secret"]
        except (OSError, ValueError, KeyError):
            raise RejectedInput(
                "no_target", "say where: --stack, --voice-url, or POKEA_PUBLIC_URL; and no stack runs here (`pokea up`)"
            ) from None
        return our_route(url, secret, WebhookAuth.SIGNATURE_AND_PATH)

    def lines(self) -> Mapping[E164, Line]:
        folder = self.profiles or Path(self.environ.get("POKEA_PROFILES_DIR", "") or PACKAGED)
        return load_lines(folder)


def _newest(secrets: str) -> str:
    """The first one of a rotation counts for new routes."""
    return secrets.partition(",")[0].strip()


@contextmanager
def _at(place: Place) -> Iterator[Carrier]:
    carrier = Carrier(place.carrier())
    try:
        yield carrier
    finally:
        carrier.close()


# ---- list --------------------------------------------------------------------------------------------------------------------------


def run_list(place: Place, available: bool, as_json: bool) -> int:
    """0, or 1 if a profile's line is not among the numbers. Raises CallError."""
    with _at(place) as carrier:
        if available:
            return _show_offers(carrier, as_json)
        owned = carrier.list_numbers()
    lines = place.lines()
    rows = [_row(one, lines.get(one.number)) for one in owned]
    missing = [line for number, line in lines.items() if ours(number, owned) is None]
    if as_json:
        unclaimed = [{"number": line.number, "business": line.business_id} for line in missing]
        print(json.dumps({"numbers": rows, "unclaimed": unclaimed}))
    else:
        for row in rows:
            print(f"{row['number']:<16} {row['status']:<10} {row['business'] or '-':<16} {row['voice']}")
        for line in missing:
            print(f"{line.number:<16} {'not ours':<10} {line.business_id:<16} pokea numbers claim {line.number}")
    return 1 if missing else 0


def _row(number: OwnedNumber, line: Line | None) -> dict[str, str]:
    route = route_of(number)
    return {
        "number": number.number,
        "id": number.number_id,
        "status": number.status,
        "business": "" if line is None else line.business_id,
        "voice": shown(route.voice_url),
        "events": shown(route.events_url),
    }


def _show_offers(carrier: Carrier, as_json: bool) -> int:
    offers = carrier.available_numbers()
    if as_json:
        print(json.dumps({"available": [asdict(offer) for offer in offers]}))
    else:
        for offer in offers:
            print(f"{offer.number:<16} {_price(offer.monthly_minor, offer.currency)}")
    return 0


def _price(minor: int | None, currency: str) -> str:
    return "price not said" if minor is None else f"{minor / 100:.2f} {currency or '(currency not said)'} a month"


# ---- claim -------------------------------------------------------------------------------------------------------------------------


def run_claim(place: Place, number: E164, dry_run: bool, as_json: bool) -> int:
    """0 once the number is ours. Claiming twice is claiming once. Raises CallError."""
    with _at(place) as carrier:
        if ours(number, carrier.list_numbers()) is not None:
            return _claimed(number, Claim.OURS, "it is a number of this workspace already", as_json)
        offer = offer_of(number, carrier.available_numbers())
        price = _price(offer.monthly_minor, offer.currency)
        if dry_run:
            return _claimed(number, Claim.WOULD, f"offered for {price}; nothing was changed", as_json)
        try:
            carrier.claim_number(offer.inventory_id, offer.number)
        except (Indeterminate, Conflict, NotFound) as problem:
            outcome = _looked_up(carrier, number)
            if outcome is Claim.LOST and not isinstance(problem, Indeterminate):
                raise _refused_way(problem, "POKEA_CARRIER_CLAIM") from None
            return _claimed(number, outcome, _lost_words(outcome), as_json)
    return _claimed(number, Claim.CLAIMED, price, as_json)


def _looked_up(carrier: Carrier, number: E164) -> Claim:
    try:
        return settled_claim(number, carrier.list_numbers(), carrier.available_numbers())
    except CallError:
        return Claim.UNKNOWN


def _lost_words(outcome: Claim) -> str:
    return {
        Claim.CLAIMED: "the carrier's reply was lost; its list shows that the number is ours",
        Claim.LOST: "the carrier's reply was lost; its list shows that nothing happened: run this again",
    }.get(outcome, "the carrier's reply was lost and its lists do not settle it: look at `pokea numbers list` first")


def _refused_way(problem: CallError, setting: str) -> CallError:
    return type(problem)(problem.code, f"{problem.message} ({problem.code}): another way may be meant, see {setting}")


def _claimed(number: E164, outcome: Claim, words: str, as_json: bool) -> int:
    print(
        json.dumps({"number": number, "outcome": outcome, "says": words})
        if as_json
        else f"{number}  {outcome.replace('_', ' ')}: {words}"
    )
    return 0 if outcome in SETTLED else 1


# ---- route -------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wish:
    """What is to be done about routes. `voice_url` "": where the deployment takes its hooks; `sign`: have the number's hooks signed."""

    numbers: Sequence[E164] = ()
    voice_url: str = ""
    events_url: str = ""
    sign: bool = False
    dry_run: bool = False
    undo: bool = False


@dataclass(frozen=True)
class Step:
    number: OwnedNumber
    before: Route
    after: Route
    is_done: bool


@dataclass(frozen=True)
class Result:
    step: Step
    outcome: Routing
    note: str = ""


def run_route(place: Place, wish: Wish, as_json: bool) -> int:
    """0 once every number goes where it should. Every one is looked up before the first is changed. Raises CallError."""
    settings = place.carrier()
    carries_events = settings.dialect.route_events_field is not None
    secret = _signing_secret(place, settings) if wish.sign else ""
    with _at(place) as carrier:
        owned = carrier.list_numbers()
        numbers = [routable(number, owned) for number in wish.numbers or list(place.lines())]
        kept = _Kept(place.state / ROUTES_FILE)
        steps = (
            _ways_back(numbers, kept) if wish.undo else _ways_on(numbers, _target(place, wish), carries_events, wish)
        )
        if wish.dry_run:
            results = [Result(step, Routing.ALREADY if step.is_done else Routing.WOULD) for step in steps]
        else:
            results = [_done(carrier, step, kept, carries_events, secret, keeps=not wish.undo) for step in steps]
    hint = "" if wish.undo else f" --stack {place.stack}" * bool(place.stack) + " --undo"
    _show(results, carries_events, as_json, hint)
    return 0 if all(result.outcome in SETTLED for result in results) else 1


def _target(place: Place, wish: Wish) -> Route:
    if wish.voice_url:
        return Route(checked_url(wish.voice_url), checked_url(wish.events_url) if wish.events_url else "")
    if wish.events_url:
        raise RejectedInput("events_alone", "--events-url goes with --voice-url")
    return place.route()


def _signing_secret(place: Place, settings: CarrierSettings) -> str:
    """The newest secret that hooks are checked with. Raises RejectedInput."""
    if settings.dialect.route_secret_field is None:
        raise RejectedInput(
            "no_secret_field", "--sign needs POKEA_CARRIER_ROUTE=patch-routing: no other way has a field for it"
        )
    known = place.secrets if place.stack else place.environ
    secret = _newest(known.get("SAUTIKIT_WEBHOOK_SECRET", ""))
    if not secret:
        raise RejectedInput("no_signing_secret", "--sign: SAUTIKIT_WEBHOOK_SECRET is not set")
    return secret


def _ways_on(numbers: Sequence[OwnedNumber], target: Route, carries_events: bool, wish: Wish) -> list[Step]:
    """A new signing secret cannot be seen in any list, so with it nothing counts as done."""
    wanted = [Route(target.voice_url, target.events_url or route_of(one).events_url) for one in numbers]
    return [
        Step(one, route_of(one), after, is_routed(one, after, carries_events=carries_events) and not wish.sign)
        for one, after in zip(numbers, wanted, strict=True)
    ]


def _ways_back(numbers: Sequence[OwnedNumber], kept: _Kept) -> list[Step]:
    """Raises NotFound, Conflict and Denied, saying how it can be done by hand."""
    steps = []
    for one in numbers:
        change = kept.of(one.number)
        if change is None:
            raise NotFound(
                "no_earlier_route",
                f"no earlier route of {one.number} is kept in {kept.path}: `pokea numbers route {one.number} --voice-url URL`",
            )
        back = way_back(*change, one)
        steps.append(Step(one, route_of(one), back or route_of(one), back is None))
    return steps


def _done(carrier: Carrier, step: Step, kept: _Kept, carries_events: bool, secret: str, *, keeps: bool) -> Result:
    if step.is_done:
        return Result(step, Routing.ALREADY)
    if keeps:
        kept.keep(step)  # first: a change that is made and not noted could not be undone
    number, after = step.number, step.after
    replied, note = True, ""
    events = after.events_url if after.events_url or step.before.events_url else None
    try:
        carrier.route_number(
            number.number_id, voice_callback_url=after.voice_url, events_url=events, signing_secret=secret
        )
    except (Unavailable, Indeterminate) as problem:
        replied, note = False, f"the carrier did not confirm it ({problem.code})"
    except (NotFound, RejectedInput) as problem:
        raise _refused_way(problem, "POKEA_CARRIER_ROUTE") from None
    try:
        owned = carrier.list_numbers()
    except CallError as problem:
        return Result(step, Routing.UNKNOWN, f"{note or 'it was accepted'}, and cannot be looked up ({problem.code})")
    outcome = settled_route(number.number, after, owned, carries_events=carries_events, replied=replied)
    if outcome is Routing.UNTAKEN and replied:
        note = "the carrier accepted it, but its list shows another route: see POKEA_CARRIER_ROUTE"
    return Result(step, outcome, note)


class _Kept:
    """The latest change of each number's route, for `--undo`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, number: E164) -> tuple[Route, Route] | None:
        change = self._read().get(number)
        return (Route(*change["before"]), Route(*change["after"])) if change else None

    def keep(self, step: Step) -> None:
        changes = self._read()
        before, after = step.before, step.after
        changes[step.number.number] = {
            "before": [before.voice_url, before.events_url],
            "after": [after.voice_url, after.events_url],
        }
        write_private(self.path, changes)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise RejectedInput("bad_routes_file", f"{self.path} cannot be read: move it away to go on") from None
        return found if isinstance(found, dict) else {}


def _show(results: Sequence[Result], carries_events: bool, as_json: bool, back: str) -> None:
    """`back`: the options that undo what was done."""
    if as_json:
        print(json.dumps({"numbers": [_as_json(result) for result in results]}))
        return
    for result in results:
        step = result.step
        note = f": {result.note}" if result.note else ""
        print(f"{step.number.number}  {result.outcome.replace('_', ' ')}{note}")
        print(f"  voice   from  {shown(step.before.voice_url)}\n          to    {shown(step.after.voice_url)}")
        if carries_events:
            print(f"  events  from  {shown(step.before.events_url)}\n          to    {shown(step.after.events_url)}")
    if not carries_events and any(result.step.after.events_url != result.step.before.events_url for result in results):
        print("The carrier takes no URL for events this way: set it in its console.", file=sys.stderr)
    if back and any(result.outcome is Routing.ROUTED for result in results):
        numbers = " ".join(result.step.number.number for result in results)
        print(f"Back again: pokea numbers route {numbers}{back}")


def _as_json(result: Result) -> dict[str, object]:
    step = result.step
    return {
        "number": step.number.number,
        "outcome": result.outcome,
        "note": result.note,
        "from": {"voice": shown(step.before.voice_url), "events": shown(step.before.events_url)},
        "to": {"voice": shown(step.after.voice_url), "events": shown(step.after.events_url)},
    }
