"""Everything the agents say, by key and language. One module per area; in each, both tables hold the same keys and fields.

A key belongs to one area, so a table can be read and corrected by somebody who speaks its language and knows no Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from pokea.errors import Misuse
from pokea.words import booking, common, dispatch, leads, messages, numbers, reception, support, transfer

AREAS: tuple[ModuleType, ...] = (common, messages, booking, reception, support, leads, dispatch, transfer, numbers)


def _collected(table: str) -> Mapping[str, str]:
    collected: dict[str, str] = {}
    for area in AREAS:
        words: Mapping[str, str] = getattr(area, table)
        if twice := collected.keys() & words.keys():
            raise Misuse("words_twice", f"{area.__name__}: {sorted(twice)} stand in another area already")
        collected |= words
    return collected


WORDS: Mapping[str, Mapping[str, str]] = {"en": _collected("ENGLISH"), "sw": _collected("SWAHILI")}


def say(language: str, key: str, **fields: str) -> str:
    """The words for `key` in `language`. Values are put in as they are; they are never read as templates."""
    try:
        return WORDS[language][key].format_map(fields)
    except KeyError as missing:
        raise Misuse("no_words", f"no words for {key!r} in {language!r}: {missing}") from None
