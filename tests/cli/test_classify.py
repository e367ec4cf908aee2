"""`fyke classify` over files, mailboxes and pipes: verdict lines, JSON lines, exit status."""

import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.conftest import FYKE, fyke
from tests.terminal import on_a_terminal

LURE = (
    b"From: Prize <win@example.org>\r\nSubject: congratulations\r\n\r\n"
    b"you have won a free iphone, click here to claim your prize now before it expires\r\n"
)
MEETING = (
    b"From: a@example.com\nSubject: todays floor meeting\n\n"
    b"questions about today article about lays potential severance\n"
)
DATE = b"From a@example.org Mon Jan  1 00:00:00 2024\n"


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    """A folder with a mailbox of two messages and a single one."""
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "box").write_bytes(DATE + LURE + b"\n" + DATE + MEETING)
    (tmp_path / "mail" / "one.eml").write_bytes(MEETING)
    return tmp_path / "mail"


def test_a_verdict_line_for_each_message(mail: Path) -> None:
    """Label, probability and name in a pipe; nothing on stderr."""
    done = fyke("classify", mail)
    assert (done.returncode, done.stderr) == (1, "")
    label, probability, name = zip(*(line.split("  ") for line in done.stdout.splitlines()), strict=True)
    assert label == ("Phishing Email", "Safe Email", "Safe Email")
    assert all(0.5 <= float(one) <= 1 for one in probability)
    assert name == (f"{mail}/box:1", f"{mail}/box:2", f"{mail}/one.eml")


def test_json_lines_say_what_was_read(mail: Path) -> None:
    """The prediction, what a message says of itself, counts, and what the reader did."""
    (mail / "bad.eml").write_bytes(
        b"From: =?utf-8?q?J=C3=B6rg?= <j@EXAMPLE.org>\nSubject: =?utf-8?q?caf=C3=A9?=\nMIME-Version: 1.0\n"
        b"Content-Type: text/html; charset=nonsense\n\n<p>see <a href='http://example.org/'>this</a></p>\n"
    )
    done = fyke("classify", "--json", mail)
    rows = {Path(row["file"]).name: row for row in map(json.loads, done.stdout.splitlines())}
    assert list(rows) == ["bad.eml", "box:1", "box:2", "one.eml"]
    row = rows["bad.eml"]
    assert (row["subject"], row["sender"]) == ("café", {"name": "Jörg", "address": "j@example.org"})
    assert (row["links"], row["attachments"], row["cut"]) == (1, 0, [])
    assert "charset" in row["repairs"]
    assert rows["box:1"]["prediction"] == "Phishing Email"
    assert rows["one.eml"] == rows["box:2"] | {"file": f"{mail}/one.eml"}


@pytest.mark.parametrize(
    ("raw", "status"), [(LURE, 1), (MEETING, 0), (DATE + LURE, 1), (b"", 2), (LURE.replace(b"\r\n", b"\n") * 500, 1)]
)
def test_it_works_as_a_filter(raw: bytes, status: int) -> None:
    """One message on stdin, with or without the line that procmail puts before it: one line and the exit status."""
    done = fyke("classify", stdin=raw)
    assert done.returncode == status, done.stderr
    assert len(done.stdout.splitlines()) == (status != 2)
    assert (done.stderr == "") == (status != 2)


def test_settings_reach_the_reader() -> None:
    """A message over FYKE_MAIL_BYTES is cut, its writer is not cut off, and the answer says so."""
    done = fyke("classify", "--json", stdin=LURE + b"\n" * 2_000_000, FYKE_MAIL_BYTES="100000")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["cut"]
    wrong = fyke("classify", stdin=LURE, FYKE_MAIL_DEPTH="0")
    assert (wrong.returncode, "FYKE_MAIL_DEPTH" in wrong.stderr) == (2, True)


def test_a_verdict_can_be_explained(mail: Path) -> None:
    """Words with their shares below each verdict; with --json all parts, which are places in the text."""
    shown = fyke("classify", mail, "--explain").stdout.splitlines()
    assert any(re.fullmatch(r"    [+-]\d\.\d{3}  \S+", line) for line in shown)
    sums, total = [], 0.0
    for line in filter(lambda line: line.startswith("    "), shown):
        share = float(line.split()[0])
        sums += [(total, share)] if line.endswith("= log-odds of phishing") else []
        total = 0.0 if line.endswith("= log-odds of phishing") else total + share
    assert len(sums) == 3
    assert all(said == pytest.approx(together, abs=0.02) for together, said in sums)
    for line in fyke("classify", mail, "--explain", "--json").stdout.splitlines():
        row = json.loads(line)
        assert all(row["text"][part["start"] : part["end"]] == part["word"] for part in row["parts"])
        assert row["header"].isascii()


