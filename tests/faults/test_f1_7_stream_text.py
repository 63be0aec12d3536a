"""F1.7: text frames as no switch should send them, 100,000 in `make faults`: events or a named refusal, and never anything else."""

from __future__ import annotations

import json
import random
from collections import Counter

from bridge.core.frames import DtmfPressed, MarkReached, StreamMetadata, SwitchNotice, WireError
from bridge.wire.audio_fork import decode_text
from tests.support.sizes import examples

FRAMES, SEED = examples(10_000, 100_000), 1_7
MESSAGES = [
    {"sessionId": "HD_0", "callerNumber": "+254700000000", "metadata": {"a": 1}},
    {"event": "dtmf", "dtmf": "5", "duration": "1600"},
    {"type": "mark", "data": {"name": "m1", "event": "playout"}},
    {"type": "playDone", "data": {"id": 1}},
    {"event": None, "type": None},
    {"event": {"deep": []}},
    {},
]
TEXTS = [json.dumps(message) for message in MESSAGES] + [
    '{"a":1,"a":2}',
    '{"x":NaN}',
    "[" * 10_000,
    "﻿{}",
    '{"k":"' + "x" * 8_000 + '"}',
]


def frame(draw: random.Random) -> bytes:
    raw = "".join(draw.choice(TEXTS) for _ in range(draw.randrange(1, 3))).encode()
    for _ in range(draw.randrange(3)):
        at = draw.randrange(len(raw) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            raw = raw[:at]
        elif kind == 1:
            raw = raw[:at] + bytes([draw.randrange(256)]) + raw[at:]
        elif kind == 2:
            raw = raw[:at] + raw[at + 1 :]
        else:
            raw = raw[at:] + raw[:at]
    return raw


def test_any_text_gives_events_or_a_named_refusal() -> None:
    draw = random.Random(SEED)
    seen: Counter[str] = Counter()
    for _ in range(FRAMES):
        try:
            events = decode_text(frame(draw))
        except WireError as refusal:
            assert refusal.code.isidentifier()
            seen[refusal.code] += 1
        else:
            assert all(isinstance(event, StreamMetadata | DtmfPressed | MarkReached | SwitchNotice) for event in events)
            seen["taken"] += 1
    assert seen["taken"] > FRAMES / 5
    assert len(seen) >= 6
