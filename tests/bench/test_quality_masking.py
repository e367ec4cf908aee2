"""What betrays a corpus is masked, and nothing else."""

import pytest

from bench.quality.masking import ADDRESS, mask


@pytest.mark.parametrize(
    "text",
    [
        "Dear phishing@pot, your account",
        "Clientephishing@pot@hotmail.com, your account",
        "Dear jose@monkey.org, your account",
        "Your Monkey.Org mailbox is full",
        "to hibody@csmining.org. 75% off",
        "meeting at enron tomorrow , hou / ect",
        "[ILUG] boot disks",
        "Re: [R-SIG-Mac] big sur",
        "someone @end|ng |rom gm@||@com wrote",
        "On May 12, 2020, somebody wrote",
    ],
)
def test_the_known_traitors_are_gone(text: str) -> None:
    """Trap addresses, companies, list tags, obscured addresses, years."""
    traitors = ("phishing", "pot", "jose", "monkey", "csmining", "enron", "ect", "ilug", "sig-mac", "end|ng", "2020")
    assert not [one for one in traitors if one in mask(text).lower()]


@pytest.mark.parametrize(
    "written",
    ["someone@example.org", "someone @ example . org", "some.one at example.co.uk", "some+one@mail.example.com"],
)
def test_addresses_are_alike(written: str) -> None:
    """However they are written, and the words around them stay."""
    assert mask(f"write to {written} , please") == f"write to {ADDRESS} , please"


def test_feet_of_lists_go() -> None:
    """From the ruled line to the end, and only there."""
    foot = "_" * 47 + "\nfolk@example.org mailing list\nhttp://example.org/mailman/listinfo/folk\n"
    assert mask(f"Hello\nall\n{foot}") == "Hello\nall"
    assert mask("Hello\n" + "_" * 30 + "\nSigned here") == "Hello\nSigned here"


@pytest.mark.parametrize(
    "text",
    [
        "You won $2010.50 today",
        "Meet me at noon at the office",
        "Your account was suspended. Click https://example.com/login to verify.",
        "[URGENT ACTION REQUIRED NOW PLEASE] pay",
        "direct deposit of 12020 points",
        "",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    """Amounts, links, and words that only contain a masked one."""
    assert mask(text) == text


def test_masking_twice_is_masking_once() -> None:
    """What it puts in is not masked again."""
    once = mask("[R] jose@monkey.org wrote in 1999 from enron")
    assert mask(once) == once


def test_masking_takes_time_in_proportion() -> None:
    """Long runs that almost match do not make it crawl: each of these is masked at once, or the suite would hang."""
    for run in ("a" * 200_000, "a." * 100_000, "a @ " * 50_000, "_" * 200_000, "x at y." * 30_000, "[a " * 50_000):
        assert mask(run) is not None
