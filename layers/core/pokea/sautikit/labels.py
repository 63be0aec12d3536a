"""Labels of outbound calls (`client_request_id`), and the key under which the attempt of a label is stored."""

from __future__ import annotations

import hashlib
import json

from pokea.ids import BusinessId, SessionId

_PREFIX = "attempt/"  # a session id of the switch never contains a slash, so no hook can name an attempt


def attempt_session(client_request_id: str) -> SessionId:
    """The key under which the attempt of a label is stored."""
    return SessionId(_PREFIX + client_request_id)


def is_attempt(session_id: SessionId) -> bool:
    return session_id.startswith(_PREFIX)


def label_of(business_id: BusinessId, idempotency_key: str) -> str:
    """An opaque label: letters and digits only, because the carrier drops labels with anything else from its hooks."""
    digest = hashlib.sha256(json.dumps([business_id, idempotency_key]).encode()).hexdigest()
    return "pk" + digest[:38]
