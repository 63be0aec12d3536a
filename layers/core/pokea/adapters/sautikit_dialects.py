"""Where the carrier's own pages disagree about a path or a field, both spellings are kept here as data.

`LIVE` is what a working integration sends today; `DOCUMENTED` is what the guides print. `POKEA_CARRIER_DIALECT` chooses. Of claiming
and routing numbers there are more than two spellings: `POKEA_CARRIER_CLAIM`, `POKEA_CARRIER_CLAIM_FIELD` and `POKEA_CARRIER_ROUTE`
choose among those, whatever the dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pokea.errors import RejectedInput

NUMBER_FIELDS = ("number", "e164")  # these hold the number itself, every other field the inventory's id


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`{id}` in a path stands for the call's, number's or inventory entry's id."""

    place_call: str
    get_call: str = "/v1/calls/{id}"
    list_calls: str = "/v1/calls"
    hang_up: str = "/v1/calls/{id}/hangup"
    list_numbers: str = "/v1/numbers"
    available_numbers: str = "/v1/numbers/available"
    wallet: str = "/v1/wallet"
    claim_number: str
    route_number: str
    route_method: str
    to_is_array: bool
    callback_field: str
    label_field: str
    claim_field: str | None  # None: the id stands in the path alone
    route_voice_field: str
    route_events_field: str | None
    route_secret_field: str | None = None  # under which a secret for signing the number's hooks can be set


LIVE = Dialect(
    place_call="/v1/calls",
    claim_number="/v1/numbers/available/claim",
    route_number="/v1/numbers/{id}/routing",
    route_method="PUT",
    to_is_array=True,
    callback_field="voice_callback_url",
    label_field="client_request_id",
    claim_field="inventory_id",
    route_voice_field="voice_callback_url",
    route_events_field="events_url",
)

DOCUMENTED = Dialect(
    place_call="/v1/calls/originate",
    wallet="/v1/wallet/balance",
    claim_number="/v1/numbers/{id}/claim",
    route_number="/v1/numbers/{id}",
    route_method="PATCH",
    to_is_array=False,
    callback_field="webhook_url",
    label_field="clientRequestId",
    claim_field=None,
    route_voice_field="routing_url",
    route_events_field=None,
)

DIALECTS = {"live": LIVE, "documented": DOCUMENTED}

# name → path and field; a working integration uses the first, the vendor's pages print the others
CLAIM_WAYS: Mapping[str, tuple[str, str | None]] = {
    "inventory": ("/v1/numbers/available/claim", "inventory_id"),
    "by-id": ("/v1/numbers/{id}/claim", None),
    "claim": ("/v1/numbers/claim", "inventory_id"),
    "numbers": ("/v1/numbers", "inventory_id"),
}
CLAIM_FIELDS = ("inventory_id", "id", *NUMBER_FIELDS)

# name → method, path, field of the voice URL, of the events URL, of the signing secret; the order is that of CLAIM_WAYS
ROUTE_WAYS: Mapping[str, tuple[str, str, str, str | None, str | None]] = {
    "put-routing": ("PUT", "/v1/numbers/{id}/routing", "voice_callback_url", "events_url", None),
    "patch-routing": ("PATCH", "/v1/numbers/{id}/routing", "voice_url", "events_url", "voice_signing_secret"),
    "patch-number": ("PATCH", "/v1/numbers/{id}", "routing_url", None, None),
}


def dialect_of(environ: Mapping[str, str]) -> Dialect:
    """The dialect that the settings choose. Raises RejectedInput with one line that names the setting."""
    dialect = DIALECTS[_choice(environ, "POKEA_CARRIER_DIALECT", tuple(DIALECTS)) or "live"]
    if claim := _choice(environ, "POKEA_CARRIER_CLAIM", tuple(CLAIM_WAYS)):
        path, name = CLAIM_WAYS[claim]
        dialect = replace(dialect, claim_number=path, claim_field=name)
    if (name := _choice(environ, "POKEA_CARRIER_CLAIM_FIELD", CLAIM_FIELDS)) and dialect.claim_field is not None:
        dialect = replace(dialect, claim_field=name)
    if way := _choice(environ, "POKEA_CARRIER_ROUTE", tuple(ROUTE_WAYS)):
        method, path, voice, events, secret = ROUTE_WAYS[way]
        dialect = replace(
            dialect,
            route_method=method,
            route_number=path,
            route_voice_field=voice,
            route_events_field=events,
            route_secret_field=secret,
        )
    return dialect


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environ.get(name, "").strip()
    if value and value not in allowed:
        raise RejectedInput("bad_settings", f"{name}: {value!r} is not one of {', '.join(allowed)}")
    return value
