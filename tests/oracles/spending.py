"""What the calls of a day cost a business, second by second: the other side of the books. Knows nothing of the product's.

Every call is billed by the begun second at its own price, so the exposure at a moment is what has been talked until then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

CENT = 10_000  # micro-units


@dataclass
class Talk:
    """A call that rings from `began_s` on and talks from its first second, unless it `talks` not at all."""

    began_s: float
    minute_micros: tuple[int, ...]  # of each leg
    talks_s: int
    is_settled: bool = False

    def cost(self, seconds: float) -> int:
        talked = ceil(min(seconds, self.talks_s))
        return sum(ceil(micros * talked / (60 * CENT)) * CENT for micros in self.minute_micros)

    def so_far(self, now_s: float) -> int:
        return self.cost(now_s - self.began_s)

    @property
    def in_full(self) -> int:
        return self.cost(self.talks_s)

    def is_on(self, now_s: float) -> bool:
        return now_s - self.began_s < self.talks_s


@dataclass
class Day:
    talks: list[Talk] = field(default_factory=list)

    def exposure(self, now_s: float) -> int:
        return sum(talk.so_far(now_s) for talk in self.talks)

    @property
    def in_full(self) -> int:
        return sum(talk.in_full for talk in self.talks)

    def on(self, now_s: float) -> list[Talk]:
        return [talk for talk in self.talks if talk.is_on(now_s)]
