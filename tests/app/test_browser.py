"""The page in a real browser: drawing, pictures, the keyboard, the layers, and what it must never do."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import SEVEN, THREE, browser_path, draw, opened_browser, press, served
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
FIVE = Path(__file__).parents[2] / "docs" / "five.jpg"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with the pretrained model."""
    with served("-m", "pretrained", folder=tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser's window."""
    if browser_path() is None:
        pytest.fail("install chromium and chromedriver: apt-get install chromium chromium-driver")
    with opened_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def page(window: Chrome, address: str) -> Iterator["Page"]:
    """The page, just opened; nothing it did may be an error, and nothing may have gone to another machine."""
    window.get(address)
    page = Page(window)
    page.expect(lambda: page.texts(".sentence") == ["No digit yet: draw one, or drop a picture here."])
    yield page
    assert [
        line
        for line in window.get_log("browser")
        if line["level"] == "SEVERE" and "favicon" not in line["message"] and "422" not in line["message"]
    ] == []
    loaded = window.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in loaded if not name.startswith((address, f"blob:{address}"))] == []


class Page:
    """What a person sees of the page, and does to it."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser
        self.canvas = browser.find_element(By.ID, "canvas")

    def texts(self, selector: str) -> list[str]:
        """Return the texts of the elements that a selector names."""
        script = "return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent)"
        return list(self.browser.execute_script(script, selector))

    def click(self, selector: str) -> None:
        """Click on an element."""
        element = self.browser.find_element(By.CSS_SELECTOR, selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def expect(self, condition: Any) -> None:
        """Wait until a condition holds."""
        WebDriverWait(self.browser, 30, 0.02).until(lambda _: condition())

    def is_settled(self, section: str) -> bool:
        """Tell whether a section has followed the drawing."""
        return bool(self.browser.find_elements(By.CSS_SELECTOR, f"{section}[aria-busy=false]"))

    def expect_answer(self, digits: str) -> None:
        """Wait until digits are read, and nothing else is under way."""
        self.expect(lambda: self.texts(".digits") == [digits] and self.is_settled("#answers"))

    def expect_layers(self, digit: str) -> None:
        """Wait until the layers are shown, of the drawing that is read as this digit."""
        self.expect_answer(digit)
        self.expect(lambda: self.is_settled("#inside"))

    def give(self, event: str, file: Path, name: str) -> None:
        """Drop or paste a file, under a name."""
        data = base64.b64encode(file.read_bytes()).decode()
        self.browser.execute_script(
            """const [event, data, name] = arguments;
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const given = new DataTransfer();
            given.items.add(new File([bytes], name, { type: "image/jpeg" }));
            const settings = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(event === "paste"
              ? new ClipboardEvent("paste", { ...settings, clipboardData: given })
              : new DragEvent("drop", { ...settings, dataTransfer: given }));""",
            *(event, data, name),
        )


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "finger"])
def test_a_drawn_three_is_read(page: Page, touch: bool) -> None:
    """By mouse and by finger; the page does not scroll, and what the network saw is shown."""
    draw(page.browser, page.canvas, THREE, touch=touch)
    page.expect_answer("3")
    assert page.texts(".sentence")[0].startswith("A 3, with 9")
    assert page.browser.execute_script("return scrollY") == 0
    seen = page.browser.execute_script(
        "const canvas = document.querySelector('#seen canvas');"
        "return Math.max(...canvas.getContext('2d').getImageData(0, 0, 28, 28).data.filter((_, at) => at % 4 < 3))"
    )
    assert seen > 200


def test_clear_and_undo_say_that_there_is_no_digit(page: Page) -> None:
    """In words, and an undone stroke takes its answer with it."""
    draw(page.browser, page.canvas, SEVEN)
    page.expect_answer("7")
    page.click("#clear")
    page.expect(lambda: page.texts(".sentence")[0].startswith("No digit yet"))
    draw(page.browser, page.canvas, SEVEN)
    page.expect_answer("7")
    ActionChains(page.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    page.expect_answer("–")


def test_the_keyboard_draws(page: Page) -> None:
    """Arrows move the pen, space lowers and lifts it: a vertical stroke is a 1."""
    page.browser.execute_script("arguments[0].focus()", page.canvas)
    press(page.browser, *[Keys.ARROW_UP] * 12, " ", *[Keys.ARROW_DOWN] * 24, " ")
    page.expect_answer("1")
    press(page.browser, Keys.DELETE)
    page.expect_answer("–")


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_pictures_are_taken_by_paste_and_drop(page: Page, event: str) -> None:
    """A photo is read, and a name that is HTML stays text."""
    page.give(event, FIVE, "<img src=x onerror=document.title='hacked'>.jpg")
    page.expect_answer("5")
    assert page.browser.title == "mnistcnn: draw a digit"
    assert not page.browser.find_elements(By.CSS_SELECTOR, "img")


def test_a_picture_is_chosen(page: Page) -> None:
    """By the file dialog; the phone's camera has its own, which asks for a photo."""
    page.browser.find_element(By.ID, "picture").send_keys(str(FIVE))
    page.expect_answer("5")
    assert page.browser.find_element(By.ID, "photo").get_attribute("capture") == "environment"


