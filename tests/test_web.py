"""`make web` in a real browser. `make readme` takes the manual's screenshot here."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mitmproxy import flowfilter
from mitmproxy.test import tflow
from playwright.sync_api import Locator, Page, expect, sync_playwright

from harness import SECONDS, free_port, wait_for
from hublet_router.core.judge import decide
from hublet_router.proxy.engine.web_focus import NOT_YOURS
from hublet_router.proxy.routing.annotate import annotate
from shipped_table import SHIPPED as TABLE
from system_programs import needed
from test_har import PRODUCERS, with_request
from ui import FILTERS, MANUAL, ROOT, demo_table, recipe

PICTURE = ROOT / "tests" / "pictures" / "mitmweb.png"
EXAMPLES = TABLE.examples


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where mitmweb says that it is, with the token that it made for this start."""
    folder = tmp_path_factory.mktemp("web")
    table, _ = demo_table(folder)
    log = folder / "log"
    command = recipe("web", table, "--no-web-open-browser", f"--web-port {free_port()}")
    with log.open("w") as to:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], stdout=to, stderr=to, cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        wait_for(lambda: process.poll() is not None or "see them at" in log.read_text())
        last = log.read_text().splitlines()[-2:]  # a client may yet be about to disconnect
        yield re.findall(r"see them at (\S+token=\w+)", "\n".join(last))[0]
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """A browser with all flows in the list; mitmweb renders only the rows that fit."""
    with browser() as page:
        page.goto(address)
        expect(rows(page)).to_have_count(len(EXAMPLES))
        yield page


@contextmanager
def browser() -> Iterator[Page]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=needed("chromium"))
        page = chromium.new_page(viewport={"width": 1000, "height": 300 + 40 * len(EXAMPLES)})
        page.set_default_timeout(SECONDS * 1000)
        expect.set_options(timeout=SECONDS * 1000)
        yield page
        chromium.close()


def rows(page: Page) -> Locator:
    return page.locator(".flow-table tr.has-response")


def test_a_person_finds_what_went_to_a_hublet_and_why(page: Page, tmp_path: Path) -> None:
    page.get_by_placeholder("Search").fill('~comment "^na1 "')
    expect(rows(page)).to_have_count(sum(example.hublet == "na1" for example in EXAMPLES))
    assert all(it.startswith("na1 ← ") for it in page.locator("td.col-comment").all_inner_texts())
    rows(page).filter(has_text="/crm/v3/objects/deals").click()
    expect(page.locator(".flow-detail")).to_contain_text("oauth-access-token: it names none")
    page.locator(":focus").blur()
    page.set_viewport_size({"width": 1200, "height": 480})
    picture = PICTURE if "PICTURE" in os.environ else tmp_path / PICTURE.name
    page.screenshot(path=picture)
    assert 10_000 < picture.stat().st_size < 150_000


def test_the_flow_that_is_open_is_explained(page: Page) -> None:
    row = rows(page).filter(has_text="na1 ← legacy (oauth-access-token)")
    assert row.locator("td.col-path").inner_text() == "https://api.hubapi.com/crm/v3/objects/deals"
    row.click()
    detail = page.locator(".flow-detail")
    expect(detail).to_contain_text("oauth-access-token: it names none: decided")
    rows(page).filter(has_text="eu1 ← private-app-token-in-json").click()
    expect(detail).not_to_contain_text("private-app-token-in-json: names eu1: decided")
    page.get_by_text("View:").click()  # its request has a body, which is shown
    page.get_by_text("hublet", exact=True).click()
    expect(detail).to_contain_text("private-app-token-in-json: names eu1: decided")


def test_a_command_names_the_flow_that_it_worked_on(page: Page) -> None:
    page.get_by_text("Options", exact=True).click()
    page.get_by_text("Display Command Bar").click()
    page.get_by_text("Flow List").click()
    rows(page).filter(has_text="na1 ← legacy (oauth-access-token)").click()
    (flow,) = re.findall(r"/flows/([0-9a-f-]{36})/", page.url)
    bar = page.locator(".command")
    for words, said in {
        "@focus": NOT_YOURS.format("@focus"),
        f"@{flow}": f"objects/deals, flow {flow}",
    }.items():
        bar.locator("input").fill(f"hublet.explain {words}")
        bar.locator("input").press("Enter")
        expect(bar).to_contain_text(said)


def test_the_footer_reads_the_limit_of_bodies(page: Page) -> None:
    expect(page.locator("footer")).to_contain_text("stream: 64kb")


def test_the_filters_of_the_readme_work_in_its_search_box(page: Page) -> None:
    """It has a grammar of its own, beside the one of the other tools."""
    annotated = []
    for example in TABLE.examples:
        annotated.append(tflow.tflow())
        annotate(annotated[-1], decide(TABLE, example.request))
    for everywhere, here in FILTERS:
        page.get_by_placeholder("Search").fill(here)
        matching = sum(bool(flowfilter.match(everywhere, flow)) for flow in annotated)
        assert 0 < matching < len(EXAMPLES)
        expect(rows(page)).to_have_count(matching)
        expect(page.locator(".has-error")).to_have_count(0)


def test_the_manual_shows_the_picture() -> None:
    assert f"](../../{PICTURE.relative_to(ROOT)})" in MANUAL
    assert PICTURE.stat().st_size < 150_000


def test_a_har_file_that_is_opened_is_decided(address: str, tmp_path: Path) -> None:
    """mitmproxy alone would refuse the file, and write the host of the mode into its requests."""
    file = tmp_path / "x.har"
    entries = [PRODUCERS["Insomnia"][0], with_request("data:x"), PRODUCERS["Chrome"][0]]
    file.write_text(json.dumps({"log": {"entries": entries}}))
    with browser() as page:
        page.goto(address)
        page.get_by_text("File", exact=True).click()
        page.locator("input[type=file]").set_input_files(file)
        opened = page.locator(".flow-table tbody tr").filter(has_text="eu1 ← ")
        expect(opened).to_have_count(2)  # they take the place of those that were there
        expect(opened.first).to_contain_text("eu1 ← api-key")
        expect(opened.last).to_contain_text("https://api.hubapi.com/crm/v3/objects/contacts")
