"""Whatever mail lies in, it comes as a stream of messages, and what cannot be read is told."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import tracemalloc
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fyke.mail.limits import Limits
from fyke.mail.mbox import Box
from fyke.mail.sources import Source, read_source, sources

ONE = b"From: a@example.org\nSubject: one\n\nfirst text\n"
TWO = b"From: b@example.org\nSubject: two\n\nsecond text\n"
DATE = b"From a@example.org Mon Jan  1 00:00:00 2024\n"
BOX = DATE + ONE + b"\n" + DATE + TWO
Read = tuple[list[tuple[str, bytes | str]], list[str]]


def read(*paths: Path | str, limit: int = 10_000, stdin: bytes = b"") -> Read:
    """Names and messages, and what was told; names without the directory of the test."""
    told: list[str] = []
    found = sources([Path(path) for path in paths], limit=limit, trouble=told.append, stdin=io.BytesIO(stdin))
    return [(source.name.rpartition("/")[2], source.raw) for source in found], told


def zipped(content: bytes) -> bytes:
    """The same each time, unlike ``gzip.compress``: it gives its name to a test."""
    return gzip.compress(content, mtime=0)


def tar(**files: bytes) -> bytes:
    """A tar archive; in names two underscores stand for a slash, one for a dot."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = tar(ham__1_eml=ONE, ham__box=BOX, _hidden=TWO)
LINES = b"\n".join(
    json.dumps(one).encode()
    for one in (
        {"raw": ONE.decode()},
        {"raw_base64": b64encode(TWO).decode()},
        {"text": "only text", "other": [1]},
        {"subject": "hello", "text": "with a subject"},
        {"Email Text": "as in the table"},
    )
)
RECORDS = [ONE, TWO, "only text", "hello\nwith a subject", "as in the table"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("one.eml", ONE, [("one.eml", ONE)]),
        ("unix.eml", DATE + ONE + b"\n" + DATE + TWO, [("unix.eml", BOX)]),
        ("note.txt", b"just words", [("note.txt", b"just words")]),
        ("note.txt", b"From the desk of\nnobody", [("note.txt", b"From the desk of\nnobody")]),
        ("wide.txt", "\ufeffwörter".encode("utf-16-le"), [("wide.txt", "\ufeffwörter".encode("utf-16-le"))]),
        ("box", BOX, [("box:1", ONE), ("box:2", TWO)]),
        ("box.mbox", BOX, [("box.mbox:1", ONE), ("box.mbox:2", TWO)]),
        ("box.mbox.gz", zipped(BOX), [("box.mbox.gz:1", ONE), ("box.mbox.gz:2", TWO)]),
        ("one.eml.gz", zipped(ONE), [("one.eml.gz", ONE)]),
        ("one.eml.xz", lzma.compress(ONE), [("one.eml.xz", ONE)]),
        ("one.eml.bz2", bz2.compress(ONE), [("one.eml.bz2", ONE)]),
        ("a.tar", ARCHIVE, [("1.eml", ONE), ("box:1", ONE), ("box:2", TWO)]),
        ("a.tar.gz", zipped(ARCHIVE), [("1.eml", ONE), ("box:1", ONE), ("box:2", TWO)]),
        ("a.tar.xz", lzma.compress(ARCHIVE), [("1.eml", ONE), ("box:1", ONE), ("box:2", TWO)]),
        (
            "l.tar",
            tar(l_jsonl_gz=zipped(LINES)),
            [(f"l.tar:l.jsonl.gz:{n}", r) for n, r in enumerate(RECORDS, 1)],
        ),
        ("l.jsonl", LINES + b"\n\n", [(f"l.jsonl:{n}", r) for n, r in enumerate(RECORDS, 1)]),
        ("l.json", b"[" + LINES.replace(b"\n", b",\n") + b"]", [(f"l.json:{n}", r) for n, r in enumerate(RECORDS, 1)]),
        ("o.json", b' {"text": "one object"}\n', [("o.json:1", "one object")]),
        ("l.json", LINES + b"\n", [(f"l.json:{n}", r) for n, r in enumerate(RECORDS, 1)]),
        (
            "a.json",
            b'[] [{"text": "a"},\n{"text": "b"}] ' + b" " * 70_000 + b'{"text": "c"}[{"text": "d"}]',
            [(f"a.json:{n}", text) for n, text in enumerate("abcd", 1)],
        ),
        ("up.tar", tar(**{"../m/a.eml": ONE}), [("a.eml", ONE)]),
    ],
)
def test_every_kind_of_file_gives_its_messages(
    tmp_path: Path, name: str, content: bytes, expected: list[tuple[str, bytes | str]]
) -> None:
    """Messages with names that say where they lie, in order, and nothing told."""
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / name) == (expected, [])


