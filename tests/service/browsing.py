"""A real browser for the page: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAM = "chromium"


def require_chromium() -> str:
    """The browser's path; skip without it, except where CI requires it."""
    path = shutil.which(PROGRAM)
    if path is None:
        if os.environ.get("FYKE_REQUIRE_BROWSER"):
            pytest.fail(f"{PROGRAM} is required here: apt install {PROGRAM}")
        pytest.skip(f"{PROGRAM} is not installed (apt install {PROGRAM})")
    return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser, without a sandbox where root would not be given one."""
    path = require_chromium()
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-dev-shm-usage", *flags])
        yield browser
        browser.close()


@dataclass
class Watched:
    """What a page asked for, and what went wrong on it."""

    requests: list[str] = field(default_factory=list)
    bodies: dict[str, int] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)

    def by(self, page: Page) -> None:
        """Note everything that this page does from now on."""
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("console", lambda said: said.type in ("error", "warning") and self.trouble.append(said.text))
