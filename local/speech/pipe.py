"""Questions to a worker process over its stdin, answers from its stdout, and the worker's side of it.

A message is two lengths (4 bytes each, little-endian), then a JSON header and a body of so many bytes. The worker ends when its stdin
ends, so it never outlives the process that asks.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

_LENGTHS = struct.Struct("<II")
_MAX_BYTES = 64 * 1024 * 1024
_REPOSITORY = Path(__file__).parents[2]

Header = Mapping[str, Any]
Answer = tuple[dict[str, Any], bytes]


class OutOfStep(Exception):
    """A length that no message has: the two ends no longer agree where one begins."""


def write(pipe: IO[bytes], header: Header, body: bytes = b"") -> None:
    encoded = json.dumps(header).encode()
    pipe.write(_LENGTHS.pack(len(encoded), len(body)) + encoded + body)
    pipe.flush()


def read(pipe: IO[bytes]) -> Answer:
    """Raises EOFError when the other end is gone, OutOfStep on nonsense."""
    header_size, body_size = _LENGTHS.unpack(_exactly(pipe, _LENGTHS.size))
    if header_size + body_size > _MAX_BYTES:
        raise OutOfStep(f"{header_size} + {body_size} bytes")
    return json.loads(_exactly(pipe, header_size)), _exactly(pipe, body_size)


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    found = pipe.read(count)
    if len(found) < count:
        raise EOFError("the other end of the pipe is gone")
    return found


class Worker:
    """A process that runs a module of this repository which calls `serve`. Used by one thread at a time."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the libraries write their own diagnostics there
            cwd=_REPOSITORY,
        )
        self.pid = self._process.pid

    def ask(self, header: Header, body: bytes = b"") -> Answer:
        """Raises EOFError or OSError when the worker is gone."""
        to_worker, from_worker = self._process.stdin, self._process.stdout
        assert to_worker is not None and from_worker is not None  # both are pipes
        if to_worker.closed:
            raise EOFError("the worker was ended")
        write(to_worker, header, body)
        return read(from_worker)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def serve(answer: Callable[[dict[str, Any], bytes], tuple[Header, bytes]]) -> None:
    """The worker's side: answers until its stdin ends. Anything that a library prints goes nowhere, not into the protocol."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    while True:
        try:
            header, body = read(sys.stdin.buffer)
        except (EOFError, OutOfStep):
            return
        write(answers, *answer(header, body))
