"""Real servers on loopback: a redis-server, one with TLS, a Sentinel group, a cluster."""

import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
import redis

SERVICE = "mails"  # the master's name among the sentinels
SENTINEL_PASSWORD = "only sentinels"


def require(program: str, package: str, switch: str = "FYKE_REQUIRE_REDIS") -> None:
    """Skip without a program, except where CI requires it by a variable."""
    if shutil.which(program) is None:
        if os.environ.get(switch):
            pytest.fail(f"{program} is required here: apt install {package}")
        pytest.skip(f"{program} is not installed (apt install {package})")


# Below what systems give to outgoing connections, and far apart in processes that run tests at the same time.
_PORTS = itertools.count(20_000 + os.getpid() * 97 % 12_000)


def free_port() -> int:
    """A port that nobody listens on, and that neither a client nor another test is given meanwhile."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait, within bounds, until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.02)


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Processes that hold their connections and answer nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@dataclass
class RedisServer:
    """A redis-server process on loopback."""

    process: subprocess.Popen[bytes]
    port: int
    tls_port: int = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        return self.process.pid

    def client(self, **options: object) -> "redis.Redis":
        return redis.Redis(port=self.port, **options)

    def ask(self, *command: object) -> object:
        """The reply to one command."""
        with self.client() as client:
            return client.execute_command(*command)

    def info(self, section: str) -> dict[str, Any]:
        with self.client() as client:
            return dict(client.info(section))

    def calls(self, command: str, count: str = "calls") -> int:
        """How often it has run a command; how often it refused to, by ``rejected_calls``."""
        found = self.info("commandstats").get(f"cmdstat_{command}", {})
        return int(found.get(count, 0))

    def stop(self) -> None:
        """Kill it and wait for its end."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def start_redis(port: int, *options: str, ready: bytes = b"eady to accept connections") -> RedisServer:
    return _start(port, *options).ready(ready)


@dataclass
class _Starting:
    process: subprocess.Popen[bytes]
    port: int

    def ready(self, marker: bytes = b"eady to accept connections") -> RedisServer:
        """Wait until it says so."""
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if marker in line:
                break
        else:
            raise RuntimeError(f"redis-server did not start: {b''.join(said).decode()}")
        threading.Thread(target=_drain, args=[self.process.stdout], daemon=True).start()
        return RedisServer(self.process, self.port)


def _start(port: int, *options: str) -> _Starting:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *options]
    return _Starting(subprocess.Popen(command, stdout=subprocess.PIPE), port)


def _drain(stream: IO[bytes]) -> None:
    with suppress(ValueError):  # closed by `RedisServer.stop`
        stream.read()


@contextmanager
def running(*options: str) -> Iterator[RedisServer]:
    """One redis-server."""
    require("redis-server", "redis-server")
    server = start_redis(free_port(), *options)
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Certificates:
    """Files of a certificate authority and of a server at 127.0.0.1 that it vouches for."""

    ca: Path
    certificate: Path
    key: Path

    def options(self) -> tuple[str, ...]:
        """What a redis-server needs that wants no certificate of its clients."""
        return (
            *("--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.key)),
            *("--tls-ca-cert-file", str(self.ca), "--tls-auth-clients", "no"),
        )


def make_certificates(directory: Path) -> Certificates:
    """A new authority and a certificate of its own making; skipped without the openssl program."""
    require("openssl", "openssl")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    authority = ("-addext", "keyUsage=critical,keyCertSign")
    server = "subjectAltName=IP:127.0.0.1,DNS:localhost\nauthorityKeyIdentifier=keyid\n"
    (directory / "server.ext").write_text(server)
    commands: Sequence[Sequence[str]] = [
        ["req", "-x509", *key, *authority, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "2"],
        ["req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=test server"],
        [
            *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-extfile", "server.ext", "-out", "server.pem", "-days", "2"),
        ],
    ]
    for command in commands:
        subprocess.run(["openssl", *command], cwd=directory, check=True, capture_output=True)
    return Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")


@dataclass
class SentinelGroup:
    """A master, its replica and three sentinels that watch them."""

    master: RedisServer
    replica: RedisServer
    sentinels: list[RedisServer]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}?sentinel_password={SENTINEL_PASSWORD.replace(' ', '%20')}"


