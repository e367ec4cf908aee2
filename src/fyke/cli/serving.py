"""``fyke serve``: one process, or several that share a socket and the store."""

import asyncio
import contextlib
import logging
import socket
import tempfile
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from fyke.cache.opening import Opened
from fyke.cli.console import err
from fyke.cli.hangups import ignore_hangups
from fyke.cli.logs import configure
from fyke.cli.supervising import Supervisor, follow_parent, tell_parent
from fyke.errors import FykeError, SettingsError
from fyke.model.policies import policy_from
from fyke.service.app import create_app
from fyke.service.assembly import announce, load_from, open_from, settled
from fyke.service.closing import Server
from fyke.service.hosts import leads_here
from fyke.service.keys import read_keys
from fyke.service.wire import Wire
from fyke.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        SettingsError: the port is taken, the address cannot be listened on, or is open to others without keys.
        ModelError: the model cannot be loaded.
        StoreError: the cache cannot be opened.
    """
    configure()
    _check_doors(settings)
    model = load_from(settings)  # what is wrong with it is said before anything starts
    policy_from(settings.policy, model.card.policies)
    listener = _listen(settings.host, settings.port)
    loop_factory = uvicorn.Config("", log_config=None).get_loop_factory()
    with (
        contextlib.closing(listener),
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=loop_factory) as runner,
    ):
        cache = runner.run(open_from(settings))
        announce(cache, model.card.model_id)
        host, port = listener.getsockname()[:2]
        name = "localhost" if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
        _tell(f"Fyke serves at http://{name}:{port}")
        if settings.workers == 1:
            app = create_app(settings, model, cache)
            del model  # which may be swapped out
            config = _config(settings, app)
            server = Server(config)
            runner.run(server.serve(sockets=[listener]))
            if not server.started:
                raise SystemExit(STARTUP_FAILURE)
            return
        del model
        try:
            with tempfile.TemporaryDirectory(prefix="fyke-figures-", ignore_cleanup_errors=True) as figures:
                worker = partial(_worker, settled(settings, cache), Path(figures))
                config = _config(settings, worker, factory=True, workers=settings.workers)
                supervisor = Supervisor(config, [listener])
                supervisor.run()
        finally:
            runner.run(_close(cache))
        if supervisor.failed:
            raise SystemExit(STARTUP_FAILURE)


def _tell(said: str) -> None:
    """A line for people; in a log one like all others."""
    if err.is_terminal:
        err.print(said, markup=False)
    else:
        log.info(said)


def _check_doors(settings: Settings) -> None:
    """Keys where others could come in, and keys that can be read."""
    if settings.keys_file is not None:
        read_keys(settings.keys_file)
    elif settings.insecure or leads_here(settings.host):
        return
    else:
        raise SettingsError(
            f"--host {settings.host} lets in whoever can reach this machine. Make a key with "
            "fyke keys add NAME --file keys.json and give --keys-file keys.json (FYKE_KEYS_FILE), "
            "or say --insecure where nobody else can come."
        )


def _config(settings: Settings, app: object, *, factory: bool = False, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        factory=factory,
        workers=workers,
        http=Wire,
        access_log=False,
        log_config=None,  # see `fyke.cli.logs`
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.stop_seconds,
    )


def _worker(settings: Settings, figures: Path) -> FastAPI:
    """The application in a process of its own, which ends when its parent does, however that ends."""
    ignore_hangups()
    follow_parent()
    configure()
    try:
        app = create_app(settings, figures=figures)
    except FykeError as error:
        log.error("this process cannot start: %s", error)
        raise SystemExit(STARTUP_FAILURE) from None
    app.state.others = tell_parent
    return app


async def _close(cache: Opened) -> None:
    if cache.store is not None:
        await cache.store.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host} port {port} ({error.strerror}); choose others with --host and --port."
        ) from error
    return listener
