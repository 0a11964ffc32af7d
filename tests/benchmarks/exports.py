"""Write a model in every format, and print one table of size, speed and agreement.

    python tests/benchmarks/exports.py [-m FILE] [--write docs/export.md]

Every figure is that of `mnistcnn export`: 1,000 images of the sample, one at a time.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from table import setting, written_into

from mnistcnn import export
from mnistcnn.results import Export

FILES = (
    *(("digits.onnx", False), ("digits.onnx", True), ("digits.tflite", False), ("digits.tflite", True)),
    *(("digits.xml", False), ("saved", False)),
)


def exports_table(found: Iterable[Export]) -> str:
    """Set exports as a Markdown table."""
    lines = ["| file | runtime | MB | ms an image | other digits | largest difference |", "|---|---|---|---|---|---|"]
    for each in found:
        name = f"`{Path(each.file).name}`{', int8' if each.int8 else ''}"
        figures = (
            f"{each.size / 1e6:.1f} | {each.milliseconds:.2f} | {each.other_digits} | {each.largest_difference:.1e}"
        )
        lines.append(f"| {name} | {each.runtime} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    """Export in every format, and print the table or put it into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", default="pretrained")
    parser.add_argument("--write", type=Path, metavar="docs/export.md")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = [export(options.model, Path(folder, name), int8=int8, force=True)[0] for name, int8 in FILES]
    text = f"{exports_table(found)}\n\nOf the {options.model} model, on {setting()}"
    print(text)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(written_into(page, "exports", text), encoding="utf-8")


if __name__ == "__main__":
    main()
