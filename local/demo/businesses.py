"""Copies of an example business, one for each strand of the demo, so that strands do not see each other's diary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.stack import PROFILES

FIRST_NUMBER = 254_711_000_100


@dataclass(frozen=True)
class Copy:
    """index: unlike that of any other copy, whatever its folder. track, rate_hz: as `[line]` names them."""

    index: int
    track: str = "inbound_track"
    rate_hz: int = 16_000

    @property
    def number(self) -> str:
        return f"+{FIRST_NUMBER + self.index}"


def write_copies(example: str, copies: Sequence[Copy], folder: Path) -> None:
    """Write copies of the example profile into `folder`, in their order.

    A copy has its own id, number and line, and no closed days: the demo must not depend on the date on which it is run.
    """
    source = (PROFILES / f"{example}.toml").read_text(encoding="utf-8")
    source, dropped = re.subn(r"(?m)^closed_days = \[[^\]]*\]$", "closed_days = []", source)
    assert dropped == 1, f"{example}.toml has no closed_days to leave out"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.toml"):
        old.unlink()
    for copy in copies:
        business = f"{example}-{copy.index:03d}"
        text = source
        for key, value in (
            ("id", f'"{business}"'),
            ("number", f'"{copy.number}"'),
            ("track", f'"{copy.track}"'),
            ("rate_hz", str(copy.rate_hz)),
        ):
            text, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text, count=1)
            assert found == 1, f"{example}.toml names no {key}"
        (folder / f"{business}.toml").write_text(text, encoding="utf-8")
