from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.speech.pipe import OutOfStep, Worker, read, write


@given(header=st.dictionaries(st.text(), st.text() | st.integers()), body=st.binary())
def test_what_is_written_is_read(header: dict[str, object], body: bytes) -> None:
    pipe = io.BytesIO()
    write(pipe, header, body)
    pipe.seek(0)
    assert read(pipe) == (header, body)


@given(cut=st.integers(min_value=1, max_value=16))
def test_a_message_cut_short_is_an_end_and_not_a_message(cut: int) -> None:
    pipe = io.BytesIO()
    write(pipe, {"a": 1}, b"body")
    with pytest.raises(EOFError):
        read(io.BytesIO(pipe.getvalue()[:-cut]))


def test_an_impossible_length_is_out_of_step() -> None:
    with pytest.raises(OutOfStep):
        read(io.BytesIO(struct.pack("<II", 2**31, 0)))


def test_a_worker_whose_module_does_not_exist_is_gone_at_once() -> None:
    worker = Worker("local.speech.no_such_module")
    try:
        with pytest.raises((EOFError, OSError)):
            worker.ask({})
    finally:
        worker.end()