def test_what_is_not_a_picture_is_said_to_be_none(page: Page, tmp_path: Path) -> None:
    """With the sentence that the command line has for it."""
    (tmp_path / "x.jpg").write_text("no picture")
    page.give("drop", tmp_path / "x.jpg", "x.jpg")
    page.expect(lambda: "is not a picture that can be read" in page.texts(".sentence")[0])


def test_a_number_is_read_digit_by_digit(page: Page) -> None:
    """Two digits side by side are two answers, and the second can be looked at."""
    for points, left in ((THREE, -0.22), (SEVEN, 0.22)):
        draw(page.browser, page.canvas, [(0.5 + 0.7 * (x - 0.5) + left, 0.5 + 0.7 * (y - 0.5)) for x, y in points])
    page.expect_answer("37")
    page.click(".digits button:nth-of-type(2)")
    assert page.texts(".answer .best .name") == ["7"]


def test_the_layers_are_shown_with_their_shapes(page: Page) -> None:
    """All maps of the four layers, the units, the logits, the softmax; a map opens its arithmetic, which adds up."""
    draw(page.browser, page.canvas, THREE)
    page.expect_layers("3")
    assert len(page.texts(".layer[data-layer=conv2] .map")) == 64
    assert page.texts(".layer .shape")[1:5] == ["28×28×32", "14×14×32", "14×14×64", "7×7×64"]
    for layer, map_ in (("conv1", 5), ("conv2", 9), ("pool1", 5)):
        page.click(f".layer[data-layer={layer}] .map:nth-child({map_ + 1})")
        page.click(f".layer[data-layer={layer}] .large")
        said = page.texts(f".layer[data-layer={layer}] .sum")[0].replace("−", "-")
        if layer == "pool1":
            *four, largest = (float(word.strip(",.")) for word in said.split() if word[-3:-1].isdigit() and "." in word)
            assert largest == max(four)
        else:
            terms, result = said.split(": ")[1].split("; ")[0].split(" = ")
            numbers = [float(word) for word in terms.replace("from the other 31 maps", "").split() if "." in word]
            assert sum(numbers) == pytest.approx(float(result), abs=0.02)


def test_the_numbers_of_the_layers_are_those_of_keras(page: Page) -> None:
    """What the browser gets of each layer equals Keras's own outputs for the same image within 1e-5."""
    import keras

    from mnistcnn.model.inputs import model_inputs
    from mnistcnn.model.model_file import load_model
    from mnistcnn.model.pretrained import FILE

    draw(page.browser, page.canvas, THREE)
    page.expect_answer("3")
    found = page.browser.execute_async_script(
        """const done = arguments[arguments.length - 1];
        const server = await import("/page/server.js");
        const file = await new Promise((resolve) => {
          const canvas = document.querySelector("#canvas");
          const plain = new OffscreenCanvas(canvas.width, canvas.height);
          const context = plain.getContext("2d");
          context.fillStyle = "white";
          context.fillRect(0, 0, canvas.width, canvas.height);
          context.drawImage(canvas, 0, 0);
          plain.convertToBlob().then(resolve);
        });
        const { prediction, activations } = await server.explain(file, "pretrained", 0);
        const plainly = (array) => [array.shape, Array.from(array)];
        done({ image: plainly(prediction.image), ...Object.fromEntries(
          Object.entries(activations).map(([name, array]) => [name, plainly(array)])) });"""
    )
    arrays = {name: np.array(values).reshape(shape) for name, (shape, values) in found.items()}
    model = load_model(FILE).model
    names = [name for name in arrays if name != "image"]
    outputs = keras.Model(model.input, {name: model.get_layer(name).output for name in names})(
        model_inputs(arrays["image"].astype(np.uint8)[None])
    )
    assert set(names) == {"conv1", "pool1", "conv2", "pool2", "dense", "logits", "probabilities"}
    for name in names:
        np.testing.assert_allclose(arrays[name], np.asarray(outputs[name])[0], atol=1e-5, err_msg=name)


def test_why_not_another_digit(page: Page) -> None:
    """The answer can be compared with each other digit."""
    draw(page.browser, page.canvas, THREE)
    page.expect_layers("3")
    page.click("#evidence .choice:nth-child(2) button[aria-label$='not a 7?']")
    assert "speaks for a 3 rather than a 7" in page.texts("#evidence p")[0]


def test_examples_are_read(page: Page) -> None:
    """Thirty images of MNIST stand ready, and one that is clicked is read."""
    page.expect(lambda: len(page.texts(".example")) == 30)
    label = page.texts(".example")[-1]
    page.click(".example:last-child")
    page.expect_answer(label)


def test_axe_finds_no_serious_fault(page: Page, tmp_path: Path) -> None:
    """In light and dark, with the layers open. axe-core comes from npm, if that is at hand."""
    npm = shutil.which("npm")
    command = [npm or "npm", "install", "--prefix", str(tmp_path), "--ignore-scripts", "--no-audit", "axe-core@4"]
    if npm is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("axe-core cannot be had: npm is missing, or has no network")
    axe = (tmp_path / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    draw(page.browser, page.canvas, THREE)
    page.expect_layers("3")
    page.click(".layer[data-layer=conv1] .map")
    page.browser.execute_script(axe)
    for _ in ("one", "the other"):
        page.click("#theme")
        found = page.browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
        assert serious == [], json.dumps([(each["id"], each["nodes"][0]["html"]) for each in serious], indent=1)
