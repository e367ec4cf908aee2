"""Bad input gets one clear line and the right exit status, never a traceback."""

import gzip
import socket
from pathlib import Path

import pytest

from tests.conftest import SAMPLE, fyke

TABLES = {
    "columns.csv": (b"a,b\n1,2\n", "--text-column"),
    "one_label.csv": (b"Email Text,Email Type\n" + b"hello there,Safe Email\n" * 20, "both"),
    "labels.csv": (b"Email Text,Email Type\nhello,ham\n", "--label-map"),
    "missing_label.csv": (b"Email Text,Email Type\nhello,\n", "(missing)"),
    "empty.csv": (b"", "empty"),
    "no_rows.csv": (b"Email Text,Email Type\n", "no rows"),
    "few.csv": (b"Email Text,Email Type\na b,Safe Email\nc d,Phishing Email\n", "too few"),
    "words.csv": (b"Email Text,Email Type\n" + b"a,Safe Email\nb,Phishing Email\n" * 20, "nothing to learn"),
    "binary.parquet": (b"\x00\x01\x02", "cannot be read"),
    "cut.csv.gz": (gzip.compress(SAMPLE.read_bytes())[:2000], "cannot be read"),
    "mail.txt": (b"hello", ".parquet"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table_is_named_with_the_remedy(tmp_path: Path, name: str) -> None:
    """Exit status 2, the file and the remedy on stderr, and no model directory left behind."""
    content, said = TABLES[name]
    (tmp_path / name).write_bytes(content)
    done = fyke("train", tmp_path / name, "--output", tmp_path / "model")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()


def test_evaluate_refuses_a_file_that_was_not_trained_on(trained: Path, tmp_path: Path) -> None:
    """The recorded split says nothing of another file; --all evaluates every row of it."""
    other = tmp_path / "other.csv"
    other.write_text(SAMPLE.read_text() + "one more,Safe Email\n")
    refused = fyke("evaluate", other, "--model", trained)
    assert refused.returncode == 2
    assert "other.csv" in refused.stderr
    assert fyke("evaluate", other, "--model", trained, "--all").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "nowhere.csv"], "no such file"),
        (["train", str(SAMPLE), "--recipe", "magic", "--output", "x"], "--recipe"),
        (["train", str(SAMPLE), "--label-map", "spam", "--output", "x"], "VALUE=LABEL"),
        (["evaluate", str(SAMPLE), "--model", "nowhere"], "no such model directory"),
        (["serve", "--model", "nowhere"], "no such model directory"),
        (["serve", "--cache-url", "mysql://x"], "FYKE_CACHE_URL"),
        (["serve", "--port", "99999"], "FYKE_PORT"),
        (["cache", "ls", "--cache-url", "memory://"], "outlives"),
        (["smoke", "http://127.0.0.1:1"], "make serve"),
        (["model", "show", "nowhere"], "no such model directory"),
    ],
)
def test_bad_arguments_are_said_in_one_line(arguments: list[str], said: str) -> None:
    """Exit status 2 and the remedy; nothing else."""
    done = fyke(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named() -> None:
    """The port and the flag to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = fyke("serve", "--port", str(port), "--cache-url", "none://")
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert "--port" in done.stderr
