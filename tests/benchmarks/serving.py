"""How soon, how fast and in how much memory `mnistcnn serve` answers, half of the requests being hostile.

    python tests/benchmarks/serving.py [--requests 20000] [--seconds 10] [--rounds 5]

The clients are threads of this program on the same machine, so they take their share of its cores.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from pictures import png
from PIL import Image
from table import Row, setting, table

from mnistcnn.data.sources import load_dataset

CLIENTS = 32
MAX_BODY = 20_000_000  # bytes: what the server takes
THRESHOLD = 128  # grey level: what is darker is ink
WARM_UP = 0.1  # share of the requests after which memory is to be flat


@dataclass(frozen=True)
class Server:
    """A running server: its process, and where it listens."""

    process: subprocess.Popen[str]
    host: str
    port: int

    def connect(self) -> HTTPConnection:
        """Return a connection to it."""
        return HTTPConnection(self.host, self.port, timeout=120)

    @property
    def megabytes(self) -> float:
        """The memory that it has resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1000


@contextmanager
def running(*options: str) -> Iterator[Server]:
    """Run `mnistcnn serve` with the pretrained model, and further options."""
    command = [sys.executable, "-m", "mnistcnn", "serve", "-m", "pretrained", "--port", "0", "--no-open", *options]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process,
    ):
        assert process.stdout is not None
        place = urlsplit(process.stdout.readline().strip())
        try:
            yield Server(process, place.hostname or "", place.port or 0)
        finally:
            process.terminate()


def ask(connection: HTTPConnection, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Return the status of an answer, and the text that was read."""
    connection.request("POST", "/predict", body, dict(headers or {}))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()).get("text", "")


def drawings() -> list[tuple[bytes, str]]:
    """Return digits as the page sends them, dark on 280×280 pixels of white, and what they are."""
    test = load_dataset("sample").split("test")
    found = []
    for image, label in zip(test.images[::5], test.labels[::5], strict=True):
        large = Image.fromarray(255 - image).resize((224, 224), Image.Resampling.BICUBIC)
        page = Image.new("L", (280, 280), 255)
        page.paste(large.point(lambda level: 0 if level < THRESHOLD else 255), (28, 28))
        found.append((png(page), str(label)))
    return found


def hostile_requests(picture: bytes) -> list[tuple[bytes, dict[str, str]]]:
    """Return bodies and headers that no good program sends."""
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    side = 40_000  # pixels: a few kilobytes that stand for 1.6 gigapixels
    header = b"IHDR" + side.to_bytes(4) * 2 + bytes([8, 0, 0, 0, 0])
    chunk = (13).to_bytes(4) + header + zlib.crc32(header).to_bytes(4)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk + picture[33:]
    return [
        (picture[: len(picture) // 2], {}),
        (bytes(MAX_BODY + 1), {}),
        (b"GIF89a" + random.Random(0).randbytes(2000), {}),
        (b"{}", {"Content-Type": "application/json"}),
        (bomb, {}),
        (b"--x\r\nContent-Disposition: form-data; name=picture\r\n\r\n" + picture, form),
        (picture, form),
        (picture, {"Origin": "http://evil.example"}),
        (picture, {"Host": "evil.example"}),
        (b"", {}),
    ]


def start_seconds(picture: bytes, *options: str) -> float:
    """Return the time from the start of the program to its first answer."""
    begun = time.perf_counter()
    with running(*options) as server, closing(server.connect()) as connection:
        ask(connection, picture)
        return time.perf_counter() - begun


def latencies(server: Server, given: list[tuple[bytes, str]], count: int = 500) -> list[float]:
    """Return the milliseconds of one answer after another."""
    found = []
    with closing(server.connect()) as connection:
        for place in range(count):
            begun = time.perf_counter()
            ask(connection, given[place % len(given)][0])
            found.append(1000 * (time.perf_counter() - begun))
    return found


def answers_a_second(server: Server, given: list[tuple[bytes, str]], seconds: float) -> float:
    """Return the answers of a second to many clients at once."""
    end = time.perf_counter() + seconds

    def client(first: int) -> int:
        count = 0
        with closing(server.connect()) as connection:
            while time.perf_counter() < end:
                status, _ = ask(connection, given[(first + count) % len(given)][0])
                count += status == 200
        return count

    with ThreadPoolExecutor(CLIENTS) as clients:
        return sum(clients.map(client, range(CLIENTS))) / seconds


def endure(server: Server, given: list[tuple[bytes, str]], requests: int) -> tuple[Counter[str], list[float]]:
    """Send good and hostile requests in turns; return how they ended, and the memory along the way."""
    hostile = hostile_requests(given[0][0])
    outcomes: Counter[str] = Counter()
    memory = []

    def one(number: int) -> str:
        body, text = given[number % len(given)]
        headers: dict[str, str] = {}
        if number % 2:
            body, headers = hostile[number // 2 % len(hostile)]
        for _ in range(100):  # turned away for now
            with closing(server.connect()) as connection:
                status, read = ask(connection, body, headers)
            if status != 503:
                break
        if number % 2:
            return "refused" if 400 <= status < 500 else f"hostile request answered with {status}"
        return ("read right" if read == text else "misread") if status == 200 else f"lost with {status}"

    with ThreadPoolExecutor(CLIENTS) as clients:
        for done, outcome in enumerate(clients.map(one, range(requests))):
            outcomes[outcome] += 1
            if done % max(1, requests // 100) == 0 and done >= WARM_UP * requests:
                memory.append(server.megabytes)
    return outcomes, memory


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    given = drawings()
    rows = [Row("start to first answer", "s", [start_seconds(given[0][0]) for _ in range(arguments.rounds)])]
    with running() as server:
        latencies(server, given, 50)
        found = latencies(server, given)
        slow = statistics.quantiles(found, n=20)[-1]
        rows.append(Row("a drawn digit, one after another", "ms", found, f"95 % within {slow:.1f}"))
        rates = [answers_a_second(server, given, arguments.seconds / arguments.rounds) for _ in range(arguments.rounds)]
        rows.append(Row(f"answers to {CLIENTS} clients", "1/s", rates))
        outcomes, memory = endure(server, given, arguments.requests)
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common())
    rows.append(Row("memory, half of the requests hostile", "MB", memory, said))
    print(f"{setting()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
