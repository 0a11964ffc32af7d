"""The pages of a PDF document, drawn as images by pypdfium2, which comes with the extra `pdf`."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from PIL import Image

from mnistcnn.errors import MnistcnnError
from mnistcnn.wording import counted

if TYPE_CHECKING:
    from mnistcnn.pictures.finding import Picture

MAX_PAGES = 1000  # count: longer documents are refused
DOTS = 200  # pixels an inch: what scanners make of a page of text
MAX_PAGE_SIDE = 3000  # pixels: the longest side that a page is drawn with, however large it says it is
POINTS = 72  # an inch, as PDF measures pages

_one_at_a_time = Lock()  # PDFium knows no threads


def is_pdf(picture: "Picture") -> bool:
    """Tell whether a picture is a PDF document, by the file's suffix or the first of its bytes; one at a URI is not."""
    if isinstance(picture.source, Path):
        return picture.source.suffix.lower() == ".pdf"
    return isinstance(picture.source, bytes) and picture.source.startswith(b"%PDF-")


def page_count(source: Path | bytes) -> int:
    """Return how many pages a document has. Raises MnistcnnError if it cannot be read or has more than MAX_PAGES."""
    with _one_at_a_time:
        document = _document(source)
        try:
            count = len(document)
        finally:
            document.close()
    if count > MAX_PAGES:
        raise MnistcnnError(f"it has {count:,} pages: split it into documents of at most {MAX_PAGES:,}")
    return count


def page_image(source: Path | bytes, page: int) -> Image.Image:
    """Draw a page, counted from 0, at DOTS or, if it is large, with MAX_PAGE_SIDE: an RGB image.

    Raises MnistcnnError if the document lacks the page or cannot be read.
    """
    with _one_at_a_time:
        document = _document(source)
        try:
            if not 0 <= page < len(document):
                raise MnistcnnError(f"it has {counted(len(document), 'page')}")
            sheet = document[page]
            scale = min(DOTS / POINTS, MAX_PAGE_SIDE / max(*sheet.get_size(), 1))
            image: Image.Image = sheet.render(scale=scale).to_pil().convert("RGB")
        finally:
            document.close()
    return image


def _document(source: Path | bytes) -> Any:
    try:
        import pypdfium2
    except ImportError as error:
        hint = "pip install 'mnistcnn[pdf]' to read its pages, or save them as PNG"
        raise MnistcnnError(f"it is a PDF document: {hint}") from error
    try:
        return pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        raise MnistcnnError("it is not a PDF document that can be read: it is damaged, or has a password") from error
    except FileNotFoundError as error:
        raise MnistcnnError("no such file") from error
