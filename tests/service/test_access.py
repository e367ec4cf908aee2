"""Who may do what: keys, scopes, and what each route needs."""

import asyncio
import base64
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from fyke.errors import SettingsError
from fyke.service.access import rule_for, token_in
from fyke.service.app import Service, create_app
from fyke.service.keys import MOST_NAMESPACES, KeySet, digest, new_key, read_keys, write_keys
from fyke.settings import load
from tests.service.answers import told
from tests.service.keyed import Keys, asking, keyed_app, look_now

PLAIN = {"json": {"text": "you have won a prize"}}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A file with no key yet."""
    found = Keys(tmp_path / "keys.json")
    found.write()
    return found


def run(keys: Keys, ask: Callable[[Service, httpx.AsyncClient], Awaitable[None]], **flags: object) -> None:
    """Ask a service with these keys."""

    async def inside() -> None:
        app, _ = keyed_app(keys, **flags)
        async with asking(app) as client:
            await ask(app, client)

    asyncio.run(inside())


def test_a_browser_is_told_in_words(keys: Keys) -> None:
    """It asks for a key where there is none, and whoever has the wrong one learns how to give another."""
    wrong = keys.add("wrong", "predict")

    async def ask(_: Service, client: httpx.AsyncClient) -> None:
        none = await client.get("/", headers={"accept": "text/html"})
        assert (none.status_code, none.headers["www-authenticate"]) == (401, 'Basic realm="fyke"')
        assert "the password is the key" in none.text
        other = await client.get("/ui/model", headers=wrong | {"accept": "text/html"})
        assert other.status_code == 403
        assert other.text.startswith("This needs the scope 'read'; key 'wrong' has predict.\n\nThe browser keeps")

    run(keys, ask)


def test_what_is_kept_lets_nobody_in(keys: Keys) -> None:
    """The file has a digest, not the key; only its owner may read it."""
    keys.add("mail")
    written = keys.path.read_text()
    assert keys.tokens["mail"] not in written
    assert digest(keys.tokens["mail"]) in written
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert len(keys.tokens["mail"]) >= 43
    assert [path.name for path in keys.path.parent.iterdir()] == ["keys.json"]


def test_scopes_open_their_routes_and_no_other(keys: Keys) -> None:
    """Every route that the service has, with every scope and without a key."""
    heads = {scope: keys.add(scope, scope) for scope in ("predict", "read", "admin")}

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        paths = [("/", "get"), ("/docs", "get"), ("/openapi.json", "get")]
        paths += [(path, method) for path, methods in app.openapi()["paths"].items() for method in methods]
        assert len(paths) >= 10
        for path, method in paths:
            path = re.sub(r"\{.*?\}", "x", path)
            rule = rule_for(path)
            nobody = await client.request(method, path)
            assert (nobody.status_code == 401) == (rule is not None), path
            if rule is None:
                continue
            assert nobody.headers["www-authenticate"].startswith("Bearer")
            for scope, shown in heads.items():
                answer = await client.request(method, path, headers=shown)
                assert (answer.status_code == 403) == (scope != rule.scope), (path, scope)
                if scope != rule.scope:
                    assert repr(rule.scope) in answer.json()["detail"]
                    assert f'scope="{rule.scope}"' in answer.headers["www-authenticate"]

    run(keys, ask)


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/predict", "predict"),
        ("/predict/batch", "predict"),
        ("/predict/message", "predict"),
        ("/explain", "predict"),
        ("/explain/message", "predict"),
        ("/cache", "read"),
        ("/model", "read"),
        ("/metrics", "read"),
        ("/docs", "read"),
        ("/openapi.json", "read"),
        ("/ui/anything", "read"),
        ("/nowhere", "read"),
        ("/predictable", "read"),
        ("/cache/purge", "admin"),
        ("/admin/reload", "admin"),
        ("/livez", None),
        ("/readyz", None),
    ],
)
def test_each_route_needs_its_scope(path: str, scope: str | None) -> None:
    """What nobody thought of needs a key too."""
    rule = rule_for(path)
    assert (rule and rule.scope) == scope


def test_what_tells_of_the_whole_service_is_not_for_every_tenant(keys: Keys) -> None:
    """Metrics, and what is new, are for keys of the service's own namespace."""
    own = keys.add("own", "read", "admin")
    tenant = keys.add("tenant", "read", "admin", namespace="tenant")

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        for path in ("/metrics", "/nowhere", "/admin/reload"):
            assert (await client.get(path, headers=own)).status_code != 403
            refused = await client.get(path, headers=tenant)
            assert refused.status_code == 403
            assert "namespace 'default'" in refused.json()["detail"]
        assert (await client.get("/cache", headers=tenant)).json()["namespace"] == "tenant"

    run(keys, ask)


def test_a_key_is_shown_in_one_of_three_ways() -> None:
    """Bearer in any case, as a browser's password, or X-API-Key; never two, never in the address."""
    basic = base64.b64encode(b"me:secret").decode()
    for header in (("authorization", "bearer secret"), ("x-api-key", " secret "), ("authorization", f"Basic {basic}")):
        assert token_in([(header[0].encode(), header[1].encode())]) == b"secret"
    for shown in ("Bearer ", "Basic !", "Digest secret", "secret"):
        assert not token_in([(b"authorization", shown.encode())])
    assert token_in([(b"x-api-key", b"secret"), (b"authorization", b"Bearer secret")]) is None
    assert token_in([(b"x-api-key", b"secret")] * 2) is None


