"""`fyke train` and `fyke evaluate` on messages in folders, mailboxes and archives that are named after their label."""

import io
import json
import tarfile
from email.message import EmailMessage
from pathlib import Path

import polars
import pytest

from fyke.mail.limits import Limits
from fyke.mail.sources import read_source, sources
from tests.conftest import SAMPLE, fyke

DATE = b"From a@example.org Mon Jan  1 00:00:00 2024\n"
FOLDER = {"Phishing Email": "phishing", "Safe Email": "safe"}
ENCODINGS = ("quoted-printable", "base64", "8bit")


def messages(rows: int = 120) -> list[tuple[str, bytes]]:
    """Folder and message for rows of our own sample, in every encoding, some in HTML."""
    table = polars.read_csv(SAMPLE, infer_schema=False)
    table = table.gather_every(table.height // rows).head(rows)
    made = []
    for number, (text, label) in enumerate(table.select("Email Text", "Email Type").iter_rows()):
        message = EmailMessage()
        message["From"] = "Jörg <j@example.org>"
        message["Subject"] = " ".join(text.split()[:4]) + " é"
        message["Message-ID"] = f"<{number}@example.org>"
        message.set_content(text, cte=ENCODINGS[number % 3], charset="utf-8")
        if number % 4 == 0:
            message.add_alternative(f"<html><p>{text}</p><!-- no --></html>", subtype="html")
        made.append((FOLDER[label], message.as_bytes()))
    return sorted(made, key=lambda one: one[0])


def in_folders(root: Path) -> Path:
    """The messages as files; their order is that of `messages`."""
    for number, (label, raw) in enumerate(messages()):
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{number:04}.eml").write_bytes(raw)
    return root


def in_mailboxes(root: Path) -> list[Path]:
    """The same in a Maildir and an mbox."""
    for number, (label, raw) in enumerate(messages()):
        if label == "phishing":
            (root / label / "cur").mkdir(parents=True, exist_ok=True)
            (root / label / "new").mkdir(exist_ok=True)
            (root / label / "cur" / f"{number:04}:2,S").write_bytes(raw)
        else:
            with (root / "safe.mbox").open("ab") as box:
                box.write(DATE + raw.replace(b"\nFrom ", b"\n>From ") + b"\n")
    return [root / "phishing", root / "safe.mbox"]


def in_archive(root: Path, **names: str) -> Path:
    """The same in a tar archive, in folders of other names."""
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(root / "mail.tar.xz", "w:xz") as archive:
        for number, (label, raw) in enumerate(messages()):
            info = tarfile.TarInfo(f"data/{names[label]}/{number:04}.txt")
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return root / "mail.tar.xz"


def in_table(folder: Path, table: Path) -> Path:
    """The extracted texts of a folder's messages as a table."""
    labels = {name: label for label, name in FOLDER.items()}
    read = [
        (read_source(one, Limits()).text, labels[one.within[-2]])
        for one in sources([folder], limit=10**7, trouble=print)
    ]
    frame = polars.DataFrame(read, schema=["Email Text", "Email Type"], orient="row")
    frame.write_parquet(table) if table.suffix == ".parquet" else frame.write_csv(table)
    return table


def trained_id(output: Path, *arguments: str | Path) -> str:
    """The id of the model that training gives, with nothing on stderr."""
    done = fyke("train", *arguments, "--output", output)
    assert (done.returncode, done.stderr) == (0, "")
    return str(json.loads((output / "model.json").read_text())["model_id"])


def test_messages_and_their_extracted_texts_give_the_same_model(tmp_path: Path) -> None:
    """From folders, a Maildir with an mbox, an archive, a CSV and a Parquet table: one model id."""
    folder = in_folders(tmp_path / "mail")
    archive = in_archive(tmp_path / "archive", phishing="spam-1", safe="ham")
    maps = ["--label-map", "spam-1=Phishing Email", "--label-map", "ham=Safe Email"]
    ids = {
        trained_id(tmp_path / "1", folder),
        trained_id(tmp_path / "2", *in_mailboxes(tmp_path / "boxes")),
        trained_id(tmp_path / "3", archive, *maps),
        trained_id(tmp_path / "4", in_table(folder, tmp_path / "t.csv")),
        trained_id(tmp_path / "5", in_table(folder, tmp_path / "t.parquet")),
    }
    assert len(ids) == 1


def test_evaluate_knows_the_messages_that_were_trained_on(tmp_path: Path) -> None:
    """Their digest is over bytes and labels in order: a folder may move, a message may not change."""
    folder = in_folders(tmp_path / "mail")
    trained_id(tmp_path / "model", folder)
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    assert card["datasets"][0]["name"] == "mail"
    assert card["datasets"][0]["rows"] == card["rows"] == 120
    moved = folder.rename(tmp_path / "moved")
    same = fyke("evaluate", moved, "--model", tmp_path / "model", "--json")
    assert json.loads(same.stdout)["accuracy"] == card["figures"]["held_out"]["accuracy"]
    (moved / "safe" / "more.eml").write_bytes(b"Subject: one more\nFrom: a@example.org\n\nmessage\n")
    other = fyke("evaluate", moved, "--model", tmp_path / "model")
    assert (other.returncode, "--all" in other.stderr) == (2, True)
    assert fyke("evaluate", moved, SAMPLE, "--model", tmp_path / "model", "--all").returncode == 0


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("mail/ham", [], "--label-map ham='Safe Email'"),
        ("mail", ["--label-map", "spam=Phishing Email"], "known are 'spam'"),
        ("nowhere", [], "no such file or folder"),
        ("empty", [], "no message to read"),
    ],
)
def test_mail_without_a_label_is_told_with_the_remedy(tmp_path: Path, path: str, options: list[str], said: str) -> None:
    """Exit status 2 and one line that says what a name can mean."""
    for name in ("mail/ham", "empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "mail" / "ham" / "1.eml").write_bytes(b"Subject: a\nFrom: b@example.org\n\nc\n")
    done = fyke("train", tmp_path / path, *options, "--output", tmp_path / "model")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_nearest_name_is_the_label(tmp_path: Path) -> None:
    """A folder of ham in one of spam is ham; a table may stand beside."""
    folder = in_folders(tmp_path / "spam").rename(tmp_path / "all")
    (folder / "safe").rename(folder / "phishing" / "safe")
    trained_id(tmp_path / "model", folder, SAMPLE)
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    safe = sum(label == "safe" for label, _ in messages())
    table = polars.read_csv(SAMPLE, infer_schema=False)
    assert card["label_counts"]["Safe Email"] == safe + table.filter(pl_is_safe()).height


def pl_is_safe() -> polars.Expr:
    """Rows of the sample that are safe."""
    return polars.col("Email Type") == "Safe Email"


@pytest.mark.corpus
def test_the_archives_give_the_same_model_as_their_texts(corpus_dir: Path, tmp_path: Path) -> None:
    """Every eighth message of the SpamAssassin archive, raw and as a table."""
    folder = tmp_path / "mail"
    with tarfile.open(corpus_dir / "spamassassin_raw.tar.xz") as archive:
        for number, member in enumerate(archive):
            file = archive.extractfile(member) if member.isfile() and number % 8 == 0 else None
            if file is not None:
                label = "safe" if "ham" in member.name else "phishing"
                (folder / label).mkdir(parents=True, exist_ok=True)
                (folder / label / f"{number}.eml").write_bytes(file.read())
    raw = trained_id(tmp_path / "raw", folder)
    assert raw == trained_id(tmp_path / "csv", in_table(folder, tmp_path / "t.csv"))
