"""The service on this machine answers by its own names: a page cannot make its own lead here and read the answers."""

import json
from pathlib import Path

import pytest

from fyke.errors import SettingsError
from fyke.service.app import Service, create_app
from fyke.service.hosts import Hosts, hosts_from
from fyke.settings import Settings, load
from tests.service.keyed import shipped
from tests.service.test_doors import listening, run

OWN = ["localhost", "LocalHost:8000", "localhost.", "127.0.0.1:8000", "127.9.9.9", "[::1]", "[::1]:8000", "fyke.lan:1"]
OWN += ["testserver", "fyke:8000", "10.0.0.7", "[fd00::2]:8000", "it.localhost", "fyke.internal", "fyke.test"]
OTHERS = ["evil.example", "127.0.0.1.evil.example:8000", "localhost.evil.example", "test.evil.example", "7f.1", "a.lan"]
NONE = ["", ":8000", "[::1", "evil@localhost", "localhost/", "localhost, evil.example", "\xff"]
FROM_ABROAD: dict[str, object] = {"host": "0.0.0.0", "insecure": True}
BODY = b'{"text": "you have won"}'


def head(host: str, *more: str) -> bytes:
    """Of a prediction, as far as the blank line."""
    lines = [f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(BODY)}", *more]
    return "\r\n".join(["POST /predict HTTP/1.1", *lines]).encode("latin-1")


def made(**flags: object) -> Service:
    """A service, for which no other hosts are named unless said."""
    app = create_app(load(**{"cache_url": "memory://", "allowed_hosts": frozenset()} | flags), shipped())
    assert isinstance(app, Service)
    return app


def test_which_names_are_the_services_own() -> None:
    """Addresses, what no name server of a page's owner tells, and what is named, with any port; nothing that only looks
    like them."""
    hosts = Hosts("127.0.0.1", "fyke.lan")
    for host in OWN * 2:
        assert host.encode() in hosts
        for other in [*OTHERS, *NONE]:
            assert other.encode("latin-1") not in hosts


@pytest.mark.parametrize("flags", [{}, {"access_log": True}, {"allowed_hosts": "fyke.lan", **FROM_ABROAD}])
def test_another_host_is_refused_on_both_ways(flags: dict[str, object]) -> None:
    """421 naming the header and the setting, and no such head is known; programs that send no host are answered."""
    app = made(**flags)

    async def check() -> None:
        async with listening(app) as connect:
            reader, writer = await connect()
            for host, expected in [("localhost:8000", 200), ("evil.example:8000", 421), ("127.0.0.1", 200)] * 2:
                for more in ((), ("X-More: 1",)):
                    writer.write(head(host, *more) + b"\r\n\r\n" + BODY)
                    said = await reader.readuntil(b"\r\n\r\n")
                    assert int(said.split()[1]) == expected
                    detail = json.loads(await reader.readuntil(b"}")).get("detail", "")
                    assert all(word in detail for word in (["Host", host, "FYKE_ALLOWED_HOSTS"] * (expected == 421)))
            assert not any(b"evil" in known for known in app.lane.heads)
            assert head("127.0.0.1") in app.lane.heads or flags.get("access_log")
            writer.write(b"GET /model HTTP/1.1\r\n\r\n")
            assert b" 200 " in await reader.readline()

    run(check)


def test_where_every_host_is_answered(tmp_path: Path) -> None:
    """With keys, beyond this machine, or where that is said; elsewhere the address and the names count."""
    keyed = {"keys_file": tmp_path / "keys.json"}
    every = [{"allowed_hosts": "*"}, keyed, FROM_ABROAD]
    for flags in every:
        assert hosts_from(load(**{"allowed_hosts": frozenset()} | flags)) is None
    for flags in ({}, {"host": "localhost"}, {"host": "::1"}, {"insecure": True}):
        assert hosts_from(load(**{"allowed_hosts": frozenset()} | flags)) is not None
    named = hosts_from(Settings(allowed_hosts="Fyke.lan, [fd00::7]", **keyed))  # type: ignore[arg-type]
    assert named is not None
    assert b"fyke.lan" in named
    assert b"[fd00::7]:8000" in named
    assert b"it.lan" not in named


@pytest.mark.parametrize("said", ["fyke.lan:8000", "http://fyke.lan", "*.lan"])
def test_what_is_no_host_is_told(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the setting's name and an example."""
    monkeypatch.setenv("FYKE_ALLOWED_HOSTS", said)
    with pytest.raises(SettingsError, match=r"FYKE_ALLOWED_HOSTS: .*mail\.example\.org"):
        load()


def test_the_document_tells_of_it() -> None:
    """421 for every route where it is given, and for none where it is not."""
    for flags, told in (({}, True), (FROM_ABROAD, False)):
        paths = made(**flags).openapi()["paths"]
        assert {"421" in one["responses"] for methods in paths.values() for one in methods.values()} == {told}
