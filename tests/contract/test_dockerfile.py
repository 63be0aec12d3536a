"""bridge/Dockerfile: what must hold of the image. `make build` asks hadolint as well; tests/faults runs its steps."""

from __future__ import annotations

import re

from tests.contract.test_template import RESOURCES, ROOT

TEXT = (ROOT / "bridge/Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
LAST_STAGE = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]


def of(word: str, lines: list[str] = LINES) -> list[str]:
    return [line.removeprefix(word).strip() for line in lines if line.startswith(word + " ")]


def test_every_stage_is_of_one_base_with_an_exact_version_that_a_digest_can_replace() -> None:
    (base,) = of("ARG")
    assert re.fullmatch(r"BASE=python:3\.\d+\.\d+-slim-[a-z]+", base)
    assert [line.split(" ")[0] for line in of("FROM")] == ["${BASE}", "${BASE}"]


def test_packages_come_with_their_hashes_and_as_wheels() -> None:
    (install,) = [line for line in of("RUN") if "install" in line and "bridge.txt" in line]
    assert "--require-hashes" in install and "--only-binary :all:" in install
    assert "apt-get" not in TEXT and "curl" not in TEXT and not of("ADD")


def test_the_last_stage_runs_no_installer_and_is_nobody() -> None:
    assert not any("pip" in line for line in of("RUN", LAST_STAGE))
    (user,) = of("USER", LAST_STAGE)
    assert user.isdigit() and int(user) >= 10_000  # a number, so that whoever forbids root can see that it is none
    assert LAST_STAGE.index(f"USER {user}") > max(LAST_STAGE.index(line) for line in LAST_STAGE if "RUN" in line)


def test_the_bridge_gets_its_signals_and_says_whether_it_lives() -> None:
    (command,) = of("CMD", LAST_STAGE)
    assert command == '["python", "-m", "bridge"]'  # no shell between ECS and the process that drains
    assert of("STOPSIGNAL", LAST_STAGE) == ["SIGTERM"]
    (check,) = of("HEALTHCHECK", LAST_STAGE)
    assert check.endswith('CMD ["python", "-m", "bridge.shell.alive"]')


def test_the_one_folder_that_is_written_to_is_a_volume_of_its_user() -> None:
    """A volume takes owner and mode from the folder in the image; a root-owned one could not be written to."""
    (volume,) = of("VOLUME", LAST_STAGE)
    (mount,) = RESOURCES["BlueTask"]["Properties"]["ContainerDefinitions"][0]["MountPoints"]
    assert volume == f'["{mount["ContainerPath"]}"]'
    made = next(line for line in LAST_STAGE if "install -d" in line)
    assert "-o pokea" in made and mount["ContainerPath"] in made
    assert LAST_STAGE.index(made) < LAST_STAGE.index(f"VOLUME {volume}")


def test_nothing_is_copied_but_the_lock_the_layer_and_the_bridge() -> None:
    sources = [line.split(" ")[0] for line in of("COPY") if not line.startswith("--from")]
    assert sources == ["requirements/bridge.txt", "layers/core/pokea", "bridge"]
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(allowed) == sorted(sources)
    secrets = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD)\s*=", re.IGNORECASE)
    assert not secrets.search(TEXT)
