"""From a URL to a server: what is refused and with what words, credentials, TLS, and the rights that are needed."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from fyke.cache.opening import open_cache
from fyke.cache.redis import RedisStore
from fyke.cache.store import Write
from fyke.errors import StoreError
from tests.cache.stores import COMMANDS, MINUTE, RIGHTS, VALUE, Heard, opened
from tests.conftest import RedisServer
from tests.servers import (
    Certificates,
    Cluster,
    SentinelGroup,
    make_certificates,
)

pytestmark = pytest.mark.anyio

CLUSTER_COMMANDS = ("cluster|slots", "command")  # what the user needs on a cluster besides `COMMANDS`


async def refused(url: str, match: str, *, patience: float = 2.0) -> None:
    """Whatever is asked, the answer is a StoreError that says why; and nothing waits for long."""
    async with opened(url, patience=patience) as store:
        for ask in (
            store.ping,
            lambda: store.get_many(["fyke:1:a"]),
            lambda: store.set_many([Write("fyke:1:a", b"", 1)]),
        ):
            started = time.perf_counter()
            with pytest.raises(StoreError, match=match):
                await ask()
            assert time.perf_counter() - started < 1.5


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("redis://localhost:port/0", "[Pp]ort"),
        ("redis://localhost?decode_responses=true", "'decode_responses' is not known here"),
        ("redis://localhost?ssl_ca_certs=ca.pem", "'rediss'"),
        ("rediss://localhost?ssl_no_such=1", "ssl_no_such"),
        ("rediss://localhost?ssl_cert_reqs=perhaps", "perhaps"),
        ("redis://localhost?protocol=4", "protocol"),
        ("redis+sentinel://localhost:26379", "name the service"),
        ("redis+sentinel:///mails", "names no host"),
        ("redis+sentinel://localhost/mails/one", "invalid literal"),
        ("redis+sentinel://localhost/mails?sentinel_color=red", "'sentinel_color' is not known here"),
        ("redis+cluster://", "names no host"),
        ("redis+cluster://localhost?ssl_ca_certs=ca.pem", "'rediss'"),
        ("rediss+cluster://localhost?ssl_no_such=1", "ssl_no_such"),
        ("redis+cluster://localhost?sentinel_password=x", "'sentinel_password' is not known here"),
    ],
)
async def test_a_url_that_cannot_be_is_refused_at_once(url: str, match: str) -> None:
    """Before anything is asked, and with a text that says what is wrong with it."""
    with pytest.raises(StoreError, match=f"The cache URL cannot be read: .*{match}"):
        RedisStore(url)


async def test_a_wrong_password_is_said(shared_redis: RedisServer) -> None:
    """The text is the server's and does not repeat the password."""
    with shared_redis.client() as look:
        look.execute_command("ACL", "SETUSER", "known", "reset", "on", ">right", *RIGHTS)
    where = f"127.0.0.1:{shared_redis.port}"
    for url in (f"redis://known:wrong@{where}", f"redis://unknown:wrong@{where}"):
        await refused(url, r"^(?!.*wrong@).*invalid username-password pair")


async def test_a_wrong_sentinel_password_is_said(shared_sentinels: SentinelGroup) -> None:
    """No password, or another one, is an error that names the trouble."""
    await refused(shared_sentinels.url.partition("?")[0], "must be called with the client already authenticated")
    await refused(shared_sentinels.url + "x", "invalid username-password pair")


async def test_an_unknown_service_is_said(shared_sentinels: SentinelGroup) -> None:
    """Sentinels that know no such master are no reason to wait."""
    await refused(
        shared_sentinels.url.replace("/mails", "/nails"), "no sentinel names a master of 'nails': no such service"
    )


async def test_nobody_there_is_said() -> None:
    """For one server, for sentinels and for a cluster."""
    await refused("redis://127.0.0.1:1", "127.0.0.1:1")
    await refused("redis+sentinel://127.0.0.1:1/mails", "no sentinel names a master of 'mails': .*127.0.0.1:1")
    await refused("redis+cluster://127.0.0.1:1", "cannot be connected")


async def test_one_server_is_no_cluster(shared_redis: RedisServer) -> None:
    """A cluster URL that leads to a single server says so."""
    await refused(f"redis+cluster://127.0.0.1:{shared_redis.port}", "Cluster mode is not enabled")


async def test_a_strange_certificate_is_refused(tls_server: RedisServer, tmp_path: Path) -> None:
    """Without the authority, with another one, or by a name that the certificate does not hold."""
    other = make_certificates(tmp_path)
    await refused(f"rediss://127.0.0.1:{tls_server.tls_port}", "certificate verify failed")
    await refused(f"rediss://127.0.0.1:{tls_server.tls_port}?ssl_ca_certs={other.ca}", "certificate verify failed")
    await refused(f"rediss://127.0.0.1:{tls_server.tls_port}?ssl_ca_certs={tmp_path}/none.pem", "No such file")