@contextmanager
def sentinel_group(directory: Path, *, down_after_ms: int) -> Iterator[SentinelGroup]:
    """The sentinels know one another from their files, so the group is whole at once."""
    require("redis-server", "redis-server")
    with ExitStack() as stack:
        at_once = ("--dir", str(directory), "--repl-diskless-sync-delay", "0")  # no second replica is to come
        master = stack.enter_context(running(*at_once))
        replica = stack.enter_context(running(*at_once, "--replicaof", f"127.0.0.1 {master.port}"))
        until(lambda: replica.info("replication")["master_link_status"] == "up")
        ports = [free_port() for _ in range(3)]
        names = [secrets.token_hex(20) for _ in ports]
        sentinels = []
        for port, name in zip(ports, names, strict=True):
            file = directory / f"sentinel-{port}.conf"
            others = [(known, other) for known, other in zip(ports, names, strict=True) if other != name]
            file.write_text(_sentinel_file(port, name, others, master.port, replica.port, directory, down_after_ms))
            command = ["redis-server", str(file), "--sentinel"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            sentinels.append(_Starting(process, port).ready(b"+monitor master"))
            stack.callback(sentinels[-1].stop)

        def whole(sentinel: RedisServer) -> bool:
            with sentinel.client(password=SENTINEL_PASSWORD) as client:
                state = client.sentinel_master(SERVICE)
                return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2 and state["is_master"])

        until(lambda: all(map(whole, sentinels)))
        yield SentinelGroup(master, replica, sentinels)


def _sentinel_file(
    port: int, name: str, others: list[tuple[int, str]], master: int, replica: int, directory: Path, down_after_ms: int
) -> str:
    lines = [
        *(f"port {port}", "bind 127.0.0.1", f"dir {directory}", f"sentinel myid {name}"),
        *(f'requirepass "{SENTINEL_PASSWORD}"', f'sentinel sentinel-pass "{SENTINEL_PASSWORD}"'),
        f"sentinel monitor {SERVICE} 127.0.0.1 {master} 2",
        f"sentinel down-after-milliseconds {SERVICE} {down_after_ms}",
        f"sentinel failover-timeout {SERVICE} 3000",
        f"sentinel known-replica {SERVICE} 127.0.0.1 {replica}",
        *(f"sentinel known-sentinel {SERVICE} 127.0.0.1 {known} {other}" for known, other in others),
    ]
    return "\n".join(lines) + "\n"


@dataclass
class Cluster:
    """Primaries that share the slots evenly; a replica of the first one, if there is one, comes last."""

    primaries: list[RedisServer]
    replicas: list[RedisServer] = field(default_factory=list)

    @property
    def nodes(self) -> list[RedisServer]:
        return [*self.primaries, *self.replicas]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in self.primaries)

    def owner(self, key: str) -> RedisServer:
        """The primary that a key began with."""
        slot = redis.crc.key_slot(key.encode())
        return next(node for node, last in zip(self.primaries, _last_slots(), strict=True) if slot <= last)


def _last_slots() -> list[int]:
    return [5460, 10922, 16383]


@contextmanager
def cluster(directory: Path, *options: str, replica: bool = False) -> Iterator[Cluster]:
    """Three primaries, and a replica of the first one; ready in little more than the 2 s that a node insists on."""
    require("redis-server", "redis-server")
    with ExitStack() as stack:
        starting = []
        for number in range(4 if replica else 3):
            port, bus = free_port(), free_port()
            own = ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--dir", str(directory))
            file = ("--cluster-config-file", f"nodes-{number}.conf", "--repl-diskless-sync-delay", "0")
            starting.append((_start(port, *own, *file, *options), bus))
        nodes = [one.ready() for one, _ in starting]
        for node in nodes:
            stack.callback(node.stop)
        first = 0
        for node, last in zip(nodes, _last_slots(), strict=False):
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
            first = last + 1
        for node, other in itertools.permutations(range(len(nodes)), 2):  # all of them, not to wait for gossip
            nodes[node].ask("CLUSTER", "MEET", "127.0.0.1", nodes[other].port, starting[other][1])
        whole = Cluster(nodes[:3], nodes[3:])
        until(lambda: all(_knows_all(node, len(nodes)) for node in nodes))
        for node in whole.replicas:
            primary = nodes[0].ask("CLUSTER", "MYID")
            until(lambda node=node, primary=primary: node.ask("CLUSTER", "REPLICATE", primary))
            until(lambda node=node: node.info("replication").get("master_link_status") == "up")
            until(lambda: all(b"slave " in node.ask("CLUSTER", "NODES") for node in nodes))
        yield whole


def _knows_all(node: RedisServer, count: int) -> bool:
    state = bytes(node.ask("CLUSTER", "INFO"))  # type: ignore[arg-type]
    return b"cluster_state:ok" in state and b"cluster_known_nodes:%d\r" % count in state
