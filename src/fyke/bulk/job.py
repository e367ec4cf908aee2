"""What is to be scored, and who does it. Light to import: helpers start before anything heavy is loaded."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fyke.bulk.tables import kind_of
from fyke.errors import DataError, SettingsError

Engine = Literal["local", "ray"]

_LEAST_SHARE = 2**18  # bytes of input for which it pays to start a process


@dataclass(frozen=True)
class Job:
    """A table, and the table to be made of it.

    Without a ``model`` it is the shipped one, without a ``text_column`` the one that the model was trained on, and
    without ``workers`` there are as many processes as cores. The engine ``ray`` has actors of a cluster, at
    ``ray_address``, in their place.
    """

    source: Path
    output: Path
    model: Path | None = None
    text_column: str | None = None
    workers: int | None = None
    force: bool = False
    engine: Engine = "local"
    ray_address: str | None = None

    @property
    def journal(self) -> Path:
        """Where the scores are kept until the output is whole."""
        return self.output.with_name(f"{self.output.name}.journal")

    @property
    def part(self) -> Path:
        """The name of the output until it is whole."""
        return self.output.with_name(f"{self.output.name}.part")

    def check(self) -> None:
        """Refuse what cannot end well before anything is read.

        Raises:
            DataError: an unknown format, no directory for the output, or something in its place already.
            SettingsError: an address of Ray without the engine.
        """
        if self.ray_address is not None and self.engine != "ray":
            raise SettingsError("--ray-address is for --engine ray; give both or none.")
        kind_of(self.source)
        kind_of(self.output)
        if self.output.exists() and self.source.exists() and self.output.samefile(self.source):
            raise DataError(f"{self.output}: is the input; name another with --output.")
        if self.output.is_dir():
            raise DataError(f"{self.output}: a directory; name a file with --output.")
        if not self.output.absolute().parent.is_dir():
            where = self.output.parent
            raise DataError(f"{where}: there is no such directory; make it, or name another with --output.")
        if self.output.exists() and not self.force and not self.journal.exists():
            raise self.exists()

    def exists(self) -> DataError:
        """The error that the output is there already."""
        return DataError(f"{self.output}: exists already; replace it with --force, or name another.")

    def processes(self) -> int:
        """As many as were asked for, or as there are cores, but no more than pay for a file of this size.

        With Ray this one alone, which does not score.
        """
        if self.engine == "ray":
            return 1
        size = self.source.stat().st_size if self.source.is_file() else 0
        return max(1, min(self.workers or _cores(), size // _LEAST_SHARE))


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
