"""Reads a contact list in a process of its own, whose memory nothing else has used: `python -m tests.support.read_list FILE`.
With `--keep` it keeps what it reads, as a careless reader would.

Prints how many entries it found, and by how many bytes the process grew after the first thousand of them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from pokea.campaigns.listing import ContactList, Imported
from pokea.campaigns.lists.rows import list_file
from tests.support.contact_lists import NOW, csv_of, definition, entries_of, person

WARM = 1_000


def peak_bytes() -> int:
    """Of this program alone: what getrusage says begins with the peak of whoever started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+([0-9]+) kB", status)[1]) * 1_024  # type: ignore[index]


def main(path: Path) -> None:
    entries_of(csv_of([person(f"0712{number:06}") for number in range(WARM)]))
    before = peak_bytes()
    contacts = merged = rejected = 0
    entries = ContactList(list_file(lambda: path.open("rb"), path.name), definition()).entries(NOW)
    for one in list(entries) if "--keep" in sys.argv else entries:
        if isinstance(one, Imported):
            contacts += 1
            merged += len(one.merged)
        else:
            rejected += 1
    print(json.dumps({"contacts": contacts, "merged": merged, "rejected": rejected, "grown": peak_bytes() - before}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
