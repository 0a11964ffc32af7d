"""The process of `mnistcnn serve`: its address, its port, its end. Real processes and connections."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import cv2
import numpy as np
import pytest
from conftest import Run
from helpers import PATIENCE, all_of_terminal, default_signals

from mnistcnn.app import server
from mnistcnn.app.address import Address
from mnistcnn.app.page import Answers
from mnistcnn.runtime.signals import StopRequest

FIVE = Path(__file__).parents[2] / "docs" / "five.jpg"
Serve = Callable[..., tuple[subprocess.Popen[str], str]]
open_directly = build_opener(ProxyHandler({})).open


@pytest.fixture
def serve(tmp_path: Path, environment: dict[str, str]) -> Iterator[Serve]:
    """Start `mnistcnn serve` on a free port, and return its process and its address."""
    with ExitStack() as running:

        def start(*options: str, stderr: int = subprocess.PIPE) -> tuple[subprocess.Popen[str], str]:
            command = [sys.executable, "-m", "mnistcnn", "serve", "--port", "0", "-m", "pretrained", *options]
            pipe = subprocess.PIPE
            process = subprocess.Popen(
                command,
                cwd=tmp_path,
                env=environment,
                stdout=pipe,
                stderr=stderr,
                text=True,
                preexec_fn=default_signals,
            )
            running.callback(process.communicate)
            running.callback(process.kill)
            assert process.stdout is not None
            return process, process.stdout.readline().strip()

        yield start


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_what_is_under_way_finish(serve: Serve, number: signal.Signals, status: int) -> None:
    """A request that has begun is answered after the signal; then the server says how many it answered, and ends."""
    process, address = serve()
    host, port = address.removeprefix("http://").strip("/").split(":")
    picture = FIVE.read_bytes()
    head = f"POST /predict HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(picture)}\r\n"
    with closing(socket.create_connection((host, int(port)), timeout=PATIENCE)) as connection:
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")  # the request is under way
        process.send_signal(number)
        assert process.stderr is not None
        assert process.stderr.readline() == "finishing what is under way; once more to stop at once\n"
        connection.sendall(picture)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"text":"5"' in answer
    assert process.stderr.read() == "1 answer, 0 refused\n"
    assert process.wait(PATIENCE) == status


def test_a_port_that_is_taken_is_one_line(mnistcnn: Run) -> None:
    """The message names the port and the way out, before a model is loaded."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = mnistcnn("serve", "--port", str(port), "-m", "nowhere.keras")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: cannot listen on port {port} of 127.0.0.1 (Address already in use): choose another with --port, or "
        "end the program that has it\n"
    )


def test_beyond_this_machine_the_address_has_a_token(serve: Serve) -> None:
    """The printed address opens the page; without the token there is none."""
    _, address = serve("--host", "0.0.0.0")
    place, _, token = address.partition("?token=")
    port = place.rsplit(":", 1)[1].strip("/")
    assert len(token) >= 20
    request = Request(f"http://127.0.0.1:{port}/models", headers={"Authorization": f"Bearer {token}"})
    assert json.load(open_directly(request))["models"][0]["name"] == "pretrained"
    with pytest.raises(OSError, match="401"):
        open_directly(f"http://127.0.0.1:{port}/models")


def test_the_code_in_a_terminal_is_the_address(serve: Serve) -> None:
    """What `serve --host 0.0.0.0` draws on a terminal is a code that reads as the address that it prints."""
    pty = pytest.importorskip("pty")  # which Windows lacks
    ours, theirs = pty.openpty()
    process, address = serve("--host", "0.0.0.0", stderr=theirs)
    os.close(theirs)
    process.terminate()
    shown = all_of_terminal(ours)
    lines = [line for line in shown.splitlines() if re.fullmatch("[ \u2580\u2584\u2588]{20,}", line)]
    light = {" ": (0, 0), "\u2580": (255, 0), "\u2584": (0, 255), "\u2588": (255, 255)}  # upper and lower half
    modules = np.array([[light[block] for block in line] for line in lines], np.uint8)  # (lines, columns, 2)
    code = modules.transpose(0, 2, 1).reshape(2 * len(lines), -1).repeat(8, axis=0).repeat(8, axis=1)
    assert cv2.QRCodeDetector().detectAndDecode(code)[0] == address


def test_a_client_that_never_says_what_it_wants_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection on which no whole request arrives is closed after a while."""
    monkeypatch.setattr(server, "PATIENCE_SECONDS", 0.2)
    stop = StopRequest()
    address = Address(host="127.0.0.1", port=0, opens=False)
    with address.listen() as listening:
        thread = threading.Thread(target=server.run, args=(Answers({}), listening, address, stop))
        thread.start()
        with closing(socket.create_connection(listening.getsockname(), timeout=PATIENCE)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n")
            with suppress(ConnectionError):
                assert connection.recv(100) == b""
        assert stop.acknowledge is not None
        stop.acknowledge()
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--host", "no such host"], 2, "--host must be an address or a name of this machine; received 'no such host'"),
        (["-m", "a", "-m", "a"], 2, "--model must be different files, at most 4; received 'a, a'"),
        (["-m", "a.keras"], 1, "there is no model at a.keras; "),
    ],
)
def test_what_cannot_be_served_is_one_line(command: Run, options: list[str], status: int, message: str) -> None:
    """Errors of values and files are those of every command."""
    done = command("serve", "--port", "0", *options)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"error: {message}")
    assert len(done.stderr.splitlines()) == 1


def test_the_extra_is_named_if_it_is_missing(python: Run) -> None:
    """In one line that installs it."""
    done = python("command_without_modules.py", "starlette", "serve")
    assert done.stdout == "1\n"
    assert done.stderr == "error: starlette is not installed: pip install 'mnistcnn[serve]'\n"


def test_the_server_imports_no_keras(python: Run) -> None:
    """Help and the server's own modules leave Keras and TensorFlow alone."""
    program = "import sys, mnistcnn.app.server; print(sorted({'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)))"
    assert python(program).stdout == "[]\n"


def test_documented_examples_run(serve: Serve, tmp_path: Path, environment: dict[str, str]) -> None:
    """The commands and the programs of docs/serve.md read the README's picture."""
    (tmp_path / "five.jpg").write_bytes(FIVE.read_bytes())
    _, address = serve()
    page = (FIVE.parent / "serve.md").read_text(encoding="utf-8").replace("http://127.0.0.1:8028/", address)
    reached = environment | {"no_proxy": "127.0.0.1"}

    def output(*command: str) -> str:
        return subprocess.run(command, cwd=tmp_path, env=reached, stdout=subprocess.PIPE, text=True, check=True).stdout

    programs = re.findall(r"```python\n(.*?)```", page, re.S)
    assert [output(sys.executable, "-c", program) for program in programs] == [
        "5 (14, 14, 64) (14, 14, 10)\n",
        "5 True [269, 111, 418, 374]\n",
    ]
    assert (tmp_path / "sheet.png").exists()
    [commands] = re.findall(r"```bash\n(.*?)```", page, re.S)
    for line in commands.splitlines() if shutil.which("curl") else []:
        assert json.loads(output(*shlex.split(line)))["text"] == "5"
