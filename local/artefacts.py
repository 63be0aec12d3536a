"""What `sam build` made, measured: unpacked size of each function with its layer, and whether bytecode of the right Python is in it.

    python -m local.artefacts .aws-sam/build --runtime 3.12

Exits with 1 if a function with its layer is larger than Lambda takes, or one lacks its handler.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.gateway_template import BadTemplate, functions_of, read_template

LIMIT_MB = 250.0  # unpacked, function and layers together
LAYER = "CoreLayer"


@dataclass(frozen=True, slots=True)
class Artefact:
    """One folder. `bytecode`: the tags of what is compiled in it, such as "cpython-312"."""

    name: str
    folder: Path
    megabytes: float
    sources: int
    bytecode: Mapping[str, int]

    def is_compiled_for(self, tag: str) -> bool:
        """Of nearly every source: a few packages ship templates of modules, which are none."""
        return set(self.bytecode) == {tag} and self.bytecode[tag] >= self.sources * 0.98


def measure(name: str, folder: Path) -> Artefact:
    size, sources, bytecode = 0, 0, dict[str, int]()
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        size += path.stat().st_size
        if path.suffix == ".py":
            sources += 1
        elif path.suffix == ".pyc":
            tag = path.stem.rpartition(".")[2]
            bytecode[tag] = bytecode.get(tag, 0) + 1
    return Artefact(name, folder, size / 1_000_000, sources, bytecode)


def functions_in(build: Path) -> dict[str, str]:
    """Logical id to handler, as the built template names them. Raises BadTemplate."""
    template = read_template(build / "template.yaml")
    handlers = {function.handler for function in functions_of(template)}
    named = {
        name: str(resource["Properties"]["Handler"])
        for name, resource in template["Resources"].items()
        if resource.get("Type") == "AWS::Serverless::Function"
    }
    if set(named.values()) != handlers:
        raise BadTemplate(f"{build}: functions without a handler of their own")
    return named


def breaches(layer: Artefact, artefacts: Sequence[Artefact], handlers: Mapping[str, str]) -> list[str]:
    found = [
        f"{artefact.name}: {artefact.megabytes + layer.megabytes:.0f} MB with its layer, and Lambda takes {LIMIT_MB:.0f}"
        for artefact in artefacts
        if artefact.megabytes + layer.megabytes > LIMIT_MB
    ]
    for artefact in artefacts:
        module = handlers[artefact.name].rpartition(".")[0].replace(".", "/") + ".py"
        if not (artefact.folder / module).is_file():
            found.append(f"{artefact.name}: {module} is not in it")
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.artefacts")
    parser.add_argument("build", type=Path)
    parser.add_argument(
        "--runtime", default=f"{sys.version_info[0]}.{sys.version_info[1]}", help="default: this Python"
    )
    chosen = parser.parse_args(arguments)
    tag = "cpython-" + chosen.runtime.replace(".", "")
    handlers = functions_in(chosen.build)
    layer = measure(LAYER, chosen.build / LAYER)
    artefacts = [measure(name, chosen.build / name) for name in sorted(handlers)]
    for artefact in (layer, *artefacts):
        compiled = (
            f"bytecode of {tag}" if artefact.is_compiled_for(tag) else f"NO bytecode of {tag}: slower cold starts"
        )
        print(f"{artefact.name:<22}{artefact.megabytes:8.1f} MB  {compiled}")
    problems = breaches(layer, artefacts, handlers)
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
