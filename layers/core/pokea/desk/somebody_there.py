"""Whether somebody will be there to take a parcel, from a recipient's words in English or Swahili.

The caller hears what was understood before it is told to a driver; words that say both, or that doubt it, are no answer.
"""

from __future__ import annotations

import re

from pokea.knowledge_words import folded
from pokea.spoken.answers import is_unsure, yes_or_no

_NO_TROUBLE = r"(?: na)? (?:shida|tatizo|noma|wasiwasi|neno)"
# Said first and taken out, because it holds words of its opposite: "not at home".
_AWAY = re.compile(
    r"\b(?:not|dont|wont|cant|cannot|isnt|arent|never|nobody|no one)(?: \w+){0,4}? (?:there|here|home|around|available)\b"
    r"|\b(?:nobody|no one|at work|at the office|(?:am|are|be|is) (?:out|away)|travell?ing|kazini|safarini)\b"
    r"|\b(?:si|hatu|hu|ha|hawa|m)(?:po|ko)\b|\b(?:hayupo|hayuko|hapana mtu|hamna mtu)\b"
    r"|\b(?:sita|hatuta|hata|hawata)kuw(?:a|epo)\b"
    rf"|\b(?:hakuna|hakutakuwa)\b(?!{_NO_TROUBLE})"
)
_THERE = re.compile(
    r"\b(?:at home|be home|(?:be|am|are|is) (?:there|here|around|available|in))\b"
    r"|\b(?:i|we|he|she|they|somebody|someone) (?:will|am|are|is)$"
    r"|\b(?:ni|tu|yu|wa)po\b|\b(?:ni|tu|yu|wa)ko (?:nyumbani|hapa|hapo|home)\b"
    r"|\b(?:nita|tuta|ata|wata)kuwepo\b|\b(?:nita|tuta|ata|wata)kuwa (?:nyumbani|hapa|hapo|home)\b"
    rf"|\b(?:kutakuwa na|kuna|yuko) mtu\b|\bhakutakuwa{_NO_TROUBLE}\b"
)
_BEING = re.compile(r"\b(?:i|we) (?:am|are)\b")  # no yes by itself beside a place


def somebody_there(said: str) -> bool | None:
    text = folded(said)
    if is_unsure(said):
        return None
    rest = _AWAY.sub(" ", text)
    is_away, is_there = rest != text, _THERE.search(rest) is not None
    meant = yes_or_no(_BEING.sub(" ", _THERE.sub(" ", rest)))
    yes, no = is_there or meant is True, is_away or meant is False
    return yes if yes is not no else None
