"""What a business wants its callers to be told, and how the answer to a question is found in it. No network, and nothing is made up.

A file is Markdown (each heading a question, below it the answer; "Also: … | …" gives other ways to ask) or CSV (question, answer and, if
there, language and also). An answer is spoken as it stands there, in whole sentences of at most `MAX_SPOKEN` characters together; a longer
text is cut into passages, each found on its own.

Whether a passage answers is judged by terms (`knowledge_words`), weighed by how rare they are in this knowledge. Two shares decide: how
much of what was asked the passage covers, and how much of one of its ways to ask was asked. A term that the knowledge does not have
weighs most, so a question about something else is not answered by a passage that shares its small change. What is likely but not sure is
for the caller to say.
"""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pokea.errors import RejectedInput
from pokea.knowledge_words import terms

MAX_SPOKEN = 400
MAX_FILE_CHARS = 1_000_000
MAX_PASSAGES = 5_000
MAX_QUESTION_CHARS = 300
# Measured on some 240 questions and 150 foreign ones, see tests/unit/pokea/test_knowledge_measured.py. Between the two the caller is asked.
SURE = 0.75
MAYBE = 0.5
BY_FAR = 0.4
IN_ANSWER = 0.35  # what a term is worth that stands in the answer, and in no way to ask
HALF = 0.5  # less of a way to ask than this is never sure: a word alone is no question
OF_ASKING = 0.15  # how much of the score comes from the passage's own way to ask

_ALSO = re.compile(r"^(?:also|pia)\s*:\s*(.+)$", re.IGNORECASE)
_ASKED = re.compile(r"^(?:q|question|swali)\s*:\s*(.+)$", re.IGNORECASE)
_ANSWERED = re.compile(r"^(?:a|answer|jibu)\s*:\s*(.*)$", re.IGNORECASE)
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_MARKED = re.compile(r"[\[<>*_`{}\\|~^]")
_ENDS = ".!?…"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Passage:
    """`asked`: the ways to ask for it, the heading first. `text`: what is spoken."""

    asked: tuple[str, ...]
    text: str
    language: str


@dataclass(frozen=True)
class Answer:
    """`score`: 0 to 1. Below `SURE` it may be about something else."""

    passage: Passage
    score: float

    @property
    def is_sure(self) -> bool:
        return self.score >= SURE


@dataclass(frozen=True)
class Knowledge:
    """Indexed when it is first asked, and then kept. `ignored`: words that tell nothing here, such as the business's own name."""

    passages: tuple[Passage, ...] = ()
    ignored: frozenset[str] = frozenset()

    def find(self, question: str, language: str, *, not_meant: str = "") -> Answer | None:
        """What answers `question`, or may answer it; None when nothing in here does. `not_meant`: a heading the caller said no to.

        One in another language than `language` is given only if it is sure, and by far the better one.
        """
        own = self._best(question, language, not_meant)
        if own is not None and own.is_sure:
            return own
        elsewhere = [self._best(question, other, not_meant) for other in self._indexes if other != language]
        enough = max(SURE, own.score + BY_FAR if own else 0.0)
        better = [answer for answer in elsewhere if answer is not None and answer.score >= enough]
        return max(better, key=lambda answer: answer.score, default=own)

    def _best(self, question: str, language: str, not_meant: str) -> Answer | None:
        asked = terms(question[:MAX_QUESTION_CHARS], language, self.ignored)
        index = self._indexes.get(language)
        return index.best(asked, not_meant) if index and asked else None

    @cached_property
    def _indexes(self) -> Mapping[str, _Index]:
        languages = dict.fromkeys(passage.language for passage in self.passages)
        return {
            language: _Index([p for p in self.passages if p.language == language], language, self.ignored)
            for language in languages
        }


class _Index:
    """The passages of one language by term."""

    def __init__(self, passages: Sequence[Passage], language: str, ignored: frozenset[str]) -> None:
        self._passages = passages
        self._ways = [[frozenset(terms(way, language, ignored)) for way in p.asked] for p in passages]
        self._told = [frozenset(terms(p.text, language, ignored)) for p in passages]
        self._having: dict[str, list[int]] = defaultdict(list)
        for number, (ways, told) in enumerate(zip(self._ways, self._told, strict=True)):
            for term in told.union(*ways):
                self._having[term].append(number)

    def best(self, asked: Sequence[str], not_meant: str) -> Answer | None:
        """The first of the passages that answer best."""
        candidates = {number for term in asked for number in self._having.get(term, ())}
        scored = [(self._score(number, asked), -number) for number in candidates if self._heading(number) != not_meant]
        score, number = max(scored, default=(0.0, 0))
        return Answer(self._passages[-number], score) if score >= MAYBE else None

    def _heading(self, number: int) -> str:
        return self._passages[number].asked[0]

    def _score(self, number: int, asked: Sequence[str]) -> float:
        return max(self._score_of(way, self._told[number], asked) for way in self._ways[number])

    def _score_of(self, way: frozenset[str], told: frozenset[str], asked: Sequence[str]) -> float:
        if not way.intersection(asked):
            return 0.0
        worth = {term: 1.0 if term in way else IN_ANSWER if term in told else 0.0 for term in asked}
        covered = sum(self._weight(term) * share for term, share in worth.items()) / sum(map(self._weight, asked))
        used = sum(self._weight(term) for term in way.intersection(asked)) / sum(map(self._weight, way))
        score = (1 - OF_ASKING) * covered + OF_ASKING * used
        return score if used >= HALF else min(score, SURE - 0.01)

    def _weight(self, term: str) -> float:
        """From about 0.3 for a term of every passage to 1 for one of none."""
        having, total = len(self._having.get(term, ())), len(self._passages)
        return math.log1p((total + 1) / (having + 0.5)) / math.log1p((total + 1) / 0.5)


