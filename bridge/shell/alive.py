"""`python -m bridge.shell.alive`: exits with 0 if the bridge on this machine answers at /livez. The container's own health check, which
needs no shell and loads nothing of the bridge."""

from __future__ import annotations

import http.client
import os
import sys

_TIMEOUT_S = 4.0


def main() -> int:
    port = int(os.environ.get("POKEA_BRIDGE_PORT", "8090"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/livez")
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
