"""Pictures of the page for the documentation, and what its first view costs: ``python -m bench.screenshots``.

Needs Debian's chromium; fonts-inter and fonts-noto-color-emoji for the letters of the pictures that are kept.
"""

import argparse
import csv
import io
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, Response, sync_playwright

from bench.machine import ROOT, SAMPLE

COLOURS = 128
WARM_SECONDS = 75.0


@contextmanager
def served() -> Iterator[str]:
    """A service with an embedded cache of its own; its address."""
    with tempfile.TemporaryDirectory() as room:
        port = "8765"
        command = [sys.executable, "-m", "fyke", "serve", "--port", port, "--cache-url", "embedded://", "--allow-purge"]
        process = subprocess.Popen(command, env=os.environ | {"FYKE_CACHE_DIR": room})  # noqa: S603, TID251
        url = f"http://127.0.0.1:{port}"
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
                client.get(url + "/readyz").raise_for_status()
            yield url
        finally:
            process.terminate()
            process.wait()


def keep(page: Page, path: Path, *, whole: bool = True) -> None:
    """A screenshot of few colours."""
    taken = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    taken.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {taken.width} x {taken.height}, {path.stat().st_size:,} bytes")


def opened(browser: Browser, url: str, width: int, height: int, *, dark: bool = False, scale: float = 1) -> Page:
    """A page in a browser that has never seen it."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#about:text('Fyke')")
    return page


def try_example(page: Page, name: str) -> None:
    """Choose one of the page's examples and wait for its verdict."""
    page.get_by_role("button", name=name).click()
    page.wait_for_selector("#verdict:visible")
    page.mouse.move(0, 0)


def pictures(browser: Browser, url: str, directory: Path) -> None:
    """The five that the documentation shows."""
    page = opened(browser, url, 1280, 800)
    try_example(page, "Minutes of a meeting")
    try_example(page, "An account in danger")
    page.get_by_role("button", name="Check again").click()
    page.wait_for_selector("#told:text('A hit in memory')")
    page.mouse.move(0, 0)
    keep(page, directory / "page.png")
    dark = opened(browser, url, 1280, 800, dark=True)
    try_example(dark, "A parcel that waits")
    keep(dark, directory / "page-dark.png")
    phone = opened(browser, url, 390, 844, scale=2)
    try_example(phone, "An account in danger")
    keep(phone, directory / "page-phone.png", whole=False)
    work(url)
    cache = opened(browser, url + "/ui/cache", 1280, 900)
    cache.wait_for_selector("#entries .tag")
    keep(cache, directory / "cache.png")
    model = opened(browser, url + "/ui/model", 1280, 900)
    model.wait_for_selector("#card code")
    keep(model, directory / "model.png")


def work(url: str) -> None:
    """A minute of mail of which much comes again, so that the cache has something to show."""
    with SAMPLE.open(newline="", encoding="utf-8") as file:
        texts = [row["Email Text"] for row in csv.DictReader(file)]
    rng = random.Random(7)  # noqa: S311
    pause, ended = threading.Event(), threading.Event()
    threading.Timer(WARM_SECONDS, ended.set).start()
    known = 10.0
    with httpx.Client(base_url=url) as client:
        while not ended.is_set():
            known = min(len(texts), known + 0.05)
            client.post("/predict", json={"text": texts[int(known * rng.random() ** 2)]})
            pause.wait(rng.random() * 0.008)


def first_view(browser: Browser, url: str, times: int = 15) -> None:
    """Bytes and milliseconds of the first view of each page, in a browser that has nothing of it."""
    for view in ("/", "/ui/cache", "/ui/model"):
        ready, sent = [], []
        for _ in range(times):
            context = browser.new_context()
            page = context.new_page()
            sizes: list[int] = []
            page.on("response", partial(_note, sizes))
            page.goto(url + view)
            page.wait_for_selector("#about:text('Fyke')")
            ready.append(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
            sent.append(sum(sizes))
            context.close()
        print(
            f"{view}: {max(sent):,} bytes sent, interactive after {statistics.median(ready):.0f} ms (median of {times})"
        )


def _note(sizes: list[int], response: Response) -> None:
    sizes.append(int(response.headers.get("content-length", 0)))


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "screenshots")
    directory = parser.parse_args().output
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed (apt install chromium fonts-inter fonts-noto-color-emoji)")
    directory.mkdir(parents=True, exist_ok=True)
    with served() as url, sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        first_view(browser, url)
        pictures(browser, url, directory)
        browser.close()


if __name__ == "__main__":
    main()
