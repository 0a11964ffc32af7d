"""Pictures at URIs: local files, and a storage that speaks S3, played by a server of this test."""

from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest
from conftest import Run
from helpers import drawn_one
from PIL import Image

from mnistcnn import predict
from mnistcnn.pictures.finding import find_pictures

DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
TYPE = "application/xml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of pictures, one with a space in its name, and a file that is none."""
    for name in ("a 10.png", "a 2.png"):
        Image.fromarray(drawn_one()).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("nothing")
    return tmp_path


class Storage(BaseHTTPRequestHandler):
    """Answers for the objects of a bucket as S3 does; those named `secret` are denied."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Send an object, or the part of it that is asked for."""
        path = unquote(self.path.partition("?")[0])
        file = self._folder / path.removeprefix("/bucket/")
        data = DENIED if "secret" in path else file.read_bytes() if file.is_file() else b""
        status, first, last = (403 if "secret" in path else 200 if data else 404), 0, len(data) - 1
        if status == 200 and (asked := self.headers.get("Range")):
            status, (first, last) = 206, map(int, asked.removeprefix("bytes=").split("-"))
            last = min(last, len(data) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        else:
            self.send_response(status)
        self.send_header("Content-Type", TYPE)
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[first : last + 1])

    do_HEAD = do_GET  # noqa: N815 - the name that the server looks for

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def query(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the folder as the bucket `bucket`; the query that names the server in a URI."""
    pytest.importorskip("pyarrow")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Storage, folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"?endpoint_override=127.0.0.1:{server.server_port}&scheme=http&region=us-east-1"
        server.shutdown()


def test_objects_are_read_and_those_denied_have_an_error(folder: Path, query: str) -> None:
    """A URI without permission is an error of its own picture; those around it are read as files are."""
    uris = [f"s3://bucket/{name}{query}" for name in ("a%202.png", "secret.png", "absent.png", "a%2010.png")]
    first, denied, absent, last = predict("pretrained", *uris, backend="numpy")
    [file] = predict("pretrained", folder / "a 2.png", backend="numpy")
    assert [first.file, last.file] == [uris[0], uris[3]]
    assert first.probabilities == last.probabilities == file.probabilities
    assert denied.error is not None
    assert "\n" not in denied.error
    assert "ACCESS_DENIED" in denied.error
    assert absent.error == f"{uris[2]}: no such file"


def test_a_folder_at_a_uri_is_its_pictures(folder: Path) -> None:
    """The URI ends in a slash; the pictures come in natural order, and can be read by their names."""
    pytest.importorskip("pyarrow")
    found = list(find_pictures([f"file://{folder}/", f"file://{folder}/none/"], BytesIO()))
    assert [picture.name for picture in found[:2]] == [f"file://{folder}/a%20{n}.png" for n in (2, 10)]
    assert str(found[2].error).startswith(f"file://{folder}/none/ cannot be read as a folder: ")
    assert [each.digit for each in predict("pretrained", found[0].name, backend="numpy")] == [1]


def test_pyarrow_is_named_where_it_is_missing(python: Run) -> None:
    """A URI is the only name that needs it, and is answered with one line."""
    done = python("command_without_modules.py", "pyarrow", "predict", "s3://bucket/7.png", "--backend", "numpy")
    assert (done.stdout, done.stderr) == ("1\n", "error: pyarrow is not installed: pip install 'mnistcnn[ray]'\n")


def test_plain_names_need_neither_pyarrow_nor_ray(python: Run, folder: Path) -> None:
    """`predict` of a file imports neither."""
    arguments = ("predict", str(folder / "a 2.png"), "-m", "pretrained", "--backend", "numpy")
    *_, modules = python("modules_of_command.py", *arguments).stdout.splitlines()
    assert modules.startswith("HEAVY ")
    assert not {"'pyarrow'", "'ray'"} & set(modules.removeprefix("HEAVY ").strip("[]").split(", "))
