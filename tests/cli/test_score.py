"""`fyke score`: every row with its verdict, each text computed once, and nothing lost however a run ends."""

import csv
import gzip
import io
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fyke.bulk import scoring as bulk
from fyke.bulk.job import Job
from fyke.errors import DataError, FykeError
from fyke.model.classifier import verdict
from fyke.model.directory import SHIPPED, load_model
from fyke.settings import load
from tests.conftest import FYKE, RedisServer, fyke
from tests.servers import until
from tests.service.rolling import lie

ADDED = ["prediction", "probability", "phishing_probability"]
SUFFIXES = [".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet"]
TEXTS = [
    "todays floor meeting you may get a few pointed questions",
    'click here, "now",\nto claim your free iphone',
    "",
    "Grüße aus Köln 😊\r\nbis morgen",
    "urgent: your account has been compromised, reset your password",
]
HEAD = ["id", "Email Text", "note"]
ROWS = [[str(number), text, "a,b" if number % 2 else ""] for number, text in enumerate(TEXTS * 3)]
LINES = "Email Text,n\n" + "".join(f"urgent offer number {n} for you {n % 7},{n}\n" for n in range(20_000))


def write(path: Path, rows: list[list[str]] = ROWS, head: list[str] = HEAD) -> Path:
    """A table in the format that its name tells."""
    if path.suffix == ".parquet":
        pl.DataFrame(rows, schema=dict.fromkeys(head, pl.String), orient="row").write_parquet(path)
        return path
    text = io.StringIO()
    if ".csv" in path.name:
        csv.writer(text).writerows([head, *rows])
    else:
        text.writelines(json.dumps(dict(zip(head, row, strict=True))) + "\n" for row in rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a table; of CSV the added numbers as numbers."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).to_dicts()
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    if ".csv" not in path.name:
        return [json.loads(line) for line in text.splitlines()]
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text, newline="")))
    return [row | {name: float(row[name]) for name in ADDED[1:]} for row in rows]


def expected(rows: list[list[str]] = ROWS, head: list[str] = HEAD) -> list[dict[str, Any]]:
    scores = load_model(SHIPPED).classifier.predict_many([row[head.index("Email Text")] for row in rows])
    verdicts = [dict(zip(ADDED, (*verdict(score), score), strict=True)) for score in scores]
    return [dict(zip(head, row, strict=True)) | added for row, added in zip(rows, verdicts, strict=True)]


def score(source: Path, output: Path, *more: str, cache: str = "none://") -> subprocess.CompletedProcess[str]:
    return fyke("score", source, "--output", output, "--cache-url", cache, *more)


@pytest.fixture
def in_process() -> Callable[[Path, Path], None]:
    """The same without a process, for many small tables."""

    def run(source: Path, output: Path) -> None:
        bulk.score(Job(source, output, workers=1), load(cache_url="none://"))

    return run


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More rows than are scored before a test can look."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    path.write_text(LINES)
    return path


@pytest.mark.parametrize("into", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_any_format_becomes_any_other(
    tmp_path: Path, in_process: Callable[[Path, Path], None], source: str, into: str
) -> None:
    """All columns and rows in order, with the verdicts that the classifier gives, to the last bit."""
    output = tmp_path / f"out{into}"
    in_process(write(tmp_path / f"in{source}"), output)
    assert read(output) == expected()
    assert list(read(output)[0]) == HEAD + ADDED
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"in{source}", f"out{into}"])


def test_like_formats_keep_every_line_as_it_stands(tmp_path: Path, in_process: Callable[[Path, Path], None]) -> None:
    """Quotes, line ends, the byte order mark, numbers and escapes are not touched; only ends are added."""
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbf"Email Text",n\r\n"win, now",1.00\r\nplain,"2"')
    (tmp_path / "a.jsonl").write_text('{"Email Text": "w\\u0069n", "n": 1.00, "big": 123456789012345678901}\n\n')
    for name in ("a.csv", "a.jsonl"):
        in_process(tmp_path / name, tmp_path / f"out.{name}")
    lines = (tmp_path / "out.a.csv").read_bytes().decode().splitlines(keepends=True)
    assert lines[0] == f'"Email Text",n,{",".join(ADDED)}\r\n'
    assert lines[1].startswith('"win, now",1.00,')
    assert lines[2].startswith('plain,"2",')
    assert lines[2].endswith("\n")
    (line,) = (tmp_path / "out.a.jsonl").read_text().splitlines()
    assert line.startswith('{"Email Text": "w\\u0069n", "n": 1.00, "big": 123456789012345678901, "prediction": ')


