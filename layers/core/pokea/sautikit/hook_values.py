"""What single values of the carrier mean, in hooks and in its REST records alike: ids, numbers, labels, causes."""

from __future__ import annotations

import re

from pokea.errors import RejectedInput
from pokea.phone_numbers import E164

MAX_CAUSE_CHARS = 80
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}")
_SWITCH_ID = re.compile(r"HD_[A-Za-z0-9]{1,64}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_WORD = re.compile(r"[^a-z0-9]")
_NOT_NUMBER = re.compile(r"[\s().-]")
_BARE_NUMBER = re.compile(r"(00)?([1-9]\d{6,14})")
_LABEL = re.compile(r"[A-Za-z0-9_.:~-]{1,200}")


def is_session_id(text: str) -> bool:
    """An id that a switch may give. Anything else has no place in our keys and URLs."""
    return bool(_SESSION.fullmatch(text))


def is_switch_id(text: str) -> bool:
    """A session id as this carrier's switch makes them."""
    return bool(_SWITCH_ID.fullmatch(text))


def is_uuid(text: str) -> bool:
    """The REST id's form."""
    return bool(_UUID.fullmatch(text))


def word(text: str) -> str:
    """Without case and punctuation: "stream-started", "StreamStarted" and "stream_started" are one word."""
    return _NOT_WORD.sub("", text.lower())


def number(text: str) -> E164 | None:
    """A number in E.164 form; None for a withheld one. In a form that nobody escaped, its `+` arrives as a space."""
    compact = _NOT_NUMBER.sub("", text)
    if not compact.isascii():
        return None
    try:
        return E164(compact)
    except RejectedInput:
        bare = _BARE_NUMBER.fullmatch(compact)
        return E164("+" + bare[2]) if bare else None


def label(text: str) -> str | None:
    """Our own label of a call, as it came back."""
    return text if _LABEL.fullmatch(text) else None


def cause(text: str) -> str | None:
    """A reason in at most 80 printable characters."""
    printable = "".join(c for c in text if c.isprintable())
    return printable[:MAX_CAUSE_CHARS].strip() or None
