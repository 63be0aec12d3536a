"""Copies of an example business, one for each strand of the demo, so that strands do not see each other's diary."""

from __future__ import annotations

import re
from pathlib import Path

from local.stack import PROFILES

FIRST_NUMBER = 254_711_000_100


def write_copies(example: str, count: int, folder: Path) -> list[str]:
    """Write `count` copies of the example profile into `folder` and return their numbers.

    A copy has its own id and number, and no closed days: the demo must not depend on the date on which it is run.
    """
    source = (PROFILES / f"{example}.toml").read_text(encoding="utf-8")
    source, dropped = re.subn(r"(?m)^closed_days = \[[^\]]*\]$", "closed_days = []", source)
    assert dropped == 1, f"{example}.toml has no closed_days to leave out"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.toml"):
        old.unlink()
    numbers = []
    for index in range(count):
        number = f"+{FIRST_NUMBER + index}"
        copy = re.sub(r'(?m)^id = ".*"$', f'id = "{example}-{index:02d}"', source, count=1)
        copy = re.sub(r'(?m)^number = ".*"$', f'number = "{number}"', copy, count=1)
        (folder / f"{example}-{index:02d}.toml").write_text(copy, encoding="utf-8")
        numbers.append(number)
    return numbers
