"""The local AWS: ministack under supervision, with tables, queues and buckets from template.yaml, and data that survives.

    async with LocalAws(Path(".local/state"), Path("template.yaml")) as aws:
        environment = aws.environ()

ministack is an emulator on loopback, for desks and tests only. It saves its state when it is stopped cleanly; besides, every table
is exported every 30 s, so after a crash (kill -9, power) at most the last 30 s of the tables are lost; queues and schedules then go
back to the last clean stop. What lies in the state folder:

    aws/      the emulator's own state, its scratch space, and the lock that keeps a second one out
    export/   <table>.jsonl, one item per line
    logs/     ministack.log
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal, Self

import httpx

from local.aws_events import load_rules, make_bus
from local.aws_export import export_table, import_table
from local.aws_queues import BucketSpec, QueueSpec, load_buckets, load_queues, make_buckets, make_queues
from local.aws_tables import TableSpec, load_tables
from local.processes import READY_WITHIN_S, ROOT, STOP_WITHIN_S, ChildFailed, free_port, let_others_first

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

EXPORT_EVERY_S = 30.0
REGION = "eu-west-1"
PROFILE = "pokea-local"
SERVICES = "dynamodb,sqs,events,scheduler,s3,secretsmanager,sts,iam,logs,monitoring"
PYTHON = ROOT / ".venv-ministack/bin/python"
CHILD = Path(__file__).with_name("aws_child.py")
PORT_TRIES = 3  # another process may take the free port before the emulator binds it

_log = logging.getLogger(__name__)


class LocalAws:
    """One emulator, as an async context manager. Entering raises ChildFailed or BadTemplate."""

    endpoint_url: str
    tables: tuple[TableSpec, ...]
    queues: tuple[QueueSpec, ...]
    buckets: tuple[BucketSpec, ...]

    def __init__(self, state_dir: Path, template: Path, *, export_every_s: float = EXPORT_EVERY_S) -> None:
        self._template = template
        self._export_every_s = export_every_s
        self._folder = state_dir.resolve() / "aws"
        self._exports = state_dir.resolve() / "export"
        self.log = state_dir.resolve() / "logs/ministack.log"
        self._process: asyncio.subprocess.Process | None = None
        self._exporter: asyncio.Task[None] | None = None
        self._lock: IO[str] | None = None

    async def __aenter__(self) -> Self:
        self.tables = load_tables(self._template)
        self.queues, self.buckets = load_queues(self._template), load_buckets(self._template)
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._end)
            self._lock = await _lock_folder(self._folder)
            crashed = self._prepare_folder()
            await self._start_on_a_free_port()
            await asyncio.to_thread(self._prepare_tables, crashed)
            await asyncio.to_thread(make_buckets, self.s3(), self.buckets, REGION)
            undo.pop_all()
        self._exporter = asyncio.create_task(self._export_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def environ(self) -> dict[str, str]:
        """What a process needs to use this AWS: boto3 reads it from its environment."""
        loopback = "127.0.0.1,localhost"
        no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")), loopback]))
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PROFILE": PROFILE,  # a developer's own profile may be set, and must not be looked for
            "AWS_DEFAULT_PROFILE": PROFILE,
            "AWS_CONFIG_FILE": str(self._folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            **{table.setting: table.name for table in self.tables},
            **{bucket.setting: bucket.name for bucket in self.buckets},
        }

    def queue_environ(self, desk: str) -> dict[str, str]:
        """The settings that name the queues and the bus of one desk, which are made if they are missing."""
        with contextlib.closing(self.sqs()) as sqs, contextlib.closing(self.events()) as events:
            settings, arns = make_queues(sqs, self.queues, desk)
            return {**settings, **make_bus(events, load_rules(self._template), desk, arns)}

    def store_address(self) -> dict[str, str]:
        """Where the tables are, for a process that does not have this environment."""
        environ = self.environ()
        tables = {"table": environ["POKEA_CORE_TABLE"], "cdrs": environ["POKEA_CDRS_TABLE"]}
        return {"endpoint": self.endpoint_url, "region": REGION, **tables}

    def client(self) -> DynamoDBClient:
        """A DynamoDB client for this AWS, whatever the environment says."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    def sqs(self) -> SQSClient:
        client: SQSClient = self._client("sqs")
        return client

    def events(self) -> EventBridgeClient:
        client: EventBridgeClient = self._client("events")
        return client

    def s3(self) -> S3Client:
        client: S3Client = self._client("s3")
        return client

    def _client(self, service: Literal["dynamodb", "events", "sqs", "s3"]) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 3}, proxies={}),
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def failure(self) -> ChildFailed:
        code = self._process.returncode if self._process else None
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-1500:].strip() if self.log.exists() else ""
        return ChildFailed(f"ministack ended with code {code}; the end of {self.log}:\n{tail}")

    async def export(self) -> None:
        """Write every table's export now."""
        await asyncio.to_thread(self._export_tables)

    async def stop(self) -> None:
        """Export, ask the emulator to save and end, and wait for it."""
        if self._exporter is not None:
            self._exporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._exporter
            self._exporter = None
        try:
            if self.running:
                await self.export()
        finally:
            await self._end()

    async def _end(self) -> None:
        await self._end_process()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _prepare_folder(self) -> bool:
        """Whether the last run crashed: then the emulator's own table state is older than the exports, and is removed."""
        for name in ("state", "tmp", "s3"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "config").write_text(f"[profile {PROFILE}]\nregion = {REGION}\n", encoding="utf-8")
        if self._marker.exists():
            return False
        (self._folder / "state/dynamodb.json").unlink(missing_ok=True)
        return True

    @property
    def _marker(self) -> Path:
        return self._folder / "saved"

    async def _start_on_a_free_port(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if not PYTHON.exists():
            raise ChildFailed(f"{PYTHON} is missing: run `make setup`")
        for _ in range(PORT_TRIES):
            port = free_port()
            self.endpoint_url = f"http://127.0.0.1:{port}"
            await self._spawn(port)
            if await self._is_healthy():
                self._marker.unlink(
                    missing_ok=True
                )  # from here on, the state on disk is older than the state in memory
                return
            await self._end_process()
        raise self.failure()

    async def _spawn(self, port: int) -> None:
        assert self._lock is not None
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(PYTHON),
                str(CHILD),
                str(self._marker),
                cwd=self._folder,
                env=self._child_environ(port),
                stdin=asyncio.subprocess.PIPE,  # never written to: its end tells the child that we are gone
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(self._lock.fileno(),),  # the folder stays locked until the child has saved, even if we die
            )
        let_others_first(self._process.pid)

    def _child_environ(self, port: int) -> dict[str, str]:
        scratch = str(self._folder / "tmp")
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": scratch,
            "TMPDIR": scratch,
            "PYTHONUNBUFFERED": "1",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",  # those of `environ`: a link that they signed is checked
            "AWS_SECRET_ACCESS_KEY": "local",
            "SERVICES": SERVICES,
            "LOG_LEVEL": "WARNING",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._folder / "s3"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{scratch}/no-docker",  # never look for containers on a developer's machine
        }

    async def _is_healthy(self) -> bool:
        """Wait until the emulator answers; False if it ended or stayed silent."""
        deadline = time.monotonic() + READY_WITHIN_S
        async with httpx.AsyncClient(trust_env=False, timeout=2.0, verify=False) as http:
            while self.running and time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{self.endpoint_url}/_ministack/health")).is_success:
                        return True
                await asyncio.sleep(0.02)
        return False

    def _prepare_tables(self, crashed: bool) -> None:
        """Make what is missing, restore it from its export after a crash or a changed key schema, and export what there is."""
        client = self.client()
        existing = set(client.list_tables()["TableNames"])
        for table in self.tables:
            if table.name in existing and not table.matches(client.describe_table(TableName=table.name)["Table"]):
                export_table(client, table.name, self._export_path(table))
                client.delete_table(TableName=table.name)
                existing.remove(table.name)
            if table.name not in existing:
                restored = self._create(client, table)
                if restored and not crashed:
                    _log.warning("table %s was rebuilt from its export: %d items", table.name, restored)
        self._export_tables()

    def _create(self, client: DynamoDBClient, table: TableSpec) -> int:
        client.create_table(**table.create)
        if table.ttl_attribute is not None:
            ttl = {"AttributeName": table.ttl_attribute, "Enabled": True}
            client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=ttl)  # type: ignore[arg-type]
        return import_table(client, table.name, self._export_path(table))

    def _export_path(self, table: TableSpec) -> Path:
        return self._exports / f"{table.name}.jsonl"

    def _export_tables(self) -> None:
        client = self.client()
        for table in self.tables:
            export_table(client, table.name, self._export_path(table))

    async def _export_for_ever(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        while True:
            await asyncio.sleep(self._export_every_s)
            try:
                await self.export()
            except (BotoCoreError, ClientError, OSError) as problem:
                _log.warning("the export of the local tables failed: %s", problem)

    async def _end_process(self) -> None:
        """SIGTERM, on which the emulator saves its state; a bounded wait, and only then SIGKILL."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        assert process.stdin is not None
        process.stdin.close()


async def _lock_folder(folder: Path) -> IO[str]:
    """Keep a second emulator out of the folder; one that is just saving its state is waited for."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    deadline = time.monotonic() + STOP_WITHIN_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= deadline:
                lock.close()
                raise ChildFailed(f"another local AWS is running on {folder}") from None
            await asyncio.sleep(0.1)


async def _run(state_dir: Path, template: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with LocalAws(state_dir, template) as aws:
        print(*(f"export {name}={value}" for name, value in aws.environ().items()), sep="\n", flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="the local AWS alone, until Ctrl-C; prints the environment to use it")
    parser.add_argument("--state", type=Path, default=ROOT / ".local/state", help="folder that keeps the data")
    parser.add_argument("--template", type=Path, default=ROOT / "template.yaml")
    arguments = parser.parse_args()
    asyncio.run(_run(arguments.state, arguments.template))


if __name__ == "__main__":
    main()
