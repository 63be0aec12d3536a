"""Lists as JSON: one array of objects, or one object a line. Numbers stay as they are written, so that no digit is lost."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from pokea.campaigns.lists.rows import MAX_COLUMNS, MAX_ROW_CHARS, BadList, Opener, Row, checked_header

_NO_LIST = "is neither a JSON array of objects nor one JSON object a line"
_CHUNK_CHARS = 256 * 1024
_BETWEEN = re.compile(r"[ \t\r\n]*")
_NO_TEXT = re.compile("[\ud800-\udfff]")  # half a character: JSON can spell it, and no file can hold it
_READ = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


class _JsonList:
    """The columns are the names of all objects, in the order in which they first appear."""

    unit: str

    def __init__(self, opener: Opener, source: str) -> None:
        self.source = source
        self._opener = opener
        names: dict[str, int] = {}
        for _, value, _ in self._values():
            if isinstance(value, dict):
                for name in value:
                    names.setdefault(name, len(names))
            if len(names) > MAX_COLUMNS:
                break  # the header is refused below
        self._names = names
        self.header = checked_header([_text(name) or "?" for name in names], source)

    def rows(self) -> Iterator[Row]:
        for place, value, problem in self._values():
            if isinstance(value, dict):
                yield self._row(place, value)
            else:
                yield Row(place, (_text(str(value))[:MAX_ROW_CHARS],), problem or "is not a JSON object")

    def _values(self) -> Iterator[tuple[int, object, str]]:
        """The place of each value, the value, and why it could not be read."""
        raise NotImplementedError

    def _row(self, place: int, value: dict[str, object]) -> Row:
        cells, problem = [""] * len(self._names), ""
        for name, cell in value.items():
            at = self._names.get(name)
            if at is None:
                raise BadList(self.source, "changed while it was read")
            if isinstance(cell, dict | list):
                problem = f"{self.header[at]} holds a {'list' if isinstance(cell, list) else 'table'}, not a text"
                cells[at] = _text(json.dumps(cell, ensure_ascii=False))
            else:
                cells[at] = _cell(cell)
        return Row(place, tuple(cells), problem)


class JsonLines(_JsonList):
    unit = "line"

    def _values(self) -> Iterator[tuple[int, object, str]]:
        is_first = True
        with _decoded(self._opener()) as text:
            for number, line in enumerate(iter(lambda: _read_line(text, self.source), ""), 1):
                if not line.strip():
                    continue
                try:
                    value: object = _READ.decode(line)
                except (ValueError, RecursionError):
                    if is_first:
                        raise BadList(self.source, _NO_LIST) from None
                    yield number, line.rstrip("\n"), "is not JSON"
                else:
                    yield number, value, ""
                is_first = False


class JsonArray(_JsonList):
    unit = "item"

    def _values(self) -> Iterator[tuple[int, object, str]]:
        with _decoded(self._opener()) as text:
            window = _Window(text, self.source)
            window.skip("[")
            if window.peek() == "]":
                raise BadList(self.source, "is empty")
            number = 0
            while True:
                number += 1
                yield number, window.value(number), ""
                if window.peek() != ",":
                    break
                window.skip(",")
            window.skip("]")
            if window.peek():
                raise BadList(self.source, "goes on after the end of its JSON array")


class _Window:
    """A moving piece of the text in which the next value lies as a whole, if it is no longer than a row may be."""

    def __init__(self, text: io.TextIOWrapper, source: str) -> None:
        self._text = text
        self._source = source
        self._piece = ""
        self._at = 0

    def peek(self) -> str:
        """The next character that is no blank; "" at the end."""
        while True:
            self._fill()
            end = _BETWEEN.match(self._piece, self._at)
            self._at = end.end() if end else self._at
            if self._at < len(self._piece):
                return self._piece[self._at]
            if not self._fill():
                return ""

    def skip(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise BadList(self._source, f"is no JSON array of objects: {wanted!r} is missing")
        self._at += 1

    def value(self, number: int) -> object:
        self.peek()
        try:
            value, end = _READ.raw_decode(self._piece, self._at)
        except (ValueError, RecursionError):
            raise BadList(
                self._source, f"item {number} is not JSON, or longer than {MAX_ROW_CHARS:,} characters"
            ) from None
        if end - self._at > MAX_ROW_CHARS:
            raise BadList(self._source, f"item {number} is longer than {MAX_ROW_CHARS:,} characters")
        self._at = end
        return value

    def _fill(self) -> bool:
        """False: there is no more."""
        if len(self._piece) - self._at > MAX_ROW_CHARS:
            return True
        try:
            more = self._text.read(_CHUNK_CHARS)
        except UnicodeDecodeError:
            raise BadList(self._source, "is not UTF-8 text") from None
        self._piece, self._at = self._piece[self._at :] + more, 0
        return bool(more)


def json_list(opener: Opener, source: str) -> JsonArray | JsonLines:
    with _decoded(opener()) as text:
        start = _Window(text, source).peek()
    return JsonArray(opener, source) if start == "[" else JsonLines(opener, source)


def _decoded(file: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline=None)


def _read_line(text: io.TextIOWrapper, source: str) -> str:
    try:
        line = text.readline(MAX_ROW_CHARS + 1)
    except UnicodeDecodeError:
        raise BadList(source, "is not UTF-8 text") from None
    if len(line) > MAX_ROW_CHARS:
        raise BadList(source, f"a line is longer than {MAX_ROW_CHARS:,} characters, or the objects are not one a line")
    return line


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return _text(str(value))


def _text(text: str) -> str:
    return text if text.isascii() else _NO_TEXT.sub("�", text)
