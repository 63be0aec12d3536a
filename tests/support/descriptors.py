"""What a process holds on to."""

from __future__ import annotations

from pathlib import Path


def open_descriptors(pid: int | str = "self") -> int:
    """Files, sockets and pipes that a process has open (Linux)."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_bytes(pid: int | str = "self") -> int:
    """Memory of a process that is in RAM (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def threads(pid: int | str = "self") -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