def test_json_lines_of_different_kinds_become_columns(tmp_path: Path, in_process: Callable[[Path, Path], None]) -> None:
    """Columns are the names that occur; what has no common type is JSON; a text that is missing or null is empty."""
    rows = [
        {"Email Text": None, "n": 1, "mixed": "x", "flag": True, "id": 2**53 + 1},
        {"n": 2.5, "id": 0.5, "mixed": [1, "é"], "late": "\ud800"},
        {"Email Text": 7, "n": None, "mixed": 2**70},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    in_process(source, tmp_path / "out.parquet")
    frame = pl.read_parquet(tmp_path / "out.parquet")
    assert frame.columns == ["Email Text", "n", "mixed", "flag", "id", "late", *ADDED]
    assert frame["Email Text"].to_list() == [None, None, 7]
    assert frame["n"].to_list() == [1.0, 2.5, None]
    assert frame["mixed"].to_list() == ["x", '[1, "é"]', str(2**70)]
    assert frame["id"].to_list() == ["9007199254740993", "0.5", None]  # a floating-point number has fewer digits
    assert frame["flag"].to_list() == [True, None, None]
    assert frame["late"].to_list() == [None, "?", None]
    assert frame["phishing_probability"].to_list() == load_model(SHIPPED).classifier.predict_many(["", "", "7"])


def test_parquet_keeps_its_types(tmp_path: Path, in_process: Callable[[Path, Path], None]) -> None:
    """Lists, bytes and numbers stay what they are; a missing text counts as an empty one."""
    frame = pl.DataFrame({"Email Text": ["free money", None], "l": [[1], []], "b": [b"\x00", None], "n": [1, 2]})
    frame.write_parquet(tmp_path / "in.parquet")
    in_process(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").drop(ADDED).equals(frame)


def test_a_table_without_rows_gives_one(tmp_path: Path, in_process: Callable[[Path, Path], None]) -> None:
    """Its columns and the added ones."""
    in_process(write(tmp_path / "in.csv", rows=[]), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().split() == [
        "id,Email",
        "Text,note,prediction,probability,phishing_probability",
    ]
    in_process(tmp_path / "in.csv", tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").columns == HEAD + ADDED


def test_a_name_that_no_file_can_hold_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    """Half of a character in a column's name: an error that names it, and nothing left behind."""
    from fyke.bulk.tables import look_through

    source = tmp_path / "in.jsonl"
    source.write_text('{"Email Text": "a"}\n{"Email Text": "b", "\\ud800": 1}\n')
    with pytest.raises(DataError, match="half of a character"):
        look_through(source, "Email Text")


def test_the_text_column_may_have_another_name(tmp_path: Path) -> None:
    """--text-column names it; the summary is one line on stderr and stdout is empty."""
    rows = [["win a prize", "1"], ["hello", "2"]]
    source = write(tmp_path / "in.jsonl", rows, ["body", "n"])
    done = score(source, tmp_path / "out.csv", "--text-column", "body")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("2 rows, ")
    assert len(done.stderr.splitlines()) == 1
    assert [row["n"] for row in read(tmp_path / "out.csv")] == ["1", "2"]


def test_a_text_is_computed_once_and_known_the_next_time(tmp_path: Path) -> None:
    """Repeats in a table are hits, and a second run over the same embedded cache computes nothing."""
    source = write(tmp_path / "in.csv")
    first = score(source, tmp_path / "a.csv", cache="embedded://")
    again = score(source, tmp_path / "b.csv", cache="embedded://")
    assert f"{(len(ROWS) - len(TEXTS)) / len(ROWS):.1%} known already" in first.stderr
    assert "100.0% known already" in again.stderr
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_crew_shares_a_redis_with_the_service(tmp_path: Path, large: Path, redis_server: RedisServer) -> None:
    """Two processes give the rows that one gives, in order; each score is kept once, for whoever asks next."""
    cache = redis_server.url
    alone = score(large, tmp_path / "one.csv", "--workers", "1")
    crew = score(large, tmp_path / "two.csv", "--workers", "2", cache=cache)
    assert alone.returncode == crew.returncode == 0, crew.stderr
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    kept = redis_server.client().dbsize()
    again = score(large, tmp_path / "three.csv", "--workers", "2", cache=cache)
    assert "100.0% known already" in again.stderr
    assert redis_server.client().dbsize() == kept


def start(*arguments: object, **options: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen([*FYKE, "score", *map(str, arguments)], stderr=subprocess.PIPE, text=True, **options)


def some_progress(journal: Path) -> Callable[[], bool]:
    """Whether a few batches are behind it."""
    return lambda: journal.exists() and journal.stat().st_size > 10_000


@pytest.fixture
def killed(large: Path) -> Callable[[Path], int]:
    """Start a run and kill it without warning once it has got somewhere; says the size of its journal."""

    def run(output: Path) -> int:
        journal = output.with_name(f"{output.name}.journal")
        process = start(large, "--output", output, "--cache-url", "none://", "--workers", "2")
        try:
            until(some_progress(journal))
        finally:
            process.kill()
            _, said = process.communicate()
        assert "Traceback" not in str(said)  # nor do its helpers complain that it is gone
        return journal.stat().st_size

    return run


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl", ".parquet"])
def test_a_killed_run_goes_on_and_ends_alike(
    tmp_path: Path,
    large: Path,
    killed: Callable[[Path], int],
    in_process: Callable[[Path, Path], None],
    suffix: str,
) -> None:
    """After SIGKILL the same command scores what is missing; the output is an uninterrupted run's, byte for byte."""
    output, whole = tmp_path / f"out{suffix}", tmp_path / f"whole{suffix}"
    killed(output)
    assert not output.exists()
    resumed = score(large, output, "--workers", "2")
    assert resumed.returncode == 0, resumed.stderr
    assert "were scored before" in resumed.stderr
    in_process(large, whole)
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([output.name, whole.name])


def test_workers_do_not_outlive_a_killed_run(tmp_path: Path, killed: Callable[[Path], int]) -> None:
    """They hear that their pipe is closed and leave."""
    mark = f"mark-{os.getpid()}-{tmp_path.name}"
    os.environ["MARK"] = mark
    try:
        killed(tmp_path / "out.csv")
    finally:
        del os.environ["MARK"]
    if sys.platform == "linux":
        until(lambda: not with_environment(mark))


def with_environment(mark: str) -> list[str]:
    """The processes that were started with a mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_a_damaged_journal_costs_only_what_was_damaged(
    tmp_path: Path, large: Path, killed: Callable[[Path], int], in_process: Callable[[Path, Path], None]
) -> None:
    """A block that is cut short or altered, and what follows it, is scored again."""
    output, journal = tmp_path / "out.csv", tmp_path / "out.csv.journal"
    size = killed(output)
    content = bytearray(journal.read_bytes())
    content[size - 5000] ^= 1
    journal.write_bytes(content[: size - 3])
    resumed = score(large, output)
    assert "were scored before" in resumed.stderr
    in_process(large, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_another_input_or_model_is_not_mixed_in(
    tmp_path: Path, trained: Path, large: Path, killed: Callable[[Path], int]
) -> None:
    """A journal goes on only with what it was begun with; --force starts over."""
    output = tmp_path / "out.csv"
    killed(output)
    other = write(tmp_path / "other.csv")
    for arguments, differs in (((other,), "input"), ((large, "--model", str(trained)), "model")):
        done = fyke("score", *arguments, "--output", output, "--cache-url", "none://")
        assert done.returncode == 2
        assert f"another {differs}" in done.stderr
        assert "--force" in done.stderr
    assert not output.exists()
    assert score(other, output, "--force").returncode == 0
    assert read(output) == expected()


def test_an_output_is_replaced_only_when_told(tmp_path: Path) -> None:
    """And stays what it was until the new one is whole."""
    source, output = write(tmp_path / "in.csv"), tmp_path / "out.csv"
    output.write_text("precious")
    done = score(source, output)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert output.read_text() == "precious"
    assert score(source, output, "--force").returncode == 0
    assert read(output) == expected()


def test_a_run_that_replaces_can_be_gone_on_with(tmp_path: Path, large: Path) -> None:
    """Interrupted with Ctrl-C it says how, exits with 130, and leaves the old output in place."""
    output, journal = tmp_path / "out.csv", tmp_path / "out.csv.journal"
    output.write_text("precious")
    process = start(large, "--output", output, "--cache-url", "none://", "--force", start_new_session=True)
    until(some_progress(journal))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines() == ["error: interrupted; the same command without --force goes on from here."]
    assert output.read_text() == "precious"
    resumed = score(large, output)
    assert resumed.returncode == 0, resumed.stderr
    assert "were scored before" in resumed.stderr
    assert len(read(output)) == 20_000


def test_a_model_that_fails_its_self_test_scores_nothing(tmp_path: Path, trained: Path) -> None:
    """As the service refuses it: what it computes here is not what it was trained to."""
    place = tmp_path / "model"
    shutil.copytree(trained, place)
    lie(place)
    done = score(write(tmp_path / "in.csv"), tmp_path / "out.csv", "--model", str(place))
    assert done.returncode == 2
    assert "self-test" in done.stderr
    assert not (tmp_path / "out.csv").exists()


def test_two_runs_do_not_share_an_output(tmp_path: Path, large: Path) -> None:
    """The second is refused while the first is at work."""
    output = tmp_path / "out.csv"
    process = start(large, "--output", output, "--cache-url", "none://", "--workers", "1")
    until(some_progress(tmp_path / "out.csv.journal"))
    process.send_signal(signal.SIGSTOP)
    try:
        done = score(large, output)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()
    assert done.returncode == 2
    assert "another `fyke score`" in done.stderr


def test_an_input_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    """Nothing is written, and nothing of it is taken into the next run."""
    source, output = write(tmp_path / "in.csv"), tmp_path / "out.csv"

    def watch(stage: str, done: int, total: int) -> None:
        if stage == "scoring":
            write(source, ROWS[::-1])

    with pytest.raises(DataError, match="was changed"):
        bulk.score(Job(source, output), load(cache_url="none://"), watch)
    assert list(tmp_path.iterdir()) == [source]


def test_a_worker_that_dies_ends_the_run_and_loses_nothing(tmp_path: Path, large: Path) -> None:
    """It is said, and the next run goes on from there."""
    job, settings = Job(large, tmp_path / "out.csv", workers=2), load(cache_url="memory://")

    def watch(stage: str, done: int, total: int) -> None:
        if stage == "scoring":
            for helper in multiprocessing.active_children():
                helper.kill()
                helper.join()

    with pytest.raises(FykeError, match="has ended"):
        bulk.score(job, settings, watch)
    summary = bulk.score(job, settings)
    assert summary.earlier > 0
    assert summary.rows == len(read(job.output)) == 20_000


BROKEN = {
    "columns.csv": (b"a,b\n1,2\n", "it has 'a', 'b'"),
    "columns.jsonl": (b'{"a": 1}\n', "--text-column"),
    "scored.csv": (b"Email Text,prediction\nhello,x\n", "rename it"),
    "twice.csv": (b"Email Text,a,a\nhello,1,2\n", "two columns"),
    "empty.csv": (b"", "empty"),
    "empty.jsonl": (b"\n", "empty"),
    "short.csv": (b"Email Text,n\nhello,1\nhello\n", "line 3: 1 fields where the header has 2"),
    "quote.csv": (b'Email Text,n\nhello,1\n"hello,1\nx,2\n', "line 3"),
    "late.csv": (b"Email Text\n" + b"hello\n" * 100_000 + b"\xff\n", "line 100002: not UTF-8"),
    "bytes.csv": (b"Email Text,n\nhello,1\n\xff,2\n", "line 3: not UTF-8"),
    "json.jsonl": (b'{"Email Text": "a"}\n{"Email Text": \n', "line 2: not JSON"),
    "array.jsonl": (b'{"Email Text": "a"}\n["b"]\n', "line 2: not a JSON object"),
    "list.jsonl": (b'{"Email Text": ["a"]}\n', "line 1: 'Email Text' is not a text"),
    "cut.csv.gz": (gzip.compress(LINES.encode())[:5000], "cannot be read"),
    "plain.csv.gz": (b"Email Text\nhello\n", "cannot be read"),
    "binary.parquet": (b"PAR1\x00\x01\x02", "cannot be read as Parquet"),
    "mail.txt": (b"hello", ".parquet"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_table_is_named_with_the_line(
    tmp_path: Path, in_process: Callable[[Path, Path], None], name: str
) -> None:
    """Before anything is scored, and nothing is left behind."""
    content, said = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name) as caught:
        in_process(tmp_path / name, tmp_path / "out.csv")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_bad_arguments_are_said_in_one_line(tmp_path: Path) -> None:
    """Exit status 2 and the remedy; nothing else, and nothing written."""
    source = write(tmp_path / "in.csv")
    bad = write(tmp_path / "bad.csv", [["x"]], ["a"])
    deep = tmp_path / "deep.jsonl"
    deep.write_bytes(b'{"Email Text": ' + b"[" * 100_000)
    lists = tmp_path / "lists.parquet"
    pl.DataFrame({"Email Text": ["a"], "l": [[1]]}).write_parquet(lists)
    before = sorted(tmp_path.iterdir())
    for table, output, said in [
        (tmp_path / "nowhere.csv", tmp_path / "out.csv", "no such file"),
        (bad, tmp_path / "out.csv", "--text-column"),
        (deep, tmp_path / "out.csv", "line 1: not JSON"),
        (source, tmp_path / "out.xlsx", ".parquet"),
        (source, tmp_path / "missing" / "out.csv", "no such directory"),
        (source, source, "is the input"),
        (lists, tmp_path / "out.csv", "cannot hold column 'l'"),
    ]:
        done = score(table, output, "--force")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
    refused = score(source, tmp_path / "out.csv", cache="mysql://x")
    assert refused.returncode == 2
    assert "FYKE_CACHE_URL" in refused.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_dead_cache_does_not_stop_it(tmp_path: Path, large: Path) -> None:
    """It is said once, however many processes there are, and the rows are scored."""
    done = score(large, tmp_path / "out.csv", "--workers", "2", cache="redis://127.0.0.1:1/0")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot be reached") == 1
    assert len(read(tmp_path / "out.csv")) == 20_000
