"""The live pages in a real browser: at the size of a phone and of a desktop, light and dark, while totals move."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from weir_api.streamjobs import Topic
from weir_operator.fleet import topics

from .services import QueryService, total, write

pytestmark = pytest.mark.timeout(300)

TOPIC = "pages.totals"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
NAMES = ("William", "Noah", "Sophia", "Emma", "Olivia", "Ava", "Jacob", "Liam", "Isa")
AMOUNTS = ("250.00", "200.00", "120.00", "100.00", "80.00", "60.00", "40.00", "30.00", "20.00")


@pytest.fixture(scope="module")
def service(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryService]:
    topics.ensure_topics(kafka, [Topic(name=TOPIC)])
    rows = [total("customers", name, "2026-11", amount, events=7) for name, amount in zip(NAMES, AMOUNTS, strict=True)]
    rows += [total("customers", "Emma", f"2026-{month:02}", f"{month * 10}.5{month}") for month in range(4, 10)]
    rows += [total("customers", "Emma", "2026-11", "12345678.90", currency="JPY")]
    write(kafka, TOPIC, rows)
    with QueryService(kafka, TOPIC, tmp_path_factory.mktemp("query")) as one:
        yield one.ready()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    size, scheme = request.param
    chosen: Literal["light", "dark"] = "dark" if scheme == "dark" else "light"
    width, height = SIZES[size]
    opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=chosen)
    yield opened
    opened.close()


def shot(page: Page, request: pytest.FixtureRequest, directory: Path) -> None:
    """A picture, kept where WEIR_SCREENSHOTS says."""
    folder = Path(os.environ.get("WEIR_SCREENSHOTS", directory))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{request.node.name}.png"
    page.screenshot(path=path, full_page=True)
    assert path.stat().st_size > 5_000


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways to be read."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def contrast(page: Page, selector: str) -> float:
    """Between text and the page behind it, as WCAG measures it."""
    return float(
        page.evaluate(
            """selector => {
  const light = color => { const [r, g, b] = color.match(/[0-9.]+/g).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ink = light(getComputedStyle(document.querySelector(selector)).color);
  const paper = light(getComputedStyle(document.body).backgroundColor);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); }""",
            selector,
        )
    )


def test_a_key(service: QueryService, kafka: str, page: Page, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    page.goto(f"{service.url}/live/customers/Emma")
    expect(page.locator("h1")).to_have_text("Emma")
    expect(page.locator("#state")).to_have_text("Live: changes show at once")
    expect(page.locator(".total")).to_have_count(2)
    expect(page.locator("#periods tr")).to_have_count(8)
    moved = f"{100 + len(request.node.name)}.07"
    write(kafka, TOPIC, [total("customers", "Emma", "2026-11", moved, events=8)])
    expect(page.locator(".total").first).to_contain_text(moved)
    expect(page.locator("#periods tr").first).to_contain_text(moved)
    assert fits(page)
    assert min(contrast(page, ".what"), contrast(page, ".note"), contrast(page, "h1")) >= 4.5
    shot(page, request, tmp_path)


def test_a_view(service: QueryService, page: Page, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    page.goto(f"{service.url}/live/customers")
    expect(page.locator("#state")).to_have_text("Live: changes show at once")
    expect(page.locator("table").first.locator("tbody tr")).to_have_count(len(NAMES))
    expect(page.locator("tbody tr").first).to_contain_text("William")
    assert fits(page)
    shot(page, request, tmp_path)
    page.get_by_role("link", name="William").click()
    expect(page.locator("h1")).to_have_text("William")
    expect(page.locator(".total")).to_contain_text("250.00")


def test_a_key_that_is_not_there(service: QueryService, page: Page) -> None:
    page.goto(f"{service.url}/live/customers/Nobody")
    expect(page.locator("#state")).to_have_text("This key is not there")
