"""A headless Chromium for the tests of the page, and pages in it that must stay clean."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watching import until

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FORBIDDEN = "addEventListener('securitypolicyviolation', (event) => console.error(event.violatedDirective));"

Opener = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The Chromium that RUNGSIM_CHROMIUM names, or the one on the PATH, without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("playwright is missing: make browser")
    program = os.environ.get("RUNGSIM_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("no Chromium on the PATH: make browser")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def contexts(browser: Any) -> Iterator[list[Any]]:
    """Those that are open."""
    found: list[Any] = []
    yield found
    for context in found:
        context.close()


@pytest.fixture(scope="session")
def complaints() -> list[str]:
    """Whatever pages said, asked for or asked the reader."""
    return []


@pytest.fixture(scope="session")
def opened(
    browser: Any, contexts: list[Any], complaints: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Opener:
    """Opens a page from a file, as a reader would."""

    def open_page(html: str, width: int = 1280, ready: bool = True, init: str = "", **more: Any) -> Any:
        path: Path = tmp_path_factory.mktemp("report") / "page.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(FORBIDDEN + init)

        def on_request(request: Any) -> None:
            if request.url not in (path.as_uri(), "data:,"):
                complaints.append(f"request: {request.url}")

        def on_dialog(dialog: Any) -> None:
            complaints.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("console", lambda message: complaints.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", on_request)
        page.on("dialog", on_dialog)
        page.goto(path.as_uri())
        if ready:
            until(page, "Boolean(window.rungsim && rungsim.ready)")
        return page

    return open_page


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test does to a page: it requests nothing, complains of nothing, and asks the reader nothing."""
    if "opened" not in request.fixturenames:
        yield
        return
    complaints: list[str] = request.getfixturevalue("complaints")
    complaints.clear()
    yield
    assert complaints == []
