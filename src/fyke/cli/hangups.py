"""SIGHUP before anybody listens to it."""

import os
import signal


def ignore_hangups() -> None:
    """Have SIGHUP, which asks a service for another model, end nothing while one still starts.

    A service that listens takes it from here. What is started meanwhile inherits it. On a terminal the signal keeps its
    other meaning: one that is closed ends what runs on it.
    """
    if hasattr(signal, "SIGHUP") and not os.isatty(0):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
