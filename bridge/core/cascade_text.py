"""The text between a language model and a voice: reasoning taken out, sentences cut as they come, marks nobody speaks removed."""

from __future__ import annotations

import re

_THINK_TAGS = ("<think>", "</think>", "<thinking>", "</thinking>")
_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_LONGEST_TAG = max(map(len, _THINK_TAGS))


class ThinkFilter:
    """Drops what stands between <think> and </think>, however the text is cut into pieces.

    Servers with a reasoning parser send such text in a field of its own, others leave it in the answer.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._thinking = False

    def feed(self, text: str) -> str:
        """The part of what came so far that is surely not reasoning and was not returned before."""
        self._rest += text
        shown = []
        while (tag := _TAG.search(self._rest)) is not None:
            if not self._thinking:
                shown.append(self._rest[: tag.start()])
            self._thinking = not tag[1]
            self._rest = self._rest[tag.end() :]
        kept = self._possible_tag()
        if not self._thinking:
            shown.append(self._rest[: len(self._rest) - kept])
        self._rest = self._rest[len(self._rest) - kept :]
        return "".join(shown)

    def flush(self) -> str:
        """What was kept because it might have become a tag. The text is over."""
        rest, self._rest = self._rest, ""
        return "" if self._thinking else rest

    def _possible_tag(self) -> int:
        """How many characters at the end may be the beginning of a tag."""
        tail = self._rest[-_LONGEST_TAG:].lower()
        start = tail.rfind("<")
        if start < 0:
            return 0
        return len(tail) - start if any(tag.startswith(tail[start:]) for tag in _THINK_TAGS) else 0


# Never the end of a sentence: a name follows.
_TITLES = re.compile(
    r"(mr|mrs|ms|dr|prof|st|sr|jr|rev|hon|eng|capt|sgt|col|gen|vs|e\.g|i\.e|bw|bi|dkt|mh|ndg|mwl|s\.l\.p)\b"
)
# The end of one, unless a number follows.
_BEFORE_NUMBERS = re.compile(r"(no|nos|na|fig|tel|ext|approx|p\.o|ksh|kshs|sh|shs|tsh|ush|kes|tzs|ugx|usd|rs)\b")
# The end of one only before a capital letter.
_ABBREVIATIONS = re.compile(r"(a\.m|p\.m|am|pm|etc|inc|ltd|co|k\.m|n\.k|k\.k|min|hr|hrs|sec|u\.s|u\.k)\b")
_END = re.compile(r"(?:[.!?…]+|[।。！？])[\"'”’»)\]]*(?=\s)|\n")
_CLAUSE = re.compile(r"[,;:–—](?=\s)\s*")
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘«]*$")
_EARLY_CHARS = 70  # a first sentence longer than this is not waited for
_EARLY_FROM = 25  # but a clause shorter than this is
_LONGEST_CHARS = 280  # some twenty seconds of speech


class SentenceSplitter:
    """Cuts text into sentences as it comes. Nothing is lost: the pieces, joined, are the text.

    An end counts once the next word is known to begin, because only that tells "Dr. Otieno" and "at 2 p.m. on Friday" from an end.
    """

    def __init__(self) -> None:
        self._text = ""
        self._is_first = True

    def feed(self, text: str) -> list[str]:
        """The sentences that are now complete, each with the white space behind it."""
        self._text += text
        return self._cut(final=False)

    def flush(self) -> list[str]:
        """The rest. The text is over."""
        pieces = self._cut(final=True)
        rest, self._text, self._is_first = self._text, "", True
        return [*pieces, rest] if rest else pieces

    def _cut(self, final: bool) -> list[str]:
        pieces = []
        while (end := self._next_end(final)) is not None:
            pieces.append(self._text[:end])
            self._text = self._text[end:]
            self._is_first = self._is_first and not pieces[-1].strip()
        return pieces

    def _next_end(self, final: bool) -> int | None:
        text = self._text
        end = self._sentence_end(final)
        length = len(text) if end is None else end
        if self._is_first and length > _EARLY_CHARS and (clause := _CLAUSE.search(text, _EARLY_FROM, length)):
            # White space at the end of what came may go on.
            return clause.end() if clause.end() < len(text) or final else None
        if length > _LONGEST_CHARS:
            return _forced(text)
        return end

    def _sentence_end(self, final: bool) -> int | None:
        for mark in _END.finditer(self._text):
            after = _after_space(self._text, mark.end())
            if after == len(self._text) and not final:
                return None
            if after == len(self._text):
                return after
            if self._text[: mark.start()].strip() and self._is_end(mark, self._text[after]):
                return after
        return None

    def _is_end(self, mark: re.Match[str], following: str) -> bool:
        if mark[0] == "\n":
            return True
        if not mark[0].startswith(".") or mark[0].startswith(".."):
            return mark[0][0] not in "…." or not following.islower()
        before = self._text[: mark.start()]
        found = _WORD_BEFORE.search(before)
        word = found[0].rstrip(".").lower() if found is not None else ""
        if _TITLES.fullmatch(word) or (len(word) == 1 and word.isalpha() and word != "i"):
            return False
        if _BEFORE_NUMBERS.fullmatch(word):
            return not following.isdigit()
        if word.isdigit() and not before[: len(before) - len(word)].strip():
            return False  # "1. Cleaning": a list
        if _ABBREVIATIONS.fullmatch(word):
            return following.isupper()
        return not following.islower()


def _after_space(text: str, index: int) -> int:
    while index < len(text) and text[index].isspace():
        index += 1
    return index


def _forced(text: str) -> int:
    """Where to cut a sentence that does not end: after its last clause within bounds, else after a word, else anywhere."""
    clauses = [match.end() for match in _CLAUSE.finditer(text, 0, _LONGEST_CHARS)]
    if clauses:
        return clauses[-1]
    return text.rfind(" ", 1, _LONGEST_CHARS) + 1 or _LONGEST_CHARS


_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"[*_`#~]+|^\s*(?:[-•]\s+|>\s*)", re.MULTILINE)
_BRACKETED = re.compile(r"\[[^\]]*\]|\([^)]*\)|<[^>]*>|♪[^♪]*♪?")


def spoken(text: str) -> str:
    """What a voice is given: no Markdown, no runs of white space; empty where there is nothing to say."""
    plain = " ".join(_MARKS.sub(" ", _LINK.sub(r"\1", text)).split())
    return plain if any(map(str.isalnum, plain)) else ""


def understood(text: str) -> str:
    """The caller's words; empty for what recognisers write of noise: "[BLANK_AUDIO]", "(music)", "…"."""
    words = text.strip()
    return words if any(map(str.isalnum, _BRACKETED.sub(" ", words))) else ""
