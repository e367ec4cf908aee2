"""``fyke serve``."""

import asyncio
import contextlib
import logging
import socket

import uvicorn

from fyke.cli.console import err
from fyke.errors import SettingsError
from fyke.model.directory import SHIPPED, Model, load_model
from fyke.service.app import create_app
from fyke.service.assembly import open_from
from fyke.settings import Settings


def run(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        SettingsError: the port is taken or the address cannot be listened on.
        ModelError: the model cannot be loaded.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    model = load_model(settings.model or SHIPPED)
    listener = _listen(settings.host, settings.port)
    loop_factory = uvicorn.Config("").get_loop_factory()
    with (
        contextlib.closing(listener),
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=loop_factory) as runner,
    ):
        runner.run(_serve(settings, model, listener))


async def _serve(settings: Settings, model: Model, listener: socket.socket) -> None:
    """Open the cache first, so that what is wrong with it is said in one line."""
    app = create_app(settings, model, await open_from(settings))
    host, port = listener.getsockname()[:2]
    name = "localhost" if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
    err.print(f"Fyke serves at http://{name}:{port}", markup=False)
    config = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False, proxy_headers=False)
    await uvicorn.Server(config).serve(sockets=[listener])


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
