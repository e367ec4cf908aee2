"""How long reading one message takes: real mail, and three megabytes of everything (docs/mail.md).

Processor time of one thread, the best of three for the large messages. Prints a table for people, then one JSON line.

    python -m bench.reading [--data DIR]
"""

import argparse
import json
import random
import statistics
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.text_quality import ARCHIVES
from fyke.mail.reading import read_message
from fyke.mail.signs import signs
from tests.mail.hostile import HEAD, SIZE
from tests.mail.many import ALL

SLOW = 40
"""milliseconds, from which on a message is read three times and the best taken"""
HONEST = ("newsletter", "attachments", "plain text", "plain text beyond ASCII", "base64 HTML", "quoted-printable HTML")


def main() -> None:
    """Time the large messages, and real mail where there is some."""
    parser = argparse.ArgumentParser(description="Time the reading of messages.")
    parser.add_argument("--data", type=Path, help="folder with the archives of raw mail")
    parser.add_argument("--combinations", type=int, default=1000, help="messages of several kinds (1000)")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    for archive in ARCHIVES if arguments.data else ():
        spent = sorted(milliseconds(raw) for raw in messages(arguments.data / archive))
        name = archive.partition("_")[0]
        print(f"{name}: {len(spent):,} messages, of which one takes in ms:")
        for figure, value in (
            ("median", statistics.median(spent)),
            ("p99", spent[int(len(spent) * 0.99)]),
            ("worst", spent[-1]),
        ):
            print(f"    {figure:8} {value:8.2f}")
            figures[f"{name}/{figure}"] = round(value, 2)
    milliseconds(ALL["newsletter"]())  # loads what is loaded once
    large = {name: min(milliseconds(raw) for _ in range(3)) for name, make in ALL.items() for raw in [make()]}
    print("three megabytes of, in ms:")
    for name in sorted(large, key=lambda name: (name not in HONEST, -large[name])):
        print(f"    {name:28} {large[name]:8.1f}" + ("" if name in HONEST else "  (hostile)"))
    combined = combinations(arguments.combinations)
    worst = max(combined, key=lambda kinds: combined[kinds], default=())
    if worst:
        print(f"the worst of {len(combined):,} messages of several kinds: {combined[worst]:.1f}  ({', '.join(worst)})")
        figures["combined worst"] = round(combined[worst], 1)
    figures["honest worst"] = round(max(large[name] for name in HONEST), 1)
    figures["hostile worst"] = round(max(large.values()), 1)
    print(json.dumps({"bench": "reading", "ms": figures}))


def combinations(count: int) -> dict[tuple[str, ...], float]:
    """Milliseconds for messages of parts drawn from the large messages, by the kinds drawn; the same for each run."""
    drawing, spent = random.Random(7), {}  # noqa: S311
    whole = {name: make() for name, make in ALL.items()}
    for _ in range(count):
        kinds = tuple(drawing.sample(sorted(whole), drawing.randint(2, 6)))
        sizes = (drawing.choice((30_000, 100_000, 200_000, 400_000, 1_000_000)) for _ in kinds)
        parts = (whole[kind].removeprefix(HEAD)[:size] for kind, size in zip(kinds, sizes, strict=True))
        raw = HEAD + b"Content-Type: multipart/mixed; boundary=all\r\n\r\n--all\r\n" + b"\r\n--all\r\n".join(parts)
        once = milliseconds(raw[:SIZE])
        spent[kinds] = once if once < SLOW else min(once, *(milliseconds(raw[:SIZE]) for _ in range(2)))
    return spent


def milliseconds(raw: bytes) -> float:
    """Of processor time to read a message and compute its signs."""
    start = time.thread_time()
    signs(read_message(raw))
    return (time.thread_time() - start) * 1000


def messages(archive: Path) -> Iterator[bytes]:
    """All messages of an archive."""
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield file.read()


if __name__ == "__main__":
    main()