async def test_the_certificate_must_name_the_host(tls_server: RedisServer, certificates: Certificates) -> None:
    """Unless the URL says otherwise, by the name that the user gave."""
    url = f"rediss://127.0.0.2:{tls_server.tls_port}?ssl_ca_certs={certificates.ca}"
    with tls_server.client() as look:
        look.config_set("bind", "127.0.0.1 127.0.0.2")
    await refused(url, "IP address mismatch")
    async with opened(url + "&ssl_check_hostname=false") as store:
        assert await store.get_many(["fyke:1:none"]) == [None]


@pytest.mark.parametrize("option", ["ssl_cert_reqs=none", "ssl_check_hostname=false"])
@pytest.mark.parametrize("scheme", ["rediss", "rediss+sentinel"])
async def test_tls_that_believes_anybody_is_warned_of(option: str, scheme: str, tmp_path: Path) -> None:
    """At the start, by the option's name; TLS that verifies has no such warning."""
    for query, told in ((f"?{option}", 1), ("?ssl_cert_reqs=required&ssl_check_hostname=true", 0), ("", 0)):
        url = f"{scheme}://127.0.0.1:1/{'0' if scheme == 'rediss' else 'name/0'}{query}"
        found = await open_cache(url, secret=b"s" * 16, directory=tmp_path, max_bytes=2**20, deadline=0.05)
        assert found.store is not None
        await found.store.close()
        assert len(found.warnings) == told
        assert all(option in warning and "ssl_ca_certs" in warning for warning in found.warnings)


async def test_plain_and_tls_do_not_mix(tls_server: RedisServer, certificates: Certificates) -> None:
    """Neither a plain client at the TLS port nor the other way round, where the server waits for more: so do not we."""
    await refused(f"redis://127.0.0.1:{tls_server.tls_port}", "[Cc]onnection closed|[Cc]onnection reset|reset by peer")
    await refused(
        f"rediss://127.0.0.1:{tls_server.port}?ssl_ca_certs={certificates.ca}", "no answer within", patience=0.2
    )


async def everything(store: RedisStore, heard: Callable[[RedisStore], Heard]) -> None:
    """Every question that a store answers, once."""
    key = "fyke:1:everything:key"
    await store.ping()
    await store.lease_many([key], MINUTE)
    await store.set_many([Write(key, VALUE, MINUTE), Write(key, VALUE, MINUTE, renewal=True)], [key])
    assert await store.get_many([key]) == [VALUE]
    assert [batch async for batch in store.scan("fyke:1:everything:") if batch] == [[(key, VALUE)]]
    await store.drop_many([key])
    listener = heard(store)
    try:
        await listener.until("", 5)
    except TimeoutError:
        raise StoreError("NOPERM") from None
    finally:
        await listener.stop()
    await store.purge("fyke:1:everything:")


@pytest.mark.parametrize("command", COMMANDS)
async def test_no_right_is_too_many(shared_redis: RedisServer, command: str) -> None:
    """Take any one command from the user and something fails, as a StoreError; with all of them, nothing does."""
    user = command.replace("|", "-")
    with shared_redis.client() as look:
        look.execute_command("ACL", "SETUSER", user, "reset", "on", "nopass", *RIGHTS)
        async with opened(f"redis://{user}:any@127.0.0.1:{shared_redis.port}") as store:
            await everything(store, Heard)
        look.execute_command("ACL", "SETUSER", user, f"-{command}")
        async with opened(f"redis://{user}:any@127.0.0.1:{shared_redis.port}") as store:
            with pytest.raises(StoreError, match=r"(?i)NOPERM|no permission|has no permissions"):
                await everything(store, Heard)


async def test_the_user_stays_in_its_own_room(shared_redis: RedisServer) -> None:
    """Other keys and other channels are refused by the server; the store says so."""
    with shared_redis.client() as look:
        look.execute_command("ACL", "SETUSER", "room", "reset", "on", "nopass", *RIGHTS)
    async with opened(f"redis://room:any@127.0.0.1:{shared_redis.port}") as store:
        for ask in (store.get_many, store.drop_many):
            with pytest.raises(StoreError, match=r"(?i)no permissions? to access"):
                await ask(["session:1"])
    with (
        shared_redis.client(username="room", password="any") as look,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        look.publish("other", "")


@pytest.mark.parametrize("command", ["", *CLUSTER_COMMANDS])
async def test_a_cluster_needs_two_rights_more(shared_cluster: Cluster, command: str) -> None:
    """With them everything works for a user of its own on every node, without either nothing does."""
    rights = [*RIGHTS, *(f"+{one}" for one in CLUSTER_COMMANDS), *([f"-{command}"] if command else [])]
    for node in shared_cluster.nodes:
        node.ask("ACL", "SETUSER", "spread", "reset", "on", ">pass", *rights)
    async with opened(shared_cluster.url.replace("//", "//spread:pass@")) as store:
        if not command:
            await everything(store, Heard)
            return
        with pytest.raises(StoreError):
            await store.ping()
