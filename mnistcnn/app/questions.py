"""What a request asks for: a picture, how to read it, and by which model; and how much may be asked at once."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mnistcnn.app.reading import Reading
from mnistcnn.errors import UsageError

MAX_BODY = 20_000_000  # bytes: the largest body of a request
MAX_REQUESTS = 64  # requests: with so many under way, the next is turned away
MAX_BYTES = 5 * MAX_BODY  # bytes: the same, of their bodies together
BODY_SECONDS = 30.0  # seconds: within which a body must have arrived


@dataclass(frozen=True, kw_only=True)
class Question:
    """A picture, and how it is to be read."""

    name: str
    picture: bytes
    reading: Reading
    model: str | None  # None is the first
    fields: dict[str, str]  # all that was said beside the picture


class Queue:
    """The requests under way; one more than it holds is answered with status 503."""

    def __init__(self) -> None:
        self._requests = self._bytes = 0

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """Hold a place within the block."""
        if self._requests >= MAX_REQUESTS:
            raise _busy()
        self._requests += 1
        place = Place(self)
        try:
            yield place
        finally:
            self._requests -= 1
            self._bytes -= place.bytes

    def add(self, count: int) -> None:
        """Count bytes that a request holds."""
        if self._bytes + count > MAX_BYTES:
            raise _busy()
        self._bytes += count


class Place:
    """A request's place in the queue, and the bytes of its body."""

    def __init__(self, queue: Queue) -> None:
        self._queue, self.bytes = queue, 0

    async def body(self, request: Request) -> AsyncGenerator[bytes, None]:
        """Yield a request's body; a body that is too large is received to its end, so that the answer is heard."""
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_BODY:
                self._queue.add(len(chunk))
                self.bytes += len(chunk)
                yield chunk
        if size > MAX_BODY:
            raise HTTPException(413, f"the body must be of at most {MAX_BODY:,} bytes; received {size:,}")


class _FormInMemory(MultiPartParser):
    spool_max_size = MAX_BODY  # bytes: what is larger would go to a file


async def read_question(request: Request, place: Place) -> Question:
    """Receive a question: a form with a file `picture`, or a picture as the body with the rest in the query.

    Raises HTTPException or UsageError for a request that cannot be understood.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = b"".join([chunk async for chunk in place.body(request)])
    except TimeoutError as error:
        raise HTTPException(408, f"the body must arrive within {BODY_SECONDS:.0f} seconds") from error
    fields, name = dict(request.query_params), "picture"
    # Only this type is taken at its word: curl calls every body a form of another type.
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        name, body, said = await _read_form(request, body)
        fields |= said
    if not body:
        raise HTTPException(400, "the body must be a picture; received nothing")
    reading = Reading(digits=fields.get("digits", "auto"), invert=fields.get("invert", "auto"))  # type: ignore[arg-type] # checked by Reading
    return Question(name=name, picture=body, reading=reading, model=fields.get("model"), fields=fields)


async def _read_form(request: Request, body: bytes) -> tuple[str, bytes, dict[str, str]]:
    """Return the name and the content of a form's picture, and the form's other fields."""

    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await _FormInMemory(request.headers, chunks(), max_files=1, max_fields=10).parse()
    except (MultiPartException, LookupError, ValueError) as error:  # the last two for an odd boundary or charset
        raise HTTPException(400, f"the form cannot be read: {error}") from error
    try:
        file = form.get("picture")
        if not isinstance(file, UploadFile):
            raise HTTPException(400, "the form must hold a file named picture")
        fields = {key: value for key, value in form.items() if isinstance(value, str)}
        return file.filename or "picture", await file.read(), fields
    finally:
        await form.close()


def place_of_digit(question: Question, digits: int) -> int:
    """Return which of a picture's digits a question is about: its field `place`, from 0, or the first."""
    place = question.fields.get("place", "0")
    if not (place.isascii() and place.isdecimal() and len(place) < 9 and int(place) < digits):
        raise UsageError("place", f"a whole number from 0 to {digits - 1}", place)
    return int(place)


def _busy() -> HTTPException:
    return HTTPException(503, "too many pictures wait for an answer: try again in a second", {"Retry-After": "1"})
