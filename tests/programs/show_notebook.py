"""Take a picture of a notebook as Jupyter shows it, a run and two predictions: for the README.

python tests/programs/show_notebook.py docs/notebook.png
"""

import html
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image
from PIL.Image import Quantize

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browsing import opened_browser  # noqa: E402

CELLS = (
    """from mnistcnn import predict, train

result = train("fast", data="sample", log_every=10, checkpoint_every=0, validate_every=50)""",
    """predict("pretrained", "five.jpg", result.test.worst_mistakes[0].image)""",
)
WIDTH = 960  # pixels
COLOURS = 128  # of the picture, which is to be small
STYLE = """
body { margin: 20px; font: 14px/1.5 "DejaVu Sans", sans-serif; }
.cell { display: flex; margin-top: 6px; }
.prompt { flex: 0 0 75px; color: #999; font: 13px/1.5 "DejaVu Sans Mono", monospace; padding-top: 6px; }
pre { flex: 1; margin: 0; padding: 6px; background: #f5f5f5; border: 1px solid #ddd; }
pre { font: 13px/1.5 "DejaVu Sans Mono", monospace; }
.output { padding: 4px 0; }
.output table { border-collapse: collapse; }
.output td, .output th { padding: 6px 8px; text-align: right; }
"""


def executed(folder: Path) -> nbformat.NotebookNode:
    """Run the cells in a folder with the README's picture."""
    shutil.copy(ROOT / "docs" / "five.jpg", folder)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def page(notebook: nbformat.NotebookNode) -> str:
    """Return an HTML page of a notebook's cells, each with what it shows."""
    parts = []
    for number, cell in enumerate(notebook.cells, start=1):
        shown = [output for output in cell.outputs if "text/html" in output.get("data", {})]
        parts.append(
            f'<div class="cell"><div class="prompt">In [{number}]:</div><pre>{html.escape(cell.source)}</pre></div>'
        )
        for output in shown:
            prompt = f"Out[{number}]:" if output.output_type == "execute_result" else ""
            parts.append(f'<div class="cell"><div class="prompt">{prompt}</div>')
            parts.append(f'<div class="output">{output.data["text/html"]}</div></div>')
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{''.join(parts)}"


def main(target: Path) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "notebook.html")
        place.write_text(page(executed(Path(folder))), encoding="utf-8")
        with opened_browser(Path(folder, "profile"), size=(WIDTH, 1000)) as browser:
            browser.get(place.as_uri())
            height = browser.execute_script("return document.body.getBoundingClientRect().bottom")
            browser.set_window_size(WIDTH, int(height) + 300)
            picture = Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    picture.crop((0, 0, WIDTH, int(height) + 20)).quantize(COLOURS, Quantize.MEDIANCUT).save(target, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
