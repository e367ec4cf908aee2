"""Real mail: every message of the two archives of raw mail."""

import tarfile
from pathlib import Path

import pytest

from fyke.mail.reading import read_message, read_text
from fyke.mail.signs import signs


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("archive", "count", "empty"),
    [("spamassassin_raw.tar.xz", 6046, 20), ("nazario_2015_2020_raw_eml.tar.xz", 1094, 40)],
)
def test_all_real_mail_is_read(corpus_dir: Path, archive: str, count: int, empty: int) -> None:
    """Without an exception or a warning; nearly all have a text, and reading it again changes nothing."""
    read = without = 0
    with tarfile.open(corpus_dir / archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            message = read_message(file.read())
            signs(message)
            assert read_text(message.text) == message.text
            read += 1
            without += not message.body
    assert read == count
    assert without <= empty
