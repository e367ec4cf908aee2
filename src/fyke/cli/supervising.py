"""The parent of several processes that serve, and what they say to each other: signals."""

import multiprocessing
import multiprocessing.process
import os
import signal
import threading

from uvicorn.supervisors import Multiprocess


class Supervisor(Multiprocess):
    """uvicorn's, which replaces a process that has died; on SIGHUP each looks for another model instead of ending."""

    def handle_hup(self) -> None:
        """Pass the signal on; a process that does not listen yet ends, and the next one has the new model."""
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGHUP)

    def terminate_all(self) -> None:
        """Let go of the socket too: when no process accepts any more, connections are refused at once."""
        super().terminate_all()
        for one in self.sockets:
            one.close()


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
