"""What the relays in Python share: the addresses, the messages of the model's wire, and the cheapest resampling that keeps the pace."""

from __future__ import annotations

import os

import numpy as np

SUBPROTOCOL = "audio.drachtio.org"
SETUP = b'{"setup":{"model":"models/any","generationConfig":{"responseModalities":["AUDIO"]}}}'
AUDIO_HEAD = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"'
AUDIO_TAIL = b'"}}}'


def phone_port() -> int:
    return int(os.environ["PHONE_PORT"])


def model_url() -> str:
    return os.environ["MODEL_URL"]


def to_16k(pcm: bytes) -> bytes:
    """24 → 16 kHz by linear interpolation, every chunk on its own: no filter, so it aliases. Cheaper than anything one would ship."""
    samples = np.frombuffer(pcm, "<i2")
    triples = len(samples) // 3
    three = samples[: triples * 3].reshape(triples, 3)
    two = np.empty((triples, 2), "<i2")
    two[:, 0] = three[:, 0]
    two[:, 1] = (three[:, 1] >> 1) + (three[:, 2] >> 1)
    return two.tobytes()
