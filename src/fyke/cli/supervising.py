"""The parent of several processes that serve, and what they say to each other: signals."""

import logging
import multiprocessing
import multiprocessing.process
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from socket import socket

from uvicorn import Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from fyke.service.closing import Server

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before another try

log = logging.getLogger(__name__)


class Worker(Process):
    """uvicorn's, with our server."""

    @property
    def server(self) -> Server:
        """What serves in the child."""
        if not isinstance(self._server, Server):
            self._server = Server(self.config)
        return self._server


class Supervisor(Multiprocess):
    """uvicorn's, with processes that go on serving whatever becomes of the others.

    On SIGHUP each looks for another model instead of ending. One that has died is replaced; where the replacement
    cannot start, it is tried again, after a pause that doubles from `FIRST_PAUSE` to `LONGEST_PAUSE`. Only when none
    has ever served does the whole end, and ``failed`` is true.
    """

    def __init__(self, config: Config, sockets: Sequence[socket], *, clock: Callable[[], float] = time.monotonic):
        super().__init__(config, [*sockets])
        self.failed = False
        self._clock = clock
        self._served: set[Process] = set()
        self._untold: set[Process] = set()  # on which a signal waits until they serve
        self._ever_served = False
        self._tries: dict[int, int] = {}  # of a place among the processes, in a row
        self._due: dict[int, float] = {}  # when the next try for a place is

    def init_processes(self) -> None:
        """Start all."""
        self.processes = [self._started() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """See to each of the processes."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if place in self._due:
                if self._clock() >= self._due[place]:
                    self._replace(place)
            elif process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                self._note(place, process)
            else:
                self._bury(place, process)

    def handle_hup(self) -> None:
        """Pass the signal on; to a process that does not listen yet, as soon as it does, since it would end it."""
        self._due = dict.fromkeys(self._due, self._clock())
        for process in self.processes:
            if process in self._served:
                _hang_up(process)
            elif process.exitcode is None:
                self._untold.add(process)

    def terminate_all(self) -> None:
        """Let go of the socket too: when no process accepts any more, connections are refused at once."""
        super().terminate_all()
        for one in self.sockets:
            one.close()

    def _note(self, place: int, process: Process) -> None:
        """Remember that it serves, as soon as it does."""
        if process not in self._served and process.is_ready(timeout=self.config.timeout_worker_healthcheck):
            self._served.add(process)
            self._ever_served = True
            self._tries.pop(place, None)
            if process in self._untold:
                self._untold.discard(process)
                _hang_up(process)

    def _bury(self, place: int, process: Process) -> None:
        """Replace a process at once, or later if it could not even start."""
        process.kill()  # it may hang
        process.join()
        served = process in self._served
        self._served.discard(process)
        self._untold.discard(process)
        if served or (process.exitcode or 0) < 0:  # a signal ended it
            log.warning("process %s has died (%s); another takes its place", process.pid, process.exitcode)
            self._replace(place)
            return
        tries = self._tries[place] = self._tries.get(place, 0) + 1
        pause = min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE)
        self._due[place] = self._clock() + pause
        others = len(self.processes) - len(self._due)
        if not self._ever_served and not others:
            log.error("no process can start; the service ends")
            self.failed = True
            self.should_exit.set()
            return
        log.error(
            "a process cannot start; %d of %d go on, and it is tried again in %.0f s",
            others,
            len(self.processes),
            pause,
        )

    def _replace(self, place: int) -> None:
        self._due.pop(place, None)
        self.processes[place] = self._started()

    def _started(self) -> Worker:
        process = Worker(self.config, self.sockets)
        process.start()
        return process


def _hang_up(process: Process) -> None:
    if process.pid is not None and process.exitcode is None:
        os.kill(process.pid, signal.SIGHUP)


def follow_parent() -> None:
    """End this process when its parent does, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def tell_parent() -> None:
    """Have all processes look for another model."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None and parent.is_alive():
        os.kill(parent.pid, signal.SIGHUP)


def _follow(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