@pytest.mark.parametrize(
    ("name", "content", "found", "said"),
    [
        ("empty.eml", b"", 0, "is empty"),
        ("empty.eml.gz", zipped(b""), 0, "is empty"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", 0, "binary"),
        ("a.zip", b"PK\x03\x04rest", 0, "unpack it"),
        ("t.csv", b"Email Text,Email Type\n", 0, "fyke score"),
        ("t.parquet", b"PAR1\x15", 0, "fyke score"),
        ("broken.eml.gz", b"\x1f\x8b\x08broken", 0, "cannot be read"),
        ("cut.mbox.gz", zipped(BOX + os.urandom(50_000))[:20_000], 2, "cut.mbox.gz: cannot be read to its end"),
        ("cut.tar", tar(one=ONE, two=TWO * 100)[:3000], 1, "cut.tar:two: cannot be read (it is cut short)"),
        ("no.tar", tar(), 0, "no file"),
        ("nested.tar", tar(inner=tar(one=ONE), one=ONE), 1, "nested.tar:inner: an archive in an archive"),
        ("junk.mbox", b"junk\n" + BOX, 2, "first 5 bytes"),
        ("none.mbox", b"junk\n", 0, "begins with a line 'From '"),
        ("hole.mbox", DATE + b"\n" + DATE + TWO, 1, "hole.mbox:1: is empty"),
        (
            "l.jsonl",
            b'{"text": "a"}\n{"text": \n[1]\n{"x": 1}\n{"text": 1}\n{"text": "b"}',
            2,
            "line 2: not valid JSON",
        ),
        ("l.jsonl", b'{"raw_base64": "!"}', 0, "not base64"),
        ("l.jsonl", b"[" * 100_000, 0, "line 1: over"),
        ("l.jsonl", b"[" * 10_000, 0, "not valid JSON"),
        ("l.jsonl", b'{"text": "' + b"x" * 50_000 + b'"}\n{"text": "b"}', 1, "line 1: over"),
        ("l.json", b'[{"text": "a"}, {"text": "b"', 1, "value 2: not valid JSON"),
        ("l.json", b'[{"text": "a"}', 1, "value 2: not valid JSON"),
        ("l.json", b'[{"text": "a"}] and so on', 1, "value 2: not valid JSON"),
        ("l.json", b'{"text": "a"}\n12', 1, "value 2: not an object"),
        ("l.json", b'[{"text": "a"} {"text": "b"}]', 1, "value 2: not valid JSON (a comma"),
        ("l.json", b'[{"text": "a"},]', 1, "value 2: not valid JSON"),
        ("l.json", b'[{"text": "a"}, {"text": "' + b"x" * 500_000 + b'"}]', 1, "value 2: over"),
    ],
)
def test_damage_is_told_and_what_can_be_read_is_read(
    tmp_path: Path, name: str, content: bytes, found: int, said: str
) -> None:
    """The file is named in what is told, and the file behind it is read as if nothing were."""
    (tmp_path / name).write_bytes(content)
    (tmp_path / "last.eml").write_bytes(ONE)
    messages, told = read(tmp_path / name, tmp_path / "last.eml")
    assert (len(messages), messages[-1]) == (found + 1, ("last.eml", ONE))
    assert any(said in one for one in told), told
    assert all(one.startswith(f"{tmp_path / name}:") for one in told)


def test_a_maildir_gives_cur_and_new_and_its_folders(tmp_path: Path) -> None:
    """Each file is one message whatever it begins with; tmp, hidden files and the server's own are none."""
    for name in (
        "cur/1:2,S",
        "new/2",
        "tmp/3",
        "cur/.hidden",
        "dovecot-uidlist",
        ".Sent/cur/4",
        ".Sent/new/5",
        "x/cur/6",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(BOX)
    (tmp_path / ".Sent" / "tmp").mkdir()
    (tmp_path / "x" / "new").mkdir()
    assert read(tmp_path) == ([(name, BOX) for name in ("4", "5", "1:2,S", "2", "6")], [])


@pytest.mark.parametrize("name", ["m.eml", "cur/1", "m"])
def test_a_message_cannot_pass_for_an_archive(tmp_path: Path, name: str) -> None:
    """A sender who writes an archive's mark into a header does not escape."""
    (tmp_path / "cur").mkdir()
    (tmp_path / "new").mkdir()
    hostile = (b"X: " + b"x" * 254 + b"ustar\n" + ONE).replace(b"x", b"\0", 200 * ("eml" in name or "cur" in name))
    (tmp_path / name).write_bytes(hostile)
    messages, told = read(tmp_path if "cur" in name else tmp_path / name)
    assert ([raw for _, raw in messages], told) == ([hostile], [])


@pytest.mark.parametrize("start", [b"\n\r\n", b"\xef\xbb\xbf", b"%PDF-1: x\n", b"BZh91AY&SY: x\n", b"PAR1 : x\n"])
def test_mail_is_mail_whatever_it_begins_with(tmp_path: Path, start: bytes) -> None:
    """In a file that is named so, and in a Maildir: a sender cannot have it refused."""
    raw = start + ONE + b"\0\0"
    for name in ("cur/1", "m.eml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "new").mkdir()
    assert read(tmp_path, tmp_path / "m.eml") == ([("1", raw), ("m.eml", raw)], [])


def test_a_folder_is_read_in_order_and_round_no_loop(tmp_path: Path) -> None:
    """Files by name however deep; links are followed but into no folder twice; what is no file is told."""
    deep = tmp_path / "b" / "c"
    deep.mkdir(parents=True)
    for path in (tmp_path / "a.eml", deep / "d.eml", tmp_path / "z.eml", tmp_path / ".DS_Store"):
        path.write_bytes(ONE)
    (deep / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.eml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    messages, told = read(tmp_path)
    assert [name for name, _ in messages] == ["a.eml", "d.eml", "z.eml"]
    assert [("loop" in one, "gone.eml" in one, "pipe" in one) for one in told] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_a_very_deep_folder_is_read(tmp_path: Path) -> None:
    """Deeper than Python's own stack goes."""
    deep = tmp_path
    for _ in range(1200):
        deep = deep / "d"
        deep.mkdir()
    (deep / "m.eml").write_bytes(ONE)
    try:
        assert read(tmp_path) == ([("m.eml", ONE)], [])
    finally:  # pytest cannot remove so deep a folder
        (deep / "m.eml").unlink()
        while deep != tmp_path:
            deep.rmdir()
            deep = deep.parent


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing path and a folder without mail; the rest goes on."""
    (tmp_path / "nothing").mkdir()
    (tmp_path / "one.eml").write_bytes(ONE)
    messages, told = read(tmp_path / "none.eml", tmp_path / "nothing", tmp_path / "one.eml")
    assert messages == [("one.eml", ONE)]
    assert ["No such file" in told[0], "no mail in this folder" in told[1]] == [True, True]


def test_stdin_is_one_message_and_is_read_to_its_end() -> None:
    """What looks like a second message in it is a part of the first: a filter gets one verdict."""
    pipe = io.BytesIO(BOX + b"x" * 100_000)
    (source,) = sources([Path("-")], limit=100, trouble=print, stdin=pipe)
    assert (source.name, source.raw) == ("-", BOX[:101])
    assert pipe.read() == b""
    assert read("-") == ([], ["-: nothing came on stdin."])


QUOTED = [
    (DATE + b"A: b\n\n>From me\n>>From you\n>x\n", [b"A: b\n\nFrom me\n>From you\n>x\n"]),
    (DATE + b"A: b\n\nFrom me to you\n\nFrom here on 2024\n", [b"A: b\n\nFrom me to you\n\nFrom here on 2024\n"]),
    (DATE + b"A: b\n\nx\n" + DATE + b"C: d\n\ny\n", [b"A: b\n\nx\n", b"C: d\n\ny\n"]),  # no blank line before it
    (DATE + b"A: b\n\nx\n" + DATE + b"is a quotation\n", [b"A: b\n\nx\n" + DATE + b"is a quotation\n"]),
    (DATE.replace(b"\n", b"\r\n") * 2, [DATE.replace(b"\n", b"\r\n")]),
    (b"From me\nA: b\n\nx\n\nFrom - Tue, 02 Jan 2024 10:00:00 +0000\nC: d\n\ny", [b"A: b\n\nx\n", b"C: d\n\ny"]),
]


@pytest.mark.parametrize(("box", "messages"), QUOTED)
def test_quotes_of_both_kinds_are_undone(box: bytes, messages: list[bytes]) -> None:
    """And where they were forgotten, only a dated line at a likely place parts messages."""
    assert list(Box(io.BytesIO(box), 10_000)) == messages


@given(st.lists(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b" ")), min_size=1), min_size=1))
def test_a_mailbox_gives_back_what_was_put_into_it(messages: list[list[bytes]]) -> None:
    """Written as mboxrd says: any lines, also those that begin like a separator."""
    box, wholes = b"", []
    for inside in messages:
        lines = [line + b"\n" for line in [b"X: y", *inside, DATE.strip()]]
        wholes.append(b"".join(lines))
        quoted = [b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in lines]
        box += DATE + b"".join(quoted) + b"\n"
    assert list(Box(io.BytesIO(box), 10_000)) == wholes


def test_of_a_message_over_the_limit_a_little_more_is_kept() -> None:
    """Enough for its reader to see that it is over; the next message is whole."""
    box = DATE + b"A: b\n\n" + b"x" * 300_000 + b"\n" + b"y\n" * 100_000 + b"\n" + DATE + TWO
    first, second = Box(io.BytesIO(box), 1000)
    assert 1000 < len(first) <= 1000 + 64 * 1024
    assert second == TWO


class Endless(io.RawIOBase):
    """A mailbox that is made while it is read, of a number of messages."""

    def __init__(self, messages: int):
        self._left = messages

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        chunk = (DATE + ONE + b"word " * 200 + b"\n\n") * 10 if self._left > 0 else b""
        self._left -= 10
        assert len(chunk) <= len(buffer)
        buffer[: len(chunk)] = chunk
        return len(chunk)


def test_a_large_mailbox_takes_constant_memory() -> None:
    """Ten times the messages, the same peak."""

    def peak(messages: int) -> int:
        tracemalloc.start()
        pipe = io.BufferedReader(Endless(messages), 64 * 1024)
        found = sum(1 for _ in Box(pipe, 10_000))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == messages
        return top

    assert peak(5000) < 1.5 * peak(500)


def peak_of_reading(path: Path) -> tuple[int, list[str]]:
    """Bytes at the most while a file is read, and what was told."""
    told: list[str] = []
    tracemalloc.start()
    for source in sources([path], limit=100_000, trouble=told.append):
        assert len(source.raw) <= 100_100
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return top, told


def test_a_message_of_very_many_lines_takes_little_memory(tmp_path: Path) -> None:
    """What is beyond the limit is dropped line by line, and lines are not kept one by one."""
    (tmp_path / "box.mbox").write_bytes(DATE + b"a\n" * 1_000_000)
    assert peak_of_reading(tmp_path / "box.mbox")[0] < 1_000_000


@pytest.mark.parametrize("limit", [len(ONE), len(ONE) - 1, len(ONE) - 2])
def test_the_blank_line_behind_a_message_does_not_put_it_over_the_limit(limit: int) -> None:
    """The reader counts what the message has; a message over the limit is seen to be over."""
    first, second = Box(io.BytesIO(DATE + ONE + b"\n" + DATE + ONE + b"\n"), limit)
    assert first == second
    assert (len(first) > limit) == (len(ONE) > limit)


PADDING = 8 * 1024 * 1024


def long_header(kind: bytes, size: int, records: bytes = b"") -> bytes:
    """An archive with one header of a kind that says how the next is to be read."""
    info = tarfile.TarInfo("long")
    info.type, info.size = kind, size
    return info.tobuf() + records + b"a" * (size - len(records)) + tar(one_eml=ONE)


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (long_header(tarfile.GNUTYPE_LONGNAME, PADDING), "over 65,536 bytes of headers"),
        (long_header(tarfile.GNUTYPE_LONGLINK, PADDING), "over 65,536 bytes of headers"),
        (long_header(tarfile.XHDTYPE, PADDING), "over 65,536 bytes of headers"),
        (long_header(tarfile.XGLTYPE, PADDING), "over 65,536 bytes of headers"),
        (long_header(tarfile.GNUTYPE_LONGNAME, 512)[:1024] * 2000, "over 65,536 bytes of headers"),
        (long_header(tarfile.XHDTYPE, 5120, b"9" * 5000 + b" path=x"), "a header cannot be read"),
    ],
)
def test_a_bomb_in_the_headers_of_an_archive_does_not_go_off(tmp_path: Path, archive: bytes, said: str) -> None:
    """It is told in a line, and takes no more memory than the reading of any archive."""
    with lzma.open(tmp_path / "bomb.tar.xz", "wb", preset=0) as file:
        file.write(archive)
    top, told = peak_of_reading(tmp_path / "bomb.tar.xz")
    assert [said in one for one in told] == [True], told
    assert top < 3_000_000


def test_a_long_name_in_an_archive_is_read_and_is_told_short(tmp_path: Path) -> None:
    """Names longer than a header holds work, in both kinds of archive; a line about one can be read."""
    name = "/".join(["d" * 200] * 200) + "/m.eml"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar", "w", format=kind) as archive:
            for member, content in ((name, ONE), (name, b""), ("last.eml", TWO)):
                info = tarfile.TarInfo(member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        messages, told = read(tmp_path / "a.tar")
        assert messages == [("m.eml", ONE), ("a.tar:last.eml", TWO)]
        assert [("/m.eml: is empty" in one, len(one) < 1200) for one in told] == [(True, True)]


NAMES = ["m.eml", "m", "m.mbox", "m.json", "m.jsonl", "m.tar", "m.eml.gz", "m.msg"]
HEADS = [
    b"",
    DATE,
    ONE,
    b"\x1f\x8b\x08",
    b"\xfd7zXZ\x00",
    b"BZh91AY&SY",
    b"[",
    b'{"text": "',
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
]


@given(
    st.sampled_from(NAMES),
    st.sampled_from([*HEADS, ARCHIVE[:700], zipped(ARCHIVE)[:50]]),
    st.binary(max_size=600),
)
def test_no_bytes_are_an_exception(
    tmp_path_factory: pytest.TempPathFactory, name: str, head: bytes, tail: bytes
) -> None:
    """Under any name, what comes can be read, and if nothing comes, something is told."""
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(head + tail)
    told: list[str] = []
    found = list(sources([path], limit=1000, trouble=told.append))
    assert found or told
    assert all(isinstance(read_source(source, Limits()).text, str) for source in found)


def test_a_text_that_came_as_one_has_no_headers() -> None:
    """It is a text even if it looks like a message, and what is over the limit is cut and said."""
    looks = ONE.decode()
    assert read_source(Source("x", looks), Limits()).text == looks.strip()
    cut = read_source(Source("x", "word " * 10), Limits(text_chars=14))
    assert (cut.text, cut.cut) == ("word word word", ("text over 14 characters",))
