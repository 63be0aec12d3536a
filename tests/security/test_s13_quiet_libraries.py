"""What libraries log by themselves: an address of a card or a calendar holds the secret that opens it."""

from __future__ import annotations

import logging

import pytest

from functions.api import app as api_app
from tests.support.control_plane import posted
from tests.support.lambda_thread import lambda_thread

TOKEN = "a-bearer-secret-in-a-path"


@pytest.mark.parametrize("path", [f"/cards/{TOKEN}", f"/calendar/{TOKEN}.ics"])
def test_no_library_logs_the_secret_in_a_path(path: str, caplog: pytest.LogCaptureFixture) -> None:
    event = posted(path, b"", secret=None, headers={"host": "api.example.com"})
    event["requestContext"]["http"] |= {
        "method": "GET",
        "sourceIp": "127.0.0.1",
        "protocol": "HTTP/1.1",
        "userAgent": "",
    }
    with lambda_thread() as worker, caplog.at_level(logging.INFO):
        worker.submit(api_app.handler, event, None).result()
    api_app._adapter.cache_clear()
    assert TOKEN not in caplog.text and not any(TOKEN in str(record.args) for record in caplog.records)
