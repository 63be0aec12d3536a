"""Everything an agent says, by key and language. The tables are `words_en` and `words_sw`; they hold the same keys and fields."""

from __future__ import annotations

from collections.abc import Mapping

from pokea.agents.words_en import WORDS as ENGLISH
from pokea.agents.words_sw import WORDS as SWAHILI
from pokea.errors import Misuse

WORDS: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "sw": SWAHILI}


def say(language: str, key: str, **fields: str) -> str:
    """The words for `key` in `language`. Values are put in as they are; they are never read as templates."""
    try:
        return WORDS[language][key].format_map(fields)
    except KeyError as missing:
        raise Misuse("no_words", f"no words for {key!r} in {language!r}: {missing}") from None
