"""Take pictures of the page of `mnistcnn serve` in a headless Chromium: for docs/, and to look at.

    python tests/programs/show_page.py docs/serve.png
    python tests/programs/show_page.py --all FOLDER

The first is the page on a desktop, with a drawn 3. The second writes that and others: dark, on a phone, several digits,
two models, a map under the lens.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.Image import Quantize
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browsing import SEVEN, THREE, draw, opened_browser, served  # noqa: E402

# seconds: the longest that an answer may take, and how long a bar moves to its place
PATIENCE, MOVING = 60, 0.5


def settle(browser: Chrome) -> None:
    """Wait until the page has followed what was done on it."""
    for section in ("answers", "inside"):
        settled = (By.CSS_SELECTOR, f"#{section}[aria-busy=false]")
        WebDriverWait(browser, PATIENCE).until(presence_of_element_located(settled))
    time.sleep(MOVING)


def draw_three(browser: Chrome) -> None:
    """Draw a 3."""
    draw(browser, browser.find_element(By.ID, "canvas"), THREE)


def draw_number(browser: Chrome) -> None:
    """Draw 37."""
    for points, left in ((THREE, -0.22), (SEVEN, 0.22)):
        moved = [(0.5 + 0.7 * (x - 0.5) + left, 0.5 + 0.7 * (y - 0.5)) for x, y in points]
        draw(browser, browser.find_element(By.ID, "canvas"), moved)


def open_map(browser: Chrome) -> None:
    """Draw a 3, and put a map of conv2 under the lens."""
    draw_three(browser)
    settle(browser)
    for layer, number in (("conv1", 6), ("conv2", 10)):
        button = browser.find_element(By.CSS_SELECTOR, f".layer[data-layer={layer}] .map:nth-child({number})")
        browser.execute_script("arguments[0].click()", button)
    browser.execute_script("document.querySelector('.layer[data-layer=conv1]').scrollIntoView()")


def choose_photo(browser: Chrome) -> None:
    """Choose the README's picture."""
    browser.find_element(By.ID, "picture").send_keys(str(ROOT / "docs" / "five.jpg"))


def take(
    path: Path,
    act: Callable[[Chrome], None],
    *models: str,
    size: tuple[int, int] = (1280, 900),
    dark: bool = False,
    whole: bool = False,
    scale: float = 1,
) -> None:
    """Take one picture of the page after something was done on it."""
    folder = Path(tempfile.mkdtemp())
    options = [word for model in models or ("pretrained",) for word in ("-m", model)]
    with (
        served(*options, folder=folder) as address,
        opened_browser(folder / "profile", size=size, scale=scale) as browser,
    ):
        emulated = {"width": size[0], "height": size[1], "deviceScaleFactor": scale, "mobile": size[0] < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", emulated)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get(address)
        settle(browser)
        act(browser)
        settle(browser)
        if whole:
            height = browser.execute_script("return document.documentElement.scrollHeight")
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", emulated | {"height": height})
            time.sleep(MOVING)
        # Few colours, because the picture goes into the repository.
        Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB").quantize(256, Quantize.MAXCOVERAGE).save(
            path, optimize=True
        )


def main() -> None:
    """Take the picture for docs/, or all."""
    if sys.argv[1] != "--all":
        take(Path(sys.argv[1]), draw_three, size=(1280, 1560))
        return
    folder = Path(sys.argv[2])
    folder.mkdir(exist_ok=True)
    phone = (390, 844)
    take(folder / "empty.png", lambda browser: None)
    take(folder / "light.png", draw_three, whole=True)
    take(folder / "dark.png", draw_three, dark=True, whole=True)
    take(folder / "number.png", draw_number)
    take(folder / "photo.png", choose_photo)
    take(folder / "lens.png", open_map)
    take(folder / "phone.png", draw_three, size=phone, scale=2)
    take(folder / "phone-dark.png", draw_three, size=phone, dark=True, whole=True)
    take(folder / "models.png", draw_three, "pretrained", str(ROOT / "mnistcnn" / "model" / "pretrained.keras"))
    take(folder / "projector.png", draw_three, size=(1920, 1080))


if __name__ == "__main__":
    main()
