"""Directories that are written whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_whole(directory: Path, files: Mapping[str, bytes], *, mode: int = 0o777) -> None:
    """Make a directory of these files, in the place of the one that is there; ``directory`` may be a link to one.

    ``mode`` are the directory's permissions, less the umask.

    Raises:
        OSError: it cannot be written; then what was there is there still.
    """
    target = directory.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as room:
        staging, retired = Path(room) / "new", Path(room) / "old"
        staging.mkdir(mode)
        for name, content in files.items():
            (staging / name).write_bytes(content)
        if target.exists():
            os.replace(target, retired)
        try:
            os.replace(staging, target)
        except OSError:
            if retired.exists():
                os.replace(retired, target)
            raise
