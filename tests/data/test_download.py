"""The download of MNIST, from servers on loopback that answer as badly as servers do."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mnistcnn.data import download
from mnistcnn.errors import MnistcnnError

CONTENTS = {name: f"the content of {name}".encode() for name in download.SHA256}
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def good(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer as a mirror should."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def short(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Promise all and send half."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])


def cut_without_a_length(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Send half and promise nothing."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])


def wrong(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Send the gzip stream of something else."""
    good(handler, gzip.compress(b"something else"))


def html(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Send a proxy's login page, as if it were the file."""
    good(handler, b"<html>Please log in</html>")


def missing(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Say that the file is not here."""
    handler.send_error(404)


def endless(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Send zeros until the client leaves."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(bytes(1 << 16))
    except OSError:
        pass


def silent(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Say nothing for as long as the client waits."""
    handler.rfile.read()


BAD_ANSWERS = [short, cut_without_a_length, wrong, html, missing, endless, silent]


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], str]]:
    """Start servers that hold four small files in place of MNIST's, and answer as told; return their address."""
    monkeypatch.setattr(download, "SHA256", {n: hashlib.sha256(c).hexdigest() for n, c in CONTENTS.items()})
    monkeypatch.setattr(download, "CONTENT_BYTES", dict.fromkeys(CONTENTS, 1000))
    monkeypatch.setattr(download, "FIRST_BYTE_SECONDS", 0.5)
    servers = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self, gzip.compress(CONTENTS[self.path.removeprefix("/").removesuffix(".gz")]))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def assert_holds_all(folder: Path) -> None:
    """Check that a folder holds the four files, whole, and nothing else."""
    assert {path.name: gzip.decompress(path.read_bytes()) for path in folder.iterdir()} == {
        f"{name}.gz": content for name, content in CONTENTS.items()
    }


def test_files_arrive_and_are_counted(tmp_path: Path, mirror: Callable[[Answer], str]) -> None:
    """fetch_mnist makes the folder, fills it with the four files, and reports every byte."""
    counts: list[int] = []
    download.fetch_mnist(tmp_path / "a" / "mnist", mirrors=(mirror(good),), on_bytes=counts.append)
    assert_holds_all(tmp_path / "a" / "mnist")
    assert sum(counts) == sum(path.stat().st_size for path in (tmp_path / "a" / "mnist").iterdir())


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=lambda answer: answer.__name__)
def test_a_bad_mirror_falls_through_to_the_next(
    tmp_path: Path, mirror: Callable[[Answer], str], answer: Answer
) -> None:
    """fetch_mnist asks the second mirror if the first answers badly, and the folder never holds a bad file."""
    download.fetch_mnist(tmp_path, mirrors=(mirror(answer), mirror(good)))
    assert_holds_all(tmp_path)


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=lambda answer: answer.__name__)
def test_without_a_good_mirror_nothing_is_left(tmp_path: Path, mirror: Callable[[Answer], str], answer: Answer) -> None:
    """The error names each mirror and the ways out, and the folder stays empty."""
    address = mirror(answer)
    with pytest.raises(MnistcnnError, match="MNIST could not be downloaded .*: check the network, or name") as e:
        download.fetch_mnist(tmp_path, mirrors=(address,))
    assert address in str(e.value)
    assert "\n" not in str(e.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "variables", "reason"),
    [
        ("http://127.0.0.1:9/", {}, "Connection refused"),
        ("https://127.0.0.1:9/", {"REQUESTS_CA_BUNDLE": "nowhere.pem"}, "invalid path: nowhere.pem"),
    ],
)
def test_the_cause_of_a_failure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, variables: dict[str, str], reason: str
) -> None:
    """The error quotes the innermost exception, so that a person knows what to mend."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"no_proxy": "", "NO_PROXY": "", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MnistcnnError, match=rf"could not be downloaded \({address}: .*{reason}") as e:
        download.fetch_mnist(tmp_path, mirrors=(address,))
    assert "object at 0x" not in str(e.value)


def test_a_refused_connection_falls_through(tmp_path: Path, mirror: Callable[[Answer], str]) -> None:
    """fetch_mnist asks the second mirror if nobody listens at the first one's address."""
    download.fetch_mnist(tmp_path, mirrors=("http://127.0.0.1:9/", mirror(good)))
    assert_holds_all(tmp_path)


def test_what_is_there_is_not_fetched_again(tmp_path: Path, mirror: Callable[[Answer], str]) -> None:
    """fetch_mnist needs no mirror if the folder holds the files already."""
    download.fetch_mnist(tmp_path, mirrors=(mirror(good),))
    download.fetch_mnist(tmp_path, mirrors=())
    assert_holds_all(tmp_path)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, mirror: Callable[[Answer], str]) -> None:
    """The error names KERAS_HOME if a file stands in the place of the folder."""
    (tmp_path / "datasets").write_text("")
    with pytest.raises(MnistcnnError, match="cannot be made .*: set KERAS_HOME to a folder of yours"):
        download.fetch_mnist(tmp_path / "datasets" / "mnist", mirrors=(mirror(good),))
