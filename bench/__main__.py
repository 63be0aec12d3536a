"""`make bench`: every measurement that the README quotes; exits non-zero when a bound fails.

Each measurement is a module with `main() -> int` that prints its figures. They run one after another, each in a fresh process, because
they share two cores with nothing else.
"""

from __future__ import annotations

import subprocess
import sys

MEASUREMENTS = ("bench.import_cost", "bench.voice_hook", "bench.recognition")


def main() -> int:
    failed = []
    for module in MEASUREMENTS:
        print(f"== {module}", flush=True)
        if subprocess.run([sys.executable, "-m", module], check=False).returncode:
            failed.append(module)
    print("every bound holds" if not failed else f"out of bounds: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
