"""The page, as people use it: in a browser, against the service itself."""

import json
import os
import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import FYKE, ROOT, Service, free_port, wait_until_ready
from tests.service.browsing import Watched, chromium

VIEWS = ("/", "/ui/cache", "/ui/model")
PATIENCE = 60_000  # milliseconds; what is bound to come may take long on a busy machine
LURE = (ROOT / "data" / "messages" / "lure.eml").read_bytes()
PHISHING = "congratulations you have won a free iphone, click here to claim your prize"

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def service(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all these tests, with its own embedded cache."""
    room = tmp_path_factory.mktemp("page")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FYKE_")}
    port = free_port()
    command = [*FYKE, "serve", "--port", str(port), "--cache-url", "embedded://", "--allow-purge"]
    with (room / "serve.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=clean | {"FYKE_CACHE_DIR": str(room / "cache")})
    started = Service(process, f"http://127.0.0.1:{port}", room / "serve.log")  # type: ignore[arg-type]
    try:
        wait_until_ready(started)
        yield started
    finally:
        started.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    one = browser.new_context(viewport={"width": 1280, "height": 900})
    one.set_default_timeout(PATIENCE)
    yield one
    one.close()


@pytest.fixture
def watched(service: Service) -> Iterator[Watched]:
    """No request may leave the origin, and nothing may be said on the console, in any of these tests."""
    seen = Watched()
    yield seen
    assert [url for url in seen.requests if not url.startswith(service.url + "/")] == []
    assert seen.trouble == []


@pytest.fixture
def page(context: BrowserContext, service: Service, watched: Watched) -> Page:
    """The page in a browser that has never seen it."""
    one = context.new_page()
    watched.by(one)
    one.goto(service.url + "/")
    return one


def check(page: Page, text: str) -> None:
    """Paste a text and ask for its verdict."""
    page.get_by_label("The mail", exact=True).fill(text)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("#verdict")).to_be_visible()


def ready(page: Page) -> None:
    """A view has what it asked the service for."""
    expect(page.locator("#about")).to_contain_text("Fyke")


def answered(page: Page) -> list[str]:
    """The tier that the last answer came from."""
    return page.locator("#way .answered span").all_text_contents()


def test_a_pasted_text_gets_its_verdict_and_the_next_click_shows_the_hit(page: Page, service: Service) -> None:
    """The label and probability of POST /predict, from the model; then from memory, with its age and time to live."""
    text = PHISHING + " before noon"
    check(page, text)
    expect(page.locator("#told")).to_contain_text("Computed by the model, kept for")
    assert answered(page) == ["Model"]
    page.get_by_role("button", name="Check again").click()
    expect(page.locator("#told")).to_contain_text("A hit in memory")
    assert answered(page) == ["Memory"]
    told = httpx.post(service.url + "/predict", json={"text": text}).json()
    assert told["prediction"] == "Phishing Email"
    assert page.locator("#label").inner_text() == "Phishing"
    expect(page.locator("#sure")).to_have_text(f"Probability {told['probability'] * 100:.1f} %")
    assert "Phishing, probability" in page.get_by_role("status").inner_text()


def test_the_words_that_weighed_are_marked_in_place(page: Page, service: Service) -> None:
    """The text stays as it was, code point by code point, and the strongest words of POST /explain are marked."""
    text = "🎉 " + PHISHING + " 🏆, thanks for the meeting"
    check(page, text)
    expect(page.locator("#weights")).to_be_visible()
    explained = httpx.post(service.url + "/explain", json={"text": text}).json()
    assert page.locator("#reading").evaluate("box => box.textContent") == text
    toward = page.locator("#reading mark[class^=p]").all_text_contents()
    away = page.locator("#reading mark[class^=s]").all_text_contents()
    for marks, sign in ((toward, 1), (away, -1)):
        strongest = max(explained["parts"], key=lambda part: sign * part["contribution"])
        assert strongest["word"] in marks
    assert {part["word"] for part in explained["parts"] if part["contribution"] > 0} >= set(toward)
    assert page.locator("#weight-list li").count() >= 3


def test_a_dropped_message_is_read_with_its_signs(page: Page) -> None:
    """The subject, the sender, the text that a reader sees, and what a reader should know."""
    page.evaluate(
        """bytes => {
            const moved = new DataTransfer();
            moved.items.add(new File([new Uint8Array(bytes)], "lure.eml", { type: "message/rfc822" }));
            const sheet = document.getElementById("sheet");
            sheet.dispatchEvent(new DragEvent("drop", { dataTransfer: moved, bubbles: true, cancelable: true }));
        }""",
        list(LURE),
    )
    expect(page.locator("#facts")).to_contain_text("Parcel Service · notice@parcels.example.org")
    expect(page.locator("#facts")).to_contain_text("Your parcel is waiting 📦")
    expect(page.locator("#signs li")).to_have_count(2)
    expect(page.locator("#signs")).to_contain_text("leads to parcels.example.com")
    expect(page.locator("#reading")).to_contain_text("you have won a free iphone")
    assert "minutes of the project" not in page.locator("#reading").inner_text()
    page.get_by_role("button", name="Check again").click()
    expect(page.locator("#told")).to_contain_text("A hit in memory")


def test_a_chosen_file_is_read_too(page: Page) -> None:
    """For those who cannot drop anything."""
    page.locator("#file").set_input_files(
        {
            "name": "meeting.eml",
            "mimeType": "message/rfc822",
            "buffer": (ROOT / "data/messages/meeting.eml").read_bytes(),
        }
    )
    expect(page.locator("#sheet-name")).to_have_text("meeting.eml")
    expect(page.locator("#message")).to_be_visible()


def test_the_pasted_source_of_a_message_is_read_as_one(page: Page) -> None:
    """Headers, signs and the text that a reader sees; to edit is the source again."""
    check(page, LURE.decode())
    expect(page.locator("#sheet-name")).to_have_text("The mail, read from its source")
    expect(page.locator("#signs")).to_contain_text("leads to parcels.example.com")
    page.get_by_role("button", name="Edit").click()
    expect(page.locator("#text")).to_have_value(LURE.decode())


def test_a_hostile_mail_stays_text(page: Page) -> None:
    """Markup and handlers are shown as they are, endless words cut where that is said, and nothing of them runs.

    What would turn the order of the letters is shown as a replacement character.
    """
    markup = '<script>window.ran = 1</script><img src=x onerror="window.ran = 2"></div><b>prize</b>\u202e click </mark>'
    check(page, markup + " account" * 80_000 + " last")
    expect(page.locator("#weights")).to_be_visible()
    kinds = page.evaluate("[...new Set(Array.from(document.querySelectorAll('#reading *'), one => one.localName))]")
    assert kinds == ["mark"]
    assert page.locator("#reading").evaluate("box => box.textContent").startswith(markup.replace("\u202e", "\ufffd"))
    assert page.evaluate("window.ran") is None
    expect(page.locator("#cut")).to_contain_text("Only the first 20,000 characters are shown")
    assert len(page.locator("#reading").evaluate("box => box.textContent")) == 20_000
    assert "onerror" in page.evaluate("localStorage.getItem('fyke.history')")
    page.reload()
    expect(page.locator("#past .words")).to_contain_text("<script>window.ran = 1</script>")
    assert page.evaluate("window.ran") is None


def test_all_of_it_works_with_the_keyboard_alone(page: Page) -> None:
    """From the skip link to the verdict, again, back to the text, and an example."""
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the check")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.insert_text("minutes of the meeting on tuesday, thanks")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#label")).to_have_text("Safe")
    expect(page.get_by_role("button", name="Check again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#told")).to_contain_text("A hit in memory")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Edit")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_have_value("minutes of the meeting on tuesday, thanks")
    page.get_by_role("button", name="A parcel that waits").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sheet-name")).to_have_text("parcel.eml")
    expect(page.get_by_role("status")).to_contain_text("Phishing")


def test_the_history_is_first_words_and_one_click_clears_it(page: Page) -> None:
    """Nothing of a mail beyond its first seven words is kept in the browser."""
    check(page, "one two three four five six seven eight nine")
    expect(page.locator("#past li")).to_have_count(1)
    (kept,) = json.loads(page.evaluate("JSON.stringify(Object.values({ ...localStorage }))"))
    (entry,) = json.loads(kept)
    assert entry.pop("words") == "one two three four five six seven"
    assert set(entry) == {"prediction", "probability", "at"}
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#history")).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0


def test_a_service_that_does_not_explain_gives_its_verdict_all_the_same(page: Page, watched: Watched) -> None:
    """Text and message, without marks."""
    page.route("**/explain**", lambda route: route.fulfill(status=404, json={"detail": "Not Found"}))
    check(page, PHISHING)
    expect(page.locator("#label")).to_have_text("Phishing")
    expect(page.locator("#reading")).to_have_text(PHISHING)
    expect(page.locator("#weights")).to_be_hidden()
    page.get_by_role("button", name="A parcel that waits").click()
    expect(page.locator("#facts")).to_contain_text("Your parcel is waiting")
    assert all("404" in said for said in watched.trouble)
    watched.trouble.clear()


def test_what_is_wrong_is_said_in_words(page: Page, watched: Watched) -> None:
    """Nothing to check, and a text over the limit."""
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("There is nothing to check yet")
    page.locator("#text").evaluate("box => { box.value = 'word '.repeat(250000); }")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("over the limit of 1048576 bytes. Paste less of it")
    assert all("413" in said for said in watched.trouble)
    watched.trouble.clear()


def test_no_verdict_stays_above_a_mail_that_has_none(page: Page, watched: Watched) -> None:
    """What is no message is refused with the remedy, and the last verdict goes; what is written then is checked."""
    check(page, PHISHING)
    file = {"name": "lost.eml", "mimeType": "message/rfc822", "buffer": b""}
    page.locator("#file").set_input_files(file)  # type: ignore[arg-type]
    expect(page.get_by_role("alert")).to_contain_text("There is no message in lost.eml. In a mail program save")
    expect(page.locator("#verdict")).to_be_hidden()
    assert all("422" in said for said in watched.trouble)
    watched.trouble.clear()
    page.locator("#file").set_input_files(file | {"name": "cat.png", "mimeType": "image/png"})  # type: ignore[arg-type]
    expect(page.get_by_role("alert")).to_contain_text("cat.png is no mail")
    check(page, "minutes of the meeting on tuesday, thanks")
    expect(page.locator("#label")).to_have_text("Safe")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_the_live_view_moves_while_a_load_runs(page: Page, service: Service) -> None:
    """Answers, hits, charts, entries and the verdict on whether it pays change without a reload; it can be paused."""
    page.goto(service.url + "/ui/cache")
    expect(page.locator("#pulse-said")).to_have_text("live")
    with httpx.Client(base_url=service.url) as client:
        for topic in ("meeting", "money", "invoice", "password", "university") * 20:
            assert client.post("/predict", json={"text": f"a load of texts, {topic}"}).is_success
    answers = page.locator(".tile", has_text="Answers").locator(".big")
    expect(answers).to_have_text(re.compile(r"^([1-9]\d\d|\d+,\d{3})$"))
    assert page.locator("#rate svg .area.memory").evaluate("path => path.getAttribute('d').length") > 0
    expect(page.locator("#entries")).to_contain_text("a load of texts, university")
    expect(page.locator("#latency")).to_contain_text("Redis")
    expect(page.locator("#state")).to_contain_text("closed: the store is asked")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#pulse-said")).to_have_text("paused")


def test_a_purge_asks_first_and_forgets_everything(page: Page, service: Service) -> None:
    """The list is empty afterwards, and the next answer is the model's."""
    text = "to be forgotten soon"
    httpx.post(service.url + "/predict", json={"text": text})
    page.goto(service.url + "/ui/cache")
    expect(page.locator("#entries")).to_contain_text(text)
    page.get_by_role("button", name="Forget all").first.click()
    page.get_by_role("button", name="Keep them").click()
    page.get_by_role("button", name="Forget all").first.click()
    page.locator("#yes").click()
    expect(page.get_by_role("status")).to_contain_text("predictions forgotten")
    expect(page.locator("#entries")).to_contain_text("Nothing is kept yet")
    assert "fwd=miss" in httpx.post(service.url + "/predict", json={"text": text}).headers["cache-status"]


def test_the_model_view_says_what_the_card_says(page: Page, service: Service) -> None:
    """Accuracy, confusion, calibration, the points, and which of them is in force."""
    card = httpx.get(service.url + "/model").json()
    page.goto(service.url + "/ui/model")
    expect(page.locator("#card")).to_contain_text(card["model_id"])
    held = card["figures"]["held_out"]
    expect(page.locator("#tiles")).to_contain_text(f"{held['accuracy'] * 100:.2f} %")
    cells = [int(cell.replace(",", "")) for cell in page.locator("#confusion strong").all_text_contents()]
    assert sum(cells) == held["rows"]
    assert (cells[0] + cells[3]) / sum(cells) == pytest.approx(held["accuracy"], abs=1e-9)
    assert page.locator("#calibration circle").count() == len(held["reliability"])
    expect(page.locator("#points .ours")).to_contain_text("in force")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_serious_barrier(page: Page, service: Service, scheme: str) -> None:
    """axe-core finds nothing serious or critical on any view, with and without a verdict."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    axe = Axe()
    found = {}
    for view in VIEWS:
        page.goto(service.url + view)
        ready(page)
        found[view] = axe.run(page).response["violations"]
    page.goto(service.url + "/")
    page.get_by_role("button", name="A parcel that waits").click()
    expect(page.locator("#message")).to_be_visible()
    found["a verdict"] = axe.run(page).response["violations"]
    grave = [
        (view, one["id"], [node["html"] for node in one["nodes"]])
        for view, violations in found.items()
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []


def test_every_view_fits_a_phone(page: Page, service: Service) -> None:
    """At 320 pixels nothing is wider than the screen."""
    page.set_viewport_size({"width": 320, "height": 640})
    for view in VIEWS:
        page.goto(service.url + view)
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, view
    page.goto(service.url + "/")
    page.get_by_role("button", name="A parcel that waits").click()
    expect(page.locator("#message")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_first_view_is_small(context: BrowserContext, service: Service, watched: Watched) -> None:
    """Each view with all that it loads is under 100 kB, uncompressed."""
    for view in VIEWS:
        one = context.new_page()
        watched.by(one)
        sizes: dict[str, int] = {}
        one.on("requestfinished", lambda request, sizes=sizes: sizes.update({request.url: 0}))
        one.goto(service.url + view)
        ready(one)
        files = [url for url in sizes if not url.endswith("/live")]
        total = sum(len(httpx.get(url, headers={"accept": "text/html"}).content) for url in files)
        assert len(files) >= 4
        assert 10_000 < total < 100_000, (view, total)
        one.close()
