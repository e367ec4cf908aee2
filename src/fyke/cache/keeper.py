"""The process that keeps an embedded server: ``python -m fyke.cache.keeper DIR MAXBYTES``.

It runs the server while at least one connection to ``keeper.sock`` is open, and stops it (which saves the
data) after the last is closed. ``fyke.cache.embedded`` starts it and explains the files of the directory.
"""

import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

from fyke.cache.embedded import ELSEWHERE, last_lines, socket_directory, take_lock
from fyke.cache.valkey import Options, Valkey, find_binary, talk
from fyke.errors import EmbeddedError

GRACE = 0.3  # seconds without a client before the end
FIRST_CLIENT = 10.0  # seconds for the first client to come
PREDECESSOR = 15.0  # seconds for the server before us to save and go
RESTART_EVERY = 1.0
_LOCK_PATIENCE = 2.0


class Keeper:
    """One server, the socket on which its users are heard, and who holds it."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        binary = find_binary()
        self.directory = directory
        self.stopping = False
        self.failure = ""
        self.clients: set[socket.socket] = set()
        self.unanswered: set[socket.socket] = set()
        self.alone_since = time.monotonic()
        self.patience = FIRST_CLIENT
        self.selector = selectors.DefaultSelector()

        self._catch_signals()
        self.life = self._wait_for_predecessor()
        self.sockets = socket_directory(directory)  # only now: the predecessor removes a short one
        options = Options(binary, directory, self.sockets / "valkey.sock", max_bytes, self.life)
        self.server = Valkey(options, lambda: self.stopping)
        (directory / "keeper.pid").write_text(f"{os.getpid()}\n")
        path = self.sockets / "keeper.sock"
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(os.fspath(path))
        path.chmod(0o600)
        self.listener.listen(128)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def run(self) -> None:
        try:
            self._start(first=True)
            self.alone_since = time.monotonic()
            while not self._leave():
                self._turn()
        finally:
            self._end()

    # Signals and locks

    def _catch_signals(self) -> None:
        wake, self._wake_end = socket.socketpair()
        wake.setblocking(False)
        self._wake_end.setblocking(False)
        self.wake = wake
        self.selector.register(wake, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wake_end.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _wait_for_predecessor(self) -> int:
        path = self.directory / "keeper.lock"
        deadline = time.monotonic() + PREDECESSOR
        asked = False
        while not self.stopping:
            life = take_lock(path, time.monotonic() + 0.1)
            if life is not None:
                return life
            if time.monotonic() >= deadline:
                break
            if not asked and not self._predecessor_lives():
                # Its server outlived it (it was killed where there is no PR_SET_PDEATHSIG): end that too.
                asked = True
                talk(socket_directory(self.directory) / "valkey.sock", b"SHUTDOWN SAVE\r\n")
        raise EmbeddedError(
            f"An earlier embedded server still holds {path} and does not end. Stop it by hand. {ELSEWHERE}"
        )

    def _predecessor_lives(self) -> bool:
        try:
            os.kill(int((self.directory / "keeper.pid").read_text()), 0)
        except (ProcessLookupError, ValueError):
            return False
        except OSError:
            return True
        return True

    # Clients

    def _turn(self) -> None:
        """Wait for something to happen, and deal with it."""
        for key, _ in self.selector.select(self._wait()):
            if key.fileobj is self.listener:
                self._accept()
            elif key.fileobj is self.wake:
                drain(self.wake)
            elif isinstance(key.fileobj, socket.socket) and not drain(key.fileobj):
                self._drop(key.fileobj)
        if self.stopping or self.failure or self.server.lives:
            return
        if time.monotonic() >= self.server.started + RESTART_EVERY:
            self._start(first=False)

    def _wait(self) -> float | None:
        times = []
        now = time.monotonic()
        if not self.clients:
            times.append(max(self.alone_since + self.patience - now, 0.05))
        if not self.failure and not self.server.lives:
            times.append(max(self.server.started + RESTART_EVERY - now, 0))
        return min(times, default=None)

    def _accept(self) -> bool:
        came = False
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return came
            came = True
            client.setblocking(False)
            self.clients.add(client)
            self.selector.register(client, selectors.EVENT_READ)
            self.unanswered.add(client)
            self._answer()

    def _answer(self) -> None:
        if self.failure:
            line = f"error: {self.failure}\n".encode()
        elif self.server.lives:
            line = b"ready\n"
        else:
            return
        for client in list(self.unanswered):
            self.unanswered.discard(client)
            try:
                client.sendall(line)
            except OSError:
                self._drop(client)
                continue
            if self.failure:
                self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        self.unanswered.discard(client)
        if client in self.clients:
            self.clients.discard(client)
            self.selector.unregister(client)
            client.close()
            self.alone_since = time.monotonic()
            self.patience = 0 if self.failure else GRACE

    def _leave(self) -> bool:
        """Whether it is time to go; if so, the socket is gone when this returns."""
        now = time.monotonic()
        if not self.stopping and (self.clients or now < self.alone_since + self.patience):
            return False
        lock = take_lock(self.directory / "lock", now + (_LOCK_PATIENCE if self.stopping else 0))
        try:
            if not self.stopping and (lock is None or self._accept()):
                return False  # somebody is just coming
            # Whoever holds keeper.lock owns the path, so that this is never a successor's socket.
            (self.sockets / "keeper.sock").unlink(missing_ok=True)
            self.selector.unregister(self.listener)
            self.listener.close()
            return True
        finally:
            if lock is not None:
                os.close(lock)

    def _start(self, *, first: bool) -> None:
        self.server.start()
        if self.stopping:
            return
        if first and not self.server.lives:
            said = last_lines(self.directory / "valkey.log")
            self.failure = f"The embedded server does not start in {self.directory}: {said} {ELSEWHERE}"
        self._answer()

    def _end(self) -> None:
        """Stop the server, which saves its data, and leave the directory to a successor."""
        for client in list(self.clients):
            self._drop(client)
        self.server.stop()
        for path in (self.sockets / "keeper.sock", self.server.socket):
            path.unlink(missing_ok=True)
        (self.directory / "keeper.pid").unlink(missing_ok=True)
        if self.sockets != self.directory:
            self.sockets.rmdir()
        os.close(self.life)


def drain(source: socket.socket) -> bool:
    """Read what has come; False if the other end is closed."""
    try:
        return bool(source.recv(4096))
    except BlockingIOError:
        return True
    except OSError:
        return False


def main() -> None:
    directory, max_bytes = Path(sys.argv[1]), int(sys.argv[2])
    if os.fork():
        os._exit(0)  # the process that started us waits for this one only
    os.umask(0o077)
    os.chdir(directory)
    try:
        keeper = Keeper(directory, max_bytes)
    except (EmbeddedError, OSError) as error:
        print("error:", " ".join(str(error).split()), flush=True)
        sys.exit(1)
    print("listening", flush=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    keeper.run()


if __name__ == "__main__":
    main()
