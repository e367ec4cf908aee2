"""From a URL to a Redis client: one server, a Sentinel group, or a cluster."""

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import redis.asyncio as redis
from redis.asyncio.connection import URL_QUERY_ARGUMENT_PARSERS
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from fyke.errors import StoreError

Client = redis.Redis | redis.RedisCluster

TROUBLE = (RedisError, RedisClusterException, OSError)  # all that a client raises
NODE_SECONDS = 0.5  # after this a sentinel, or a cluster, is asked elsewhere
_OPTIONS = ("client_name", "db", "max_connections", "password", "protocol", "socket_keepalive", "username")
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")


def make_client(url: str, *, patience: float) -> Client:
    """A client that never retries by itself; connecting happens when it is first used.

    ``redis://``, ``rediss://`` and ``unix://`` are read as redis-py reads them.
    ``redis+sentinel://[user:password@]host:port,host:port/service[/db]`` asks the sentinels for the master; give
    ``?sentinel_password=`` where they want one of their own. ``redis+cluster://[user:password@]host:port,host:port``
    names some nodes of a cluster. ``rediss+sentinel://`` and ``rediss+cluster://`` speak TLS with every server,
    sentinels included; ``?ssl_ca_certs=FILE`` and the other ``ssl_`` options of redis-py say how.

    A reply is waited for as long as the caller waits; ``patience`` (seconds) bounds the making of a connection.

    Raises:
        StoreError: the URL cannot be read.
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": patience,
        # With a timeout of its own redis-py sends in wait_for, which on Python 3.11 may swallow a cancellation.
        "socket_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 3,
        "client_name": "fyke",
        "driver_info": None,
        # Where redis-py waits for such notifications, it no longer refuses a connection with unread replies.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    try:
        scheme = urlsplit(url).scheme
        if scheme in ("redis+sentinel", "rediss+sentinel"):
            return _sentinel(url, options)
        if scheme in ("redis+cluster", "rediss+cluster"):
            return _cluster(url, options)
        return _checked(redis.Redis.from_url(urlsplit(url)._replace(query="").geturl(), **options | _extras(url)))
    except (TypeError, ValueError, *TROUBLE) as error:
        raise StoreError(f"The cache URL cannot be read: {error}.") from error


async def close_client(client: Client) -> None:
    """Close every connection, to sentinels and lost nodes of a cluster too; never raises, safe to call twice."""
    closing: list[Any] = [client.aclose()]
    if isinstance(client, redis.RedisCluster):
        # After a failure its own closing does nothing: it takes itself for not yet opened.
        nodes = client.nodes_manager
        closing += [nodes.aclose(), nodes.aclose("startup_nodes")]
    elif isinstance(client.connection_pool, SentinelConnectionPool):
        closing += [sentinel.aclose() for sentinel in client.connection_pool.sentinel_manager.sentinels]
    for one in closing:
        with contextlib.suppress(*TROUBLE):
            await one
    await asyncio.sleep(0)  # transports end in the next turn of the loop


class _Sentinels(Sentinel):
    """As redis-py's, with an error that says what the sentinels said, and not how each client is configured."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        said = []
        for sentinel in list(self.sentinels):
            try:
                async with asyncio.timeout(NODE_SECONDS):
                    masters: Any = await sentinel.sentinel_masters()
            except TROUBLE as error:
                said.append(str(error) or type(error).__name__)
                continue
            state = masters.get(service_name)
            if state and self.check_master_state(state, service_name):
                self.sentinels.remove(sentinel)
                self.sentinels.insert(0, sentinel)  # it is asked first the next time
                return state["ip"], state["port"]
            said.append("the master is down" if state else "no such service")
        raise MasterNotFoundError(f"no sentinel names a master of {service_name!r}: {'; '.join(dict.fromkeys(said))}")


def _sentinel(url: str, options: dict[str, Any]) -> Client:
    parts = urlsplit(url)
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("name the service as in redis+sentinel://host:26379/SERVICE")
    extras = _extras(url, *_SENTINEL_OPTIONS)
    own = {name.removeprefix("sentinel_"): extras.pop(name) for name in _SENTINEL_OPTIONS if name in extras}
    tls: dict[str, Any] = {name: value for name, value in extras.items() if name.startswith("ssl_")}
    tls |= {"ssl": True} if parts.scheme == "rediss+sentinel" else {}
    sentinel = _Sentinels(  # type: ignore[no-untyped-call]
        _hosts(url, 26379),
        sentinel_kwargs=options | tls | own,
        **{"db": int(db or 0)} | options | _credentials(url) | extras | tls,
    )
    client: redis.Redis = sentinel.master_for(service)
    return _checked(client)


def _cluster(url: str, options: dict[str, Any]) -> Client:
    nodes = [redis.cluster.ClusterNode(host, port) for host, port in _hosts(url, 6379)]
    tls = {"ssl": True} if urlsplit(url).scheme == "rediss+cluster" else {}
    return redis.RedisCluster(startup_nodes=nodes, **options | _credentials(url) | _extras(url) | tls)


def _checked(client: redis.Redis) -> redis.Redis:
    """The same client, after a look at whether its connections take the options that it was given."""
    client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    return client


def _hosts(url: str, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for one in urlsplit(url).netloc.rpartition("@")[2].split(","):
        parts = urlsplit(f"//{one}")
        if not parts.hostname:
            raise ValueError("it names no host")
        hosts.append((parts.hostname, parts.port or default_port))
    return hosts


def _credentials(url: str) -> dict[str, Any]:
    user, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in given.items() if value}


def _extras(url: str, *more: str) -> dict[str, Any]:
    """The options of the query that the client takes: TLS and a few that change nothing we rely on."""
    parts = urlsplit(url)
    extras = dict(parse_qsl(parts.query))
    for name in extras:
        if name.startswith("ssl_") and not parts.scheme.startswith("rediss"):
            raise ValueError(f"{name!r} is about TLS, which a URL asks for with 'rediss'")
        if not (name.startswith("ssl_") or name in _OPTIONS or name in more):
            raise ValueError(f"the option {name!r} is not known here")
    return {name: URL_QUERY_ARGUMENT_PARSERS.get(name, str)(value) for name, value in extras.items()}
