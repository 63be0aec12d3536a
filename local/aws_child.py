"""Runs the emulator in its own environment: `<ministack python> local/aws_child.py <marker file>`.

Ends it cleanly when its supervisor is gone, however that died: the supervisor holds the other end of standard input. Once the
emulator has saved its state, the marker file says so; without it, the saved state is older than the last export.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path


def stop_when_orphaned() -> None:
    while os.read(0, 1):  # unbuffered: a buffered reader blocked in a daemon thread aborts the interpreter's shutdown
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    marker = Path(sys.argv[1])
    saved = Path(os.environ["STATE_DIR"]) / "dynamodb.json"
    started = time.time()
    threading.Thread(target=stop_when_orphaned, daemon=True).start()
    sys.argv = ["ministack"]
    importlib.import_module("ministack.app").main()
    if saved.exists() and saved.stat().st_mtime >= started:
        marker.touch()


if __name__ == "__main__":
    main()
