"""One message, from wherever it comes, is one entry in the cache."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import httpx

from fyke.mail.limits import Limits
from fyke.mail.sources import read_source, sources
from fyke.model.directory import SHIPPED, load_model
from tests.conftest import Serve, fyke

RAW = (
    b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <1@example.org>\n"
    b"From: =?iso-8859-1?q?J=F6rg?= <j@example.org>\nSubject: =?utf-8?q?Ihr_Konto_l=C3=A4uft_ab?=\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; charset=iso-8859-1\n"
    b"Content-Transfer-Encoding: quoted-printable\n\nSch=F6n guten Tag,\n\nFrom now on your account is locked.\n\n--b\n"
    b"Content-Type: text/html; charset=utf-8\n\n<p>Sch\xc3\xb6n guten Tag,</p><p>From now on your account is locked. "
    b"<a href='http://example.com/'>Click here</a></p>\n--b--\n"
)
FROM = b"From j@example.org Mon Jan  1 00:00:00 2024\n"


def everywhere(folder: Path) -> list[Path]:
    """The message in every kind of file; each holds nothing else."""
    box = FROM + RAW.replace(b"\nFrom now", b"\n>From now") + b"\n"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:xz") as writer:
        info = tarfile.TarInfo("a/b.eml")
        info.size = len(RAW)
        writer.addfile(info, io.BytesIO(RAW))
    contents = {
        "m.eml": RAW,
        "m.txt": RAW,
        "crlf.eml": RAW.replace(b"\n", b"\r\n"),
        "m.eml.gz": gzip.compress(RAW),
        "m.mbox": box,
        "m.tar.xz": archive.getvalue(),
        "m.jsonl": json.dumps({"raw": RAW.decode()}).encode(),
        "maildir/new/1": RAW,
        "maildir/cur/.keep": b"",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [folder / name for name in contents if "maildir" not in name] + [folder / "maildir"]


def test_a_message_has_the_same_canonical_bytes_from_everywhere(tmp_path: Path) -> None:
    """Files, mailboxes, archives, JSON, stdin."""
    canonical = load_model(SHIPPED).classifier.canonical
    paths = [*everywhere(tmp_path), Path("-")]
    found = list(sources(paths, limit=10**6, trouble=print, stdin=io.BytesIO(RAW)))
    assert len(found) == len(paths)
    seen = {canonical(read_source(source, Limits()).text) for source in found}
    assert len(seen) == 1
    assert len(seen.pop()) > 20


def test_the_command_line_says_the_same_of_it_from_everywhere(tmp_path: Path) -> None:
    """But for where it came from."""
    rows = fyke("classify", "--json", *everywhere(tmp_path)).stdout + fyke("classify", "--json", stdin=RAW).stdout
    told = [{**json.loads(row), "file": ""} for row in rows.splitlines()]
    assert len(told) == 9
    assert all(one == told[0] for one in told)


def test_the_second_to_fourth_are_hits(tmp_path: Path, serve: Serve) -> None:
    """Over HTTP: as .eml, as stdin gives it, out of a mailbox, in a form with another Message-ID, and as a text."""
    url = serve("--cache-url", "memory://").url
    rfc822 = {"content-type": "message/rfc822"}
    (_, _, _, _, box, *_) = everywhere(tmp_path)
    (source,) = sources([box], limit=10**6, trouble=print)
    assert isinstance(source.raw, bytes)
    answers = [
        httpx.post(url + "/predict/message", content=RAW, headers=rfc822),
        httpx.post(url + "/predict/message", content=FROM + RAW.replace(b"\n", b"\r\n"), headers=rfc822),
        httpx.post(url + "/predict/message", content=source.raw, headers=rfc822),
        httpx.post(url + "/predict/message", files={"file": RAW.replace(b"<1@", b"<2@")}),
        httpx.post(url + "/predict", json={"text": read_source(source, Limits()).text}),
    ]
    assert [answer.headers["cache-status"].split("; ")[1] for answer in answers] == ["fwd=miss"] + ["hit"] * 4
    assert len({answer.json()["probability"] for answer in answers}) == 1
    (row,) = fyke("classify", "--json", stdin=RAW).stdout.splitlines()
    assert json.loads(row)["probability"] == answers[0].json()["probability"]
