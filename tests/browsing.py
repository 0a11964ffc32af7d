"""A headless Chromium from the system's packages, and a served page to drive it on: for tests and for screenshots.

It needs `chromium` and `chromedriver`; Debian has both in the packages chromium and chromium-driver.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.interaction import POINTER_MOUSE, POINTER_TOUCH
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.remote.webelement import WebElement

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "hide-scrollbars"),
    *("disable-background-networking", "disable-component-update", "disable-sync", "no-proxy-server"),
)
# shares of the drawing surface's side: the points of a 3, and of a 7
THREE = [(0.36, 0.3), (0.45, 0.22), (0.56, 0.22), (0.63, 0.3), (0.6, 0.41), (0.48, 0.48), (0.6, 0.53), (0.66, 0.63)]
THREE += [(0.62, 0.74), (0.5, 0.79), (0.38, 0.75), (0.34, 0.69)]
SEVEN = [(0.3, 0.25), (0.5, 0.25), (0.7, 0.25), (0.6, 0.5), (0.48, 0.82)]


def browser_path() -> str | None:
    """Return the browser's program, or None if it or its driver is not installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found if shutil.which("chromedriver") else None


@contextmanager
def opened_browser(profile: Path, *, size: tuple[int, int] = (1280, 900), scale: float = 1) -> Iterator[Chrome]:
    """Run a browser with a profile of its own, in a window of so many pixels."""
    options = ChromeOptions()
    options.binary_location = browser_path() or ""
    width, height = size
    for flag in (*FLAGS, f"user-data-dir={profile}", f"window-size={width},{height}"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--force-device-scale-factor={scale}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # A proxy is for the world: neither Selenium nor its driver may look for this machine behind it.
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    browser = Chrome(options, Service(shutil.which("chromedriver")))
    try:
        browser.set_script_timeout(30)
        yield browser
    finally:
        browser.quit()


@contextmanager
def served(*options: str, folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run `mnistcnn serve` on a free port, and return its address."""
    command = [sys.executable, "-m", "mnistcnn", "serve", "--port", "0", "--no-open", *options]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def draw(browser: Chrome, canvas: WebElement, points: Sequence[tuple[float, float]], *, touch: bool = False) -> None:
    """Draw a stroke through points, as shares of the surface's side, with the mouse or a finger."""
    side = canvas.size["width"]
    kind = POINTER_TOUCH if touch else POINTER_MOUSE
    pointer = PointerInput(kind, name=kind)
    builder = ActionBuilder(browser, mouse=pointer, duration=20)
    for place, (x, y) in enumerate(points):
        # Selenium counts from the element's middle.
        builder.pointer_action.move_to(canvas, round((x - 0.5) * side), round((y - 0.5) * side))
        if place == 0:
            builder.pointer_action.pointer_down()
    builder.pointer_action.pointer_up()
    builder.perform()


def press(browser: Chrome, *keys: str) -> None:
    """Press keys one after another."""
    ActionChains(browser, duration=0).send_keys(*keys).perform()