def test_both_lanes_refuse_alike(keys: Keys) -> None:
    """A plain request and an unusual one, with a wrong key, none, and one without the scope."""
    reads = keys.add("reads", "read")
    wrong = {"authorization": f"Bearer {new_key('other', ['predict'], 'default')[0]}"}

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        for shown, status in (({}, 401), (wrong, 401), (reads, 403)):
            fast = await client.post("/predict", **PLAIN, headers=shown)
            slow = await client.post("/predict", **PLAIN, headers=shown | {"x-more": "1"})
            assert (fast.status_code, fast.content, told(fast)) == (status, slow.content, told(slow))

    run(keys, ask)


def test_a_key_takes_the_fast_lane(keys: Keys) -> None:
    """With a key that may predict nothing reaches the framework."""
    shown = keys.add("mail")
    passed: list[str] = []

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        async def beyond(scope, receive, send):  # type: ignore[no-untyped-def]
            passed.append(scope["path"])

        app.lane._app = beyond
        answers = [await client.post("/predict", **PLAIN, headers=shown) for _ in range(2)]
        assert [answer.headers["cache-status"].rpartition("=")[2] for answer in answers] == ["model", "memory"]
        assert (await client.post("/predict", **PLAIN, headers={"x-api-key": keys.tokens["mail"]})).is_success

    run(keys, ask)
    assert passed == []


def test_keys_change_without_a_restart(keys: Keys) -> None:
    """A new key is let in and a revoked one is not, as soon as the file is looked at again."""
    old = keys.add("old")

    async def ask(app: Service, client: httpx.AsyncClient) -> None:
        assert (await client.post("/predict", **PLAIN, headers=old)).is_success
        new = keys.add("new")
        keys.revoke("old")
        look_now(app)
        assert (await client.post("/predict", **PLAIN, headers=old)).status_code == 401
        assert (await client.post("/predict", **PLAIN, headers=new)).is_success

    run(keys, ask)


def test_a_broken_file_leaves_the_keys_as_they_are(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    """Garbage, an open door, or no file at all: said once in the log; mended, it counts again."""
    shown = keys.add("mail")
    now = [0.0]
    kept = KeySet(keys.path, lambda: now[0])
    token = keys.tokens["mail"].encode()

    def change(how: Callable[[], object]) -> None:
        how()
        now[0] += 2

    change(lambda: keys.path.write_text("{"))
    assert kept.find(token) is not None
    now[0] += 2
    kept.refresh()
    assert len(caplog.messages) == 1
    assert "is no file of keys" in caplog.text
    change(keys.path.unlink)
    assert kept.find(token) is not None
    assert "no such file" in caplog.text
    change(keys.write)
    os.chmod(keys.path, 0o622)
    assert kept.find(token) is not None
    assert "chmod 600" in caplog.text
    change(lambda: keys.revoke("mail"))
    assert kept.find(token) is None
    assert shown


def test_the_file_is_looked_at_once_a_second(keys: Keys) -> None:
    """However many requests come."""
    now = [0.0]
    kept = KeySet(keys.path, lambda: now[0])
    keys.add("mail")
    assert kept.find(keys.tokens["mail"].encode()) is None
    now[0] = 1.0
    assert kept.find(keys.tokens["mail"].encode()) is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no file of keys"),
        ('{"keys": [{}]}', r"keys\.0\.name"),
        ('{"version": 2, "keys": []}', "version"),
        ('{"keys": [], "more": 1}', "more"),
    ],
)
def test_a_service_does_not_start_with_a_broken_file(tmp_path: Path, content: str, said: str) -> None:
    """What is wrong, in which place, and the remedy."""
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=f"FYKE_KEYS_FILE.*{said}.*fyke keys add"):
        create_app(load(cache_url="memory://", keys_file=path))


def test_a_file_holds_a_bounded_number_of_namespaces(tmp_path: Path) -> None:
    """Each has a predictor: so their number is bounded, and no two keys have one name."""
    path = tmp_path / "keys.json"
    many = [new_key(f"k{n}", ["read"], f"n{n}")[1] for n in range(MOST_NAMESPACES + 1)]
    with pytest.raises(SettingsError, match="namespaces"):
        write_keys(path, many)
    write_keys(path, many[1:])
    assert len(read_keys(path)) == MOST_NAMESPACES
    with pytest.raises(SettingsError, match="one name"):
        write_keys(path, [many[0], new_key("k0", ["read"], "n")[1]])


@pytest.mark.parametrize(("scopes", "namespace"), [(["all"], "a"), ([], "a"), (["read"], "a:b"), (["read"], "")])
def test_a_key_that_cannot_be_is_refused(scopes: list[str], namespace: str) -> None:
    """With what could be."""
    with pytest.raises(SettingsError, match="predict, read, admin"):
        new_key("name", scopes, namespace)
