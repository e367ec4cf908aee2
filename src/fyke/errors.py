"""Every error that Fyke raises on purpose.

    FykeError                  something a person can mend; str(error) says what and how
    ├── DataError              a file of mail: unreadable, a column missing, one label only
    ├── ModelError             a model directory: missing, truncated, altered; a model that cannot be served
    ├── SettingsError          a setting or flag that cannot be
    ├── StoreError             a store of entries cannot be opened or reached
    │   └── EmbeddedError      the embedded server cannot be had on this machine
    ├── Overloaded             more is waiting than can be answered in time
    ├── NotCached              only a cached answer was asked for, and there is none
    └── ServiceError           a running service cannot be reached or answers wrongly

The classes know no HTTP and no exit codes: ``service`` and ``cli`` translate.
"""


class FykeError(Exception):
    """The root: its text is written for the person who reads it."""


class DataError(FykeError):
    """A file of mail cannot serve; the text names the file and the remedy."""


class ModelError(FykeError):
    """A model directory cannot be loaded or written, or a model cannot be served."""


class SettingsError(FykeError):
    """A setting has a value that cannot be."""


class StoreError(FykeError):
    """A store of entries cannot be opened or reached."""


class EmbeddedError(StoreError):
    """The embedded server cannot be started on this machine."""


class Overloaded(FykeError):
    """More is waiting for the model than it can answer in time; ``seconds`` after which to come again."""

    def __init__(self, seconds: int, said: str = "Too much is waiting"):
        super().__init__(f"{said}; come again in {seconds} s.")
        self.seconds = seconds


class NotCached(FykeError):
    """Only a cached answer was wanted, and there is none."""


class ServiceError(FykeError):
    """A running service cannot be reached, or its answer is not a prediction."""