def test_the_policy_makes_the_verdict(mail: Path, trained: Path) -> None:
    """Flags and the environment; one that the card does not have is an error."""
    unsure = {"FYKE_MODEL": str(trained)}
    assert fyke("classify", mail, "--policy", "cost=1:999", **unsure).stdout.count("Phishing Email") == 3
    assert fyke("classify", mail, FYKE_POLICY="cost=999:1", **unsure).returncode == 0
    done = fyke("classify", mail, "--policy", "strict")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "balanced" in done.stderr


def test_trouble_is_told_and_the_rest_goes_on(mail: Path) -> None:
    """Exit status 2 goes before 1; the line names the file."""
    done = fyke("classify", mail / "none.eml", mail, FYKE_MODEL="")
    assert done.returncode == 2
    done = fyke("classify", mail / "none.eml", mail)
    assert (done.returncode, len(done.stdout.splitlines())) == (2, 3)
    assert done.stderr == f"error: {mail}/none.eml: cannot be read (No such file or directory).\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """A broken pipe is quiet, and neither of the two verdicts."""
    (tmp_path / "box").write_bytes((DATE + LURE + b"\n") * 3000)
    command = f"'{FYKE[0]}' -m fyke classify '{tmp_path}/box'; echo $? >&2"
    done = subprocess.run(["sh", "-c", f"({command}) | head -n 1"], capture_output=True, text=True)
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "2\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("<&-", "-: stdin is closed"),
        (">&-", "stdout is closed"),
        ("--json >&-", "stdout is closed"),
        ("<&- >&-", "stdout is closed"),
        ("0>/dev/null", "-: cannot be read"),
        (">/dev/full", "the output: No space left"),
        ("- <&- >&- 2>&-", ""),
    ],
)
def test_a_closed_stream_is_no_verdict(arguments: str, said: str) -> None:
    """One line, and exit status 2."""
    command = f"exec '{FYKE[0]}' -m fyke classify {arguments}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, input=LURE.decode())
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == bool(said), done.stderr


def test_an_error_of_our_own_is_no_verdict() -> None:
    """An exception that nobody expected is exit status 2: 1 would say that a mail is phishing."""
    code = "import fyke.mail.sources as s; s.sources = lambda *a, **k: 1 / 0; import fyke.cli as c; c.main()"
    done = subprocess.run([FYKE[0], "-c", code, "classify"], capture_output=True, text=True, input="x")
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr


def test_a_hostile_name_does_not_reach_the_terminal(tmp_path: Path) -> None:
    """Control characters, and names in no encoding, are shown as what they are not; JSON has them whole."""
    os.mkdir(tmp_path / "m")
    hostile = os.fsencode(tmp_path / "m") + b"/\x1b[2J\xff.eml"
    with open(hostile, "wb") as file:
        file.write(MEETING)
    done = fyke("classify", tmp_path / "m", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    (row,) = map(json.loads, fyke("classify", "--json", tmp_path / "m").stdout.splitlines())
    assert os.fsencode(row["file"]) == hostile


def test_on_a_terminal_there_is_colour_and_a_sum(mail: Path) -> None:
    """The subject beside the verdict, and a line that sums the run up."""
    status, said = on_a_terminal("classify", mail)
    shown = said.decode()
    assert status == 1
    assert "\x1b[" in shown
    assert "congratulations" in shown
    assert "3 messages, 1 phishing" in shown


def test_a_large_archive_goes_through(tmp_path: Path) -> None:
    """As many lines as messages, in the archive's order."""
    with tarfile.open(tmp_path / "many.tar.gz", "w:gz") as archive:
        for number in range(1000):
            info = tarfile.TarInfo(f"spam/{number:04}.eml")
            info.size = len(LURE)
            archive.addfile(info, io.BytesIO(LURE))
    done = fyke("classify", tmp_path / "many.tar.gz")
    assert (done.returncode, done.stderr) == (1, "")
    assert [line[-8:-4] for line in done.stdout.splitlines()] == [f"{number:04}" for number in range(1000)]


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("archive", "messages"), [("spamassassin_raw.tar.xz", 6046), ("nazario_2015_2020_raw_eml.tar.xz", 1094)]
)
def test_real_mail_goes_through(corpus_dir: Path, archive: str, messages: int) -> None:
    """Every message of both archives, with no error and nothing on stderr."""
    done = fyke("classify", "--json", corpus_dir / archive)
    assert (done.returncode, done.stderr) == (1, "")
    assert len(done.stdout.splitlines()) == messages
