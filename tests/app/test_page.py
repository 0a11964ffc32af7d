"""The HTTP application of `serve`: its answers, its refusals and its limits, in this process."""

import asyncio
import io
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from helpers import DIGITS, drawn_one
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from mnistcnn.app import page, questions
from mnistcnn.app.gate import Gate
from mnistcnn.app.page import Answers, application
from mnistcnn.model.model_file import load_model
from mnistcnn.model.pretrained import FILE

HOST = "127.0.0.1:8028"
ROOT = Path(__file__).parents[2]
FIVE = ROOT / "docs" / "five.jpg"


def client_of(**gate: Any) -> TestClient:
    """Return a client of a page with two models, whose requests come as a browser on this machine sends them."""
    trained = load_model(FILE, "numpy")
    app = application(Answers({"pretrained": trained, "mine.keras": trained}))
    return TestClient(Gate(app, **({"host": "127.0.0.1"} | gate)), base_url=f"http://{HOST}", follow_redirects=False)


@pytest.fixture(scope="module")
def client() -> TestClient:
    """A client of a page that needs no token."""
    return client_of()


def png(image: np.ndarray) -> bytes:
    """Return an image as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def unpacked(array: dict[str, Any]) -> np.ndarray:
    """Return the array that an answer holds."""
    return np.frombuffer(b64decode(array["values"]), array["type"]).reshape(array["shape"])


def test_an_answer_has_the_fields_of_json_lines(client: TestClient, command: Run) -> None:
    """A picture's prediction is the one that `predict --format jsonl` prints, but for the file's name."""
    printed = command("predict", str(FIVE), "-m", "pretrained", "--backend", "numpy", "--format", "jsonl")
    answer = client.post("/predict", content=FIVE.read_bytes()).json()
    assert (answer["model"], answer["text"]) == ("pretrained", "5")
    assert answer["predictions"] == [json.loads(printed.stdout) | {"file": "picture"}]


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/x-www-form-urlencoded", ""])
def test_a_body_is_a_picture_whatever_it_is_called(client: TestClient, content_type: str) -> None:
    """Curl calls every body a form, unless it is told what it sends."""
    done = client.post("/predict", content=FIVE.read_bytes(), headers={"Content-Type": content_type})
    assert done.json()["text"] == "5"


def test_a_form_holds_a_picture_and_its_fields(client: TestClient) -> None:
    """The file's name is in the answer, on one line; the form's fields count as those of the query."""
    files = {"picture": ("<b>\x1b[2J.png", png(drawn_one()))}
    form = {"model": "mine.keras", "digits": "one", "images": "yes"}
    answer = client.post("/predict", files=files, data=form).json()
    assert (answer["model"], answer["text"]) == ("mine.keras", "1")
    assert answer["predictions"][0]["file"].isprintable()
    np.testing.assert_array_equal(unpacked(answer["predictions"][0]["image"]), drawn_one())


@pytest.mark.parametrize(
    ("content", "query", "status", "sentence"),
    [
        (b"", "", 400, "the body must be a picture; received nothing"),
        (b"no picture", "", 422, "picture is not a picture that can be read; expected PNG, JPEG, or the like"),
        (png(np.zeros((60, 60), np.uint8)), "", 422, "picture: no digit found; all of it has one grey level, 0 of"),
        (FIVE.read_bytes()[:4000], "", 422, "picture cannot be read as a picture: "),
        (FIVE.read_bytes(), "digits=three", 400, "digits must be one of auto, one, many; received 'three'"),
        (FIVE.read_bytes(), "invert=maybe", 400, "invert must be one of auto, yes, no; received 'maybe'"),
        (FIVE.read_bytes(), "model=x", 400, "model must be one of pretrained, mine.keras; received 'x'"),
    ],
    ids=["empty", "text", "blank", "cut-off", "digits", "invert", "model"],
)
def test_errors_are_sentences(client: TestClient, content: bytes, query: str, status: int, sentence: str) -> None:
    """What the command line says of a picture or a value, an answer says as JSON."""
    done = client.post(f"/predict?{query}", content=content)
    assert done.status_code == status
    assert done.json()["error"].startswith(sentence)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--y\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="picture"\r\n\r\nx\r\n--x--'),
        ("multipart/form-data; boundary=x; charset=none", b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--"),
    ],
)
def test_forms_without_a_picture_are_refused(client: TestClient, content_type: str, body: bytes) -> None:
    """A form that is damaged, or that holds no file, has status 400 and a sentence."""
    done = client.post("/predict", content=body, headers={"Content-Type": content_type})
    assert done.status_code == 400
    assert "form" in done.json()["error"]


def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    """With its size in the sentence, as a form too."""
    large = bytes(questions.MAX_BODY + 1)
    for request in ({"content": large}, {"files": {"picture": ("x.png", large)}}):
        done = client.post("/predict", **request)
        assert done.status_code == 413
        assert done.json()["error"].startswith("the body must be of at most 20,000,000 bytes; received 20,000,")


def test_what_a_full_queue_has_no_place_for_is_turned_away(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """With status 503 and the time to wait, for requests and for bytes; the next that has a place is answered."""
    for name in ("MAX_REQUESTS", "MAX_BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(questions, name, 0)
            done = client.post("/predict", content=png(drawn_one()))
        assert (done.status_code, done.headers["Retry-After"]) == (503, "1")
        assert done.json()["error"] == "too many pictures wait for an answer: try again in a second"
    assert client.post("/predict", content=png(drawn_one())).status_code == 200


def test_a_body_that_does_not_arrive_is_not_waited_for(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """With status 408: the client has said that it sends a body, and sends nothing."""
    monkeypatch.setattr(questions, "BODY_SECONDS", 0)
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", HOST.encode()), (b"content-length", b"9")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": headers}
    asyncio.run(client.app(scope, never, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("host", ["127.0.0.1:8028", "localhost:8028", "[::1]:8028", "192.168.1.7", "LOCALHOST"])
def test_hosts_that_are_addresses_are_answered(client: TestClient, host: str) -> None:
    """An address cannot be rebound, unlike a name in somebody's DNS."""
    assert client.get("/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example:8028", "localhost.evil.example", "", "[::1", "::1", "localhost:x"),
        *("localhost/healthz?", "127.0.0.1@evil.example", "127.0.0.1#", "localhost:80:80", "localhost "),
    ],
)
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    """DNS rebinding makes a browser send such a name to this server."""
    done = client.get("/models", headers={"Host": host})
    assert done.status_code == 421
    assert "does not answer for the host" in done.json()["error"]


