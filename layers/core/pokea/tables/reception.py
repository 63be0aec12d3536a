"""`[reception]`: what the receptionist knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pokea.errors import RejectedInput
from pokea.knowledge import Knowledge, Passage, parse
from pokea.knowledge_words import folded
from pokea.reception import ReceptionRules
from pokea.tables.base import LANGUAGES, Language, Spoken, Table, in_every_language

MAX_FILE_BYTES = 2_000_000
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,80}\.(md|csv)$")]
LongSpoken = Annotated[str, Field(min_length=1, max_length=400)]


class ReceptionTable(Table):
    """knowledge: files beside the profile; "x.sw.md" is in Swahili, "x.md" in the business's first language."""

    knowledge: Annotated[list[FileName], Field(min_length=1, max_length=20)]
    directions: dict[Language, LongSpoken] = {}

    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""
        if self.directions:
            in_every_language(self.directions, languages, "reception.directions")

    def rules(self, folder: Path, language: str, name: Spoken) -> ReceptionRules:
        """Reads the knowledge that stands in `folder`. Raises RejectedInput, which names the file."""
        passages = [passage for file in self.knowledge for passage in _passages(folder / file, language)]
        return ReceptionRules(
            knowledge=Knowledge(tuple(passages), frozenset(folded(name).split())), directions=self.directions
        )


def _passages(path: Path, language: str) -> tuple[Passage, ...]:
    try:
        content = path.read_bytes()
        if len(content) > MAX_FILE_BYTES:
            raise RejectedInput("bad_knowledge", f"is larger than {MAX_FILE_BYTES} bytes")
        passages = parse(content.decode("utf-8"), _language_of(path, language), is_csv=path.suffix == ".csv")
        unknown = next((passage.language for passage in passages if passage.language not in LANGUAGES), None)
        if unknown is not None:
            raise RejectedInput("bad_knowledge", f"{unknown[:20]!r} is not one of {', '.join(LANGUAGES)}")
    except RejectedInput as problem:
        raise RejectedInput(problem.code, f"{path.name} {problem.message}") from None
    except OSError as problem:
        raise RejectedInput("bad_knowledge", f"{path.name} cannot be read ({problem.strerror})") from None
    except UnicodeDecodeError:
        raise RejectedInput("bad_knowledge", f"{path.name} is not UTF-8 text") from None
    return passages


def _language_of(path: Path, default: str) -> str:
    """From "x.sw.md"."""
    named = path.stem.rpartition(".")[2]
    return named if named in LANGUAGES else default