def parse(text: str, language: str, *, is_csv: bool) -> tuple[Passage, ...]:
    """The passages of one file. Raises RejectedInput with a line that says what cannot be spoken or read."""
    if len(text) > MAX_FILE_CHARS:
        raise RejectedInput("bad_knowledge", f"is longer than {MAX_FILE_CHARS} characters")
    entries = _of_csv(text, language) if is_csv else _of_markdown(text, language)
    passages = tuple(passage for entry in entries for passage in _passages(*entry))
    if not passages:
        raise RejectedInput("bad_knowledge", "holds no question with an answer")
    if len(passages) > MAX_PASSAGES:
        raise RejectedInput("bad_knowledge", f"holds more than {MAX_PASSAGES} answers")
    return passages


_Entry = tuple[tuple[str, ...], str, str]  # ways to ask, answer, language


def _of_csv(text: str, language: str) -> Iterator[_Entry]:
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        if rows.fieldnames is None or not {"question", "answer"} <= set(rows.fieldnames):
            raise RejectedInput("bad_knowledge", "needs the columns question and answer")
        for row in rows:
            asked = [row["question"] or "", *(row.get("also") or "").split("|")]
            yield _ways(asked), row["answer"] or "", (row.get("language") or "").strip() or language
    except csv.Error as problem:
        raise RejectedInput("bad_knowledge", f"is not CSV ({problem})") from None


def _of_markdown(text: str, language: str) -> Iterator[_Entry]:
    asked: list[str] = []
    body: list[str] = []
    for line in _without_comments(text).splitlines():
        question = _question_in(line)
        if question is not None:
            yield _ways(asked), "\n".join(body), language
            asked, body = [question], []
        elif any(asked) and (also := _ALSO.match(line.strip())):
            asked += also[1].split("|")
        else:
            answered = _ANSWERED.match(_bare(line))
            body.append(answered[1] if answered else line)
    yield _ways(asked), "\n".join(body), language


def _question_in(line: str) -> str | None:
    """The question that begins here; "" for a title, under which nothing is answered; None for any other line."""
    if heading := _HEADING.match(line.strip()):
        return "" if heading[1] == "#" else heading[2]
    asked = _ASKED.match(_bare(line))
    return asked[1] if asked else None


def _ways(asked: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(bare for way in asked if (bare := _bare(way))))


def _passages(asked: tuple[str, ...], body: str, language: str) -> Iterator[Passage]:
    """As few as hold the whole answer, cut between sentences and, if it can be, between paragraphs."""
    if not asked:
        return
    paragraphs = [words for part in re.split(r"\n\s*\n", body) if (words := " ".join(_sentences(part)))]
    for text in [" ".join(paragraphs)] if sum(map(len, paragraphs)) + len(paragraphs) < MAX_SPOKEN else paragraphs:
        for piece in _pieces(text, asked[0]):
            yield Passage(asked, piece if piece[-1] in _ENDS else f"{piece}.", language)


def _pieces(text: str, question: str) -> Iterator[str]:
    piece = ""
    for sentence in _SENTENCE_END.split(text):
        if len(sentence) >= MAX_SPOKEN:
            raise RejectedInput(
                "bad_knowledge", f"a sentence under {question[:60]!r} has {MAX_SPOKEN} characters or more"
            )
        if piece and len(piece) + 1 + len(sentence) >= MAX_SPOKEN:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}".strip()
    if piece:
        yield piece


def _sentences(part: str) -> Iterator[str]:
    """The lines of a paragraph; a point of a list ends as a sentence does."""
    for line in part.splitlines():
        point = re.match(r"^\s*(?:[-*+]|\d+[.)])\s+", line)
        words = _bare(line[point.end() :] if point else line)
        if words:
            yield words if not point or words[-1] in _ENDS else f"{words}."


def _bare(line: str) -> str:
    """The words without Markdown's or anybody's markup, and without what cannot be spoken."""
    if _MARKED.search(line):
        line = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line)
        line = re.sub(r"<[^<>]*>", " ", line)
        line = re.sub(r"\*\*|__|[*`<>{}\\|~^]", "", line)
    if not line.isascii() or not line.isprintable():
        line = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", line))
    return " ".join(line.split())


def _without_comments(text: str) -> str:
    return re.sub(r"<!--.*?-->", "", text.removeprefix("\ufeff"), flags=re.DOTALL)
