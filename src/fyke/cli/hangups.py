"""SIGHUP before anybody listens to it."""

import signal


def ignore_hangups() -> None:
    """Have SIGHUP, which asks a service for another model, end nothing while one still starts.

    A service that listens takes it from here. What is started meanwhile inherits it.
    """
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
