"""How far the text of a message agrees with what a text browser shows of it (docs/mail.md).

The other side is independent: the standard library's ``email`` finds and decodes the part, ``w3m`` renders it. Prints
a table for people, the messages that agree least, then one JSON line.

    python -m bench.text_quality --data DIR [--size 200] [--seed 5]
"""

import argparse
import email
import email.policy
import json
import random
import re
import statistics
import subprocess
import tarfile
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

from fyke.mail.message import Message
from fyke.mail.normalising import normalise
from fyke.mail.reading import read_message

ARCHIVES = ("spamassassin_raw.tar.xz", "nazario_2015_2020_raw_eml.tar.xz")
W3M = ["w3m", "-dump", "-T", "text/html", "-I", "UTF-8", "-O", "UTF-8", "-cols", "4000", "-o", "pseudo_inlines=0"]
_WORD = re.compile(r"\w+")


def main() -> None:
    """Compare a sample of each archive."""
    parser = argparse.ArgumentParser(description="Compare the text of messages with a text browser's.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the archives of raw mail")
    parser.add_argument("--size", type=int, default=200, help="messages, half from each archive")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--least", type=int, default=12, help="how many of the worst to list")
    arguments = parser.parse_args()
    rows = []
    for archive in ARCHIVES:
        messages = sample(arguments.data / archive, arguments.size // 2, arguments.seed)
        rows += [(compare(raw), archive.partition("_")[0], name) for name, raw in messages]
    report(rows, arguments.least)


def sample(archive: Path, size: int, seed: int) -> list[tuple[str, bytes]]:
    """Messages drawn from an archive, in its order."""
    with tarfile.open(archive) as tar:
        members = sorted((member for member in tar.getmembers() if member.isfile()), key=lambda member: member.name)
        drawn = random.Random(seed).sample(members, min(size, len(members)))  # noqa: S311
        return [(member.name, file.read()) for member in drawn if (file := tar.extractfile(member)) is not None]


def compare(raw: bytes) -> dict[str, object]:
    """F1 of the words of the body, and of body and hidden text together, against the text browser."""
    message, (kind, shown) = read_message(raw), reference(raw)
    other = words(shown)
    return {"kind": kind, "f1": f1(words(message.body), other), "with_hidden": f1(_with_hidden(message), other)}


def reference(raw: bytes) -> tuple[str, str]:
    """What the standard library and w3m make of a message: ``html`` or ``plain``, and the text."""
    raw = re.sub(rb"\A(?:>?From [^\n]*\n)", b"", raw)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    part = parsed.get_body(("html", "plain"))
    if part is None:
        return "none", ""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    try:
        text = payload.decode(part.get_content_charset("utf-8"), errors="replace")
    except LookupError:
        text = payload.decode("latin-1")
    if part.get_content_type() != "text/html":
        return "plain", text
    done = subprocess.run(W3M, input=text.encode("utf-8", errors="replace"), capture_output=True, check=True)  # noqa: S603
    return "html", done.stdout.decode("utf-8", errors="replace")


def words(text: str) -> Counter[str]:
    """The words of a text, counted; the spelling is made the same on both sides."""
    return Counter(_WORD.findall(normalise(text).lower()))


def f1(one: Counter[str], other: Counter[str]) -> float:
    """Harmonic mean of precision and recall over counted words; 1 for two empty texts."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def _with_hidden(message: Message) -> Counter[str]:
    return words(message.body) + words(message.hidden)


def report(rows: list[tuple[dict[str, object], str, str]], least: int) -> None:
    """Print the table, the worst, and the JSON line."""
    figures = {}
    print(f"{'archive':14} {'kind':6} {'n':>4}  mean F1  median  >= 0.95  mean F1 with hidden text")
    for archive in ("spamassassin", "nazario", "both"):
        for kind in ("plain", "html", "all"):
            some = [row for row, origin, _ in rows if archive in (origin, "both") and kind in (row["kind"], "all")]
            if not some:
                continue
            scores = [float(str(row["f1"])) for row in some]
            hidden = statistics.mean(float(str(row["with_hidden"])) for row in some)
            share = sum(score >= 0.95 for score in scores) / len(scores)
            print(
                f"{archive:14} {kind:6} {len(some):4}  {statistics.mean(scores):7.4f}  {statistics.median(scores):6.4f}"
                f"  {share:7.1%}  {hidden:.4f}"
            )
            figures[f"{archive}/{kind}"] = round(statistics.mean(scores), 4)
    for row, origin, name in sorted(rows, key=lambda one: float(str(one[0]["f1"])))[:least]:
        print(f"{float(str(row['f1'])):.3f} {float(str(row['with_hidden'])):.3f} {row['kind']:5} {origin} {name}")
    print(json.dumps({"bench": "text_quality", "n": len(rows), "f1": figures}))


if __name__ == "__main__":
    main()
