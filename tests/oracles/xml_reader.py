"""A small strict XML reader of our own, so that two parsers judge the documents that ours writes.

It reads what a voice document may consist of: one declaration, elements, attributes in double quotes, text, the five named entities
and character references. Comments, CDATA, processing instructions and doctypes are errors: a document of ours never has them, so their
appearance means that somebody's text became markup.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_DECLARATION = re.compile(r'<\?xml version="1\.0" encoding="UTF-8"\?>\n')
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ENTITY = re.compile(r"&(#x[0-9A-Fa-f]+|#[0-9]+|amp|lt|gt|quot|apos);")
_SPACES = re.compile(" +")
_FOREIGN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class NotWellFormed(Exception):
    pass


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    text: str = ""


def read(document: bytes) -> Node:
    """The root of `document`. Raises NotWellFormed."""
    try:
        text = document.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise NotWellFormed(str(error)) from None
    if foreign := _FOREIGN.search(text):
        _check(ord(foreign[0]))
    declaration = _DECLARATION.match(text)
    if declaration is None:
        raise NotWellFormed("no declaration")
    node, end = _element(text, declaration.end())
    if text[end:].strip():
        raise NotWellFormed("something follows the root")
    return node


def _check(code: int) -> None:
    allowed = (
        code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    )
    if not allowed:
        raise NotWellFormed(f"U+{code:04X} is not a character of XML 1.0")


def _element(text: str, at: int) -> tuple[Node, int]:
    at = _expect(text, at, "<")
    tag, at = _name(text, at)
    node = Node(tag, {})
    while True:
        spaces = _SPACES.match(text, at)
        at = spaces.end() if spaces else at
        if text.startswith("/>", at):
            return node, at + 2
        if text.startswith(">", at):
            return _content(text, at + 1, node)
        if not spaces:
            raise NotWellFormed(f"a space is missing at {at}")
        name, at = _name(text, at)
        at = _expect(text, at, '="')
        end = text.find('"', at)
        if end < 0 or name in node.attributes or "<" in text[at:end]:
            raise NotWellFormed(f"bad attribute at {at}")
        node.attributes[name] = _unescaped(re.sub("[\t\n\r]", " ", text[at:end]))
        at = end + 1


def _content(text: str, at: int, node: Node) -> tuple[Node, int]:
    while True:
        end = text.find("<", at)
        if end < 0:
            raise NotWellFormed(f"{node.tag} is not closed")
        if "]]>" in text[at:end]:
            raise NotWellFormed("]]> in text")
        node.text += _unescaped(text[at:end])
        at = end
        if text.startswith("</", at):
            name, at = _name(text, at + 2)
            if name != node.tag:
                raise NotWellFormed(f"{node.tag} is closed by {name}")
            return node, _expect(text, at, ">")
        child, at = _element(text, at)
        node.children.append(child)


def _unescaped(raw: str) -> str:
    plain = _ENTITY.sub("", raw)
    if "&" in plain:
        raise NotWellFormed("a bare &")

    def character(found: re.Match[str]) -> str:
        name = found[1]
        if name in _NAMED:
            return _NAMED[name]
        code = int(name[2:], 16) if name.startswith("#x") else int(name[1:])
        _check(code)
        return chr(code)

    return _ENTITY.sub(character, raw.replace("\r\n", "\n").replace("\r", "\n"))


def _name(text: str, at: int) -> tuple[str, int]:
    found = _NAME.match(text, at)
    if found is None:
        raise NotWellFormed(f"a name is missing at {at}")
    return found[0], found.end()


def _expect(text: str, at: int, wanted: str) -> int:
    if not text.startswith(wanted, at):
        raise NotWellFormed(f"{wanted} is missing at {at}")
    return at + len(wanted)
