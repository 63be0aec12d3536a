"""What the next answer of the caller is likely to be; the recogniser has a small grammar for each."""

from __future__ import annotations

from enum import StrEnum


class Expectation(StrEnum):
    OPEN = "open"  # a wish, a goodbye, or anything below
    YES_NO = "yes_no"  # an answer to a read-back; another time counts as a no
    NAME = "name"
    WHEN = "when"
    SERVICE = "service"
    CHOICE = "choice"  # "the first one", or a time
    NUMBER = "number"
    DIGITS = "digits"  # one by one: a reference, a code
    TRACKING = "tracking"  # letters by their spelling words, then digits
    PLACE = "place"
    TEXT = "text"  # whatever the tools of the session may be told: a message, a problem, an answer
