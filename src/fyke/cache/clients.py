"""From a URL to a Redis client: one server, a Sentinel group, or a cluster."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from fyke.errors import StoreError

Client = redis.Redis | redis.RedisCluster


def make_client(url: str, *, patience: float) -> Client:
    """A client that never retries by itself; connecting happens when it is first used.

    ``redis://``, ``rediss://`` and ``unix://`` are read as redis-py reads them (``?ssl_ca_certs=`` and the like
    included). ``redis+sentinel://[user:password@]host:port,host:port/service[/db]`` asks the sentinels for the
    master; ``redis+cluster://[user:password@]host:port,host:port`` and ``rediss+cluster://`` name some nodes of
    a cluster.

    Raises:
        StoreError: the URL cannot be read.
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": patience,
        "socket_timeout": patience,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 3,
        "client_name": "fyke",
    }
    try:
        scheme = urlsplit(url).scheme
        if scheme in ("redis+sentinel", "rediss+sentinel"):
            return _sentinel(url, options)
        if scheme in ("redis+cluster", "rediss+cluster"):
            return _cluster(url, options)
        return redis.Redis.from_url(url, **options)
    except (ValueError, RedisError) as error:
        raise StoreError(f"The cache URL cannot be read: {error}.") from error


def _sentinel(url: str, options: dict[str, Any]) -> Client:
    parts = urlsplit(url)
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("name the service as in redis+sentinel://host:26379/SERVICE")
    secured = _credentials(url) | _extras(url) | ({"ssl": True} if parts.scheme == "rediss+sentinel" else {})
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _hosts(url, 26379),
        sentinel_kwargs={"socket_connect_timeout": options["socket_connect_timeout"], "socket_timeout": 1.0},
        **options,
        **secured,
        db=int(db or 0),
    )
    client: redis.Redis = sentinel.master_for(service)
    return client


def _cluster(url: str, options: dict[str, Any]) -> Client:
    nodes = [redis.cluster.ClusterNode(host, port) for host, port in _hosts(url, 6379)]
    options |= _credentials(url) | _extras(url) | ({"ssl": True} if urlsplit(url).scheme == "rediss+cluster" else {})
    return redis.RedisCluster(startup_nodes=nodes, cluster_error_retry_attempts=1, **options)


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


def _extras(url: str) -> dict[str, Any]:
    """Options of the query that the client takes as they are: the certificates of TLS."""
    extras = dict(parse_qsl(urlsplit(url).query))
    unknown = [name for name in extras if not name.startswith("ssl_")]
    if unknown:
        raise ValueError(f"the option {unknown[0]!r} is not known here")
    return extras