@pytest.mark.parametrize(("origin", "status"), [(f"http://{HOST}", 200), ("http://evil.example", 403), ("null", 403)])
def test_only_its_own_page_may_send_requests(client: TestClient, origin: str, status: int) -> None:
    """A browser names the page that a request comes from, and no other page is answered."""
    done = client.post("/predict", content=png(drawn_one()), headers={"Origin": origin})
    assert done.status_code == status
    assert not [name for name in done.headers if name.startswith("access-control")]


def test_every_answer_has_the_headers_that_keep_a_browser_safe(client: TestClient) -> None:
    """On the page, on a file, on JSON and on a refusal."""
    for done in (client.get("/"), client.get("/page/page.js"), client.get("/models"), client.get("/nothing")):
        assert done.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in done.headers["content-security-policy"]
        assert done.headers["x-content-type-options"] == "nosniff"
        assert done.headers["referrer-policy"] == "no-referrer"
    assert done.status_code == 404
    assert done.json()["error"].startswith("there is nothing at this address")


def test_a_token_is_asked_of_every_request() -> None:
    """In the address, in a cookie that the page's address sets, or in a header; only /healthz needs none."""
    client = client_of(host="0.0.0.0", token="secret")
    for address in ("/", "/models", "/page/page.js", "/?token=wrong", "/?token=%FF"):
        assert client.get(address).status_code == 401
    assert client.get("/models", headers={"Host": "127.0.0.1/healthz?"}).status_code == 421
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/models?token=secret").status_code == 200
    assert client.get("/models", headers={"Authorization": "Bearer secret"}).status_code == 200
    welcome = client.get("/?token=secret")
    assert (welcome.status_code, welcome.headers["location"]) == (303, "/")
    assert all(word in welcome.headers["set-cookie"] for word in ("HttpOnly", "SameSite=lax"))
    assert client.get("/models").status_code == 200  # the client keeps cookies


def test_models_and_layers_are_described(client: TestClient) -> None:
    """By name, with where they come from; the layers are the tutorial's, in order."""
    answer = client.get("/models").json()
    assert [model["name"] for model in answer["models"]] == ["pretrained", "mine.keras"]
    assert answer["models"][0]["recipe"] == "best"
    assert [layer["shape"] for layer in answer["layers"]][1:4] == [[28, 28, 32], [14, 14, 32], [14, 14, 64]]


def test_an_explanation_computes_to_its_own_logits(client: TestClient) -> None:
    """The weights and activations that the page gets make its logits, for each digit of a number."""
    first, second = DIGITS.split("test").images[[7, 200]]
    number = np.pad(np.hstack([first, np.zeros((28, 12), np.uint8), second]), 20)
    read = client.post("/predict?digits=many&images=yes", content=png(number)).json()["predictions"]
    assert len(read) == 2
    weights = client.get("/weights").json()["logits"]
    for place, prediction in enumerate(read):
        answer = client.post(f"/explain?digits=many&place={place}", content=png(number)).json()
        assert answer["prediction"] == prediction
        dense, logits = (unpacked(answer["activations"][name]) for name in ("dense", "logits"))
        np.testing.assert_allclose(dense @ unpacked(weights["kernel"]) + unpacked(weights["bias"]), logits, atol=1e-4)
    refused = client.post("/explain?digits=many&place=2", content=png(number))
    assert refused.json()["error"] == "place must be a whole number from 0 to 1; received '2'"


def test_examples_begin_with_the_hardest(client: TestClient) -> None:
    """Each has its label and the model's answer, and every digit is among them."""
    examples = client.get("/examples").json()["examples"]
    assert {example["label"] for example in examples} == set(range(10))
    assert {unpacked(example["image"]).shape for example in examples} == {(28, 28)}


def test_a_bug_is_an_answer_too() -> None:
    """An error that nobody expected has status 500, a sentence, and goes on to where the server's log is."""
    broken = Starlette(exception_handlers={Exception: page.answer_bug})
    broken.add_route("/", lambda request: 1 / 0)  # type: ignore[arg-type, return-value]
    client = TestClient(broken, raise_server_exceptions=False)
    done = client.get("/")
    assert (done.status_code, list(done.json())) == (500, ["error"])
    with pytest.raises(ZeroDivisionError):
        TestClient(broken).get("/")


def test_the_description_names_every_address(client: TestClient) -> None:
    """/openapi.json has the addresses of the application, and the fields of a prediction."""
    described = client.get("/openapi.json").json()
    routes = application(Answers({})).routes
    assert set(described["paths"]) == {route.path for route in routes} - {"/", "/openapi.json", "/page"}  # type: ignore[attr-defined]
    [prediction] = client.post("/predict?images=yes", content=FIVE.read_bytes()).json()["predictions"]
    assert set(described["components"]["schemas"]["Prediction"]["properties"]) == set(prediction)
