"""`[support]`: how callers are verified, and what can be fixed."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from pokea.accounts import SECRET_FACTORS, Factor
from pokea.support import Fix, Step, SupportRules
from pokea.tables.base import Key, Language, Spoken, Table, in_every_language


def _instruction(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be words that can be spoken")
    if not text.rstrip().endswith("?"):
        raise ValueError("must end with a question that yes answers where it helped")
    return text


Instruction = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_instruction)]
Names = Annotated[list[Spoken], Field(min_length=1, max_length=20)]
Factors = Annotated[list[str], Field(max_length=3)]


class StepTable(Table):
    say: dict[Language, Instruction]


class FixTable(Table):
    key: Key
    names: dict[Language, Names]
    steps: Annotated[list[StepTable], Field(min_length=1, max_length=12)]


class SupportTable(Table):
    factors: Factors = [Factor.PIN.value]
    factors_by_number: Factors = []
    pin_digits: Annotated[int, Field(ge=4, le=8)] = 4
    escalate_to: Key | None = None
    areas: Annotated[dict[Key, dict[Language, Names]], Field(max_length=500)] = {}
    fixes: Annotated[list[FixTable], Field(max_length=50)] = []

    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""
        _check_factors("support.factors", self.factors, at_least=1)
        if self.factors_by_number:
            _check_factors("support.factors_by_number", self.factors_by_number, at_least=2)
        keys = [fix.key for fix in self.fixes]
        if len(set(keys)) != len(keys):
            raise ValueError("support.fixes: two fixes have the same key")
        for fix in self.fixes:
            in_every_language(fix.names, languages, f"support.fixes.{fix.key}.names")
            for step in fix.steps:
                in_every_language(step.say, languages, f"support.fixes.{fix.key}.steps.say")
        for key, names in self.areas.items():
            in_every_language(names, languages, f"support.areas.{key}")

    def rules(self) -> SupportRules:
        return SupportRules(
            factors=tuple(Factor(name) for name in self.factors),
            factors_by_number=tuple(Factor(name) for name in self.factors_by_number),
            pin_digits=self.pin_digits,
            escalate_to=self.escalate_to or "",
            areas={key: _tuples(names) for key, names in self.areas.items()},
            fixes={
                fix.key: Fix(fix.key, _tuples(fix.names), tuple(Step(step.say) for step in fix.steps))
                for fix in self.fixes
            },
        )


def _tuples(names: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {language: tuple(spoken) for language, spoken in names.items()}


def _check_factors(key: str, names: list[str], *, at_least: int) -> None:
    if unknown := set(names) - set(Factor):
        raise ValueError(f"{key}: {sorted(unknown)[0]!r} is not one of {', '.join(Factor)}")
    if len(set(names)) != len(names) or len(names) < at_least:
        raise ValueError(f"{key}: needs at least {at_least} different ones")
    if not set(names) & SECRET_FACTORS:
        raise ValueError(f"{key}: needs pin or birth_date: a number and a name alone open nothing")
