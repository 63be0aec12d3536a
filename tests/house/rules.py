"""House rules that no linter knows: size of functions and files, where a broad except may stand, what text may not appear.

Run by `make check` as `python -m tests.house.rules`; prints every breach and exits non-zero if there is one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("layers/", "functions/", "bridge/", "local/", "bench/")
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 600

# The three doors are a Lambda handler, the task of a call and a process's main: each logs type and ids, counts, and ends in a defined
# state. Nobody else may catch everything.
DOORS = re.compile(
    r"(^functions/\w+/app\.py|^layers/core/pokea/adapters/api_answers\.py|^bridge/shell/call_task\.py|^local/live_server\.py|(^|/)__main__\.py|^local/cli/main\.py|^local/gateway\w*\.py)$"
)

# The project speaks for itself: no machine's paths, no package host.
FORBIDDEN_TEXT = {
    "a path of some machine": re.compile(r"(?<![\w.$}/])/(work|root|farm|home/\w+)/"),
    "a package index host": re.compile(r"files\.pythonhosted|pypi\.org/simple|index-url\s*=?\s*http"),
    "unfinished work": re.compile(r"\b(TODO|FIXME|XXX)\b"),
}


def tracked(*patterns: str) -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")) for kind in kinds
    )


def source_breaches(name: str, source: str) -> Iterator[str]:
    """Breaches of the size and except rules in one product file; `name` is its path from the root."""
    if (lines := source.count("\n")) > MAX_FILE_LINES:
        yield f"{name}: {lines} lines (at most {MAX_FILE_LINES}): the module has two jobs"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines (at most {MAX_FUNCTION_LINES})"
        elif isinstance(node, ast.ExceptHandler) and is_broad(node) and not DOORS.search(name):
            yield f"{name}:{node.lineno}: a broad except outside the three doors"


def text_breaches(name: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FORBIDDEN_TEXT.items():
            if pattern.search(line):
                yield f"{name}:{number}: {what}"


def breaches() -> Iterator[str]:
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if name == "tests/house/rules.py" or path.suffix in (".wav", ".png"):
            continue
        text = path.read_text(encoding="utf-8")
        yield from text_breaches(name, text)
        if path.suffix == ".py" and name.startswith(PRODUCT):
            yield from source_breaches(name, text)


def main() -> int:
    found = sorted(breaches())
    print("\n".join(found) or "house rules: kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
