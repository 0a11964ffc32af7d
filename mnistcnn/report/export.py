"""The text report of `mnistcnn export`: one line for each file."""

import sys

from mnistcnn.errors import printable
from mnistcnn.report.console import console_on
from mnistcnn.results import Export


def show_export(export: Export) -> None:
    """Print a file that was written, and how its runtime reads images, on stdout."""
    console_on(sys.stdout).print(export_line(export))


def export_line(export: Export) -> str:
    """Return the line on one file: its size, its runtime, and how far that agrees with the network."""
    size = f"{export.size / 1e6:.1f} MB{', int8' if export.int8 else ''}"
    speed = f"{export.runtime} reads an image in {export.milliseconds:.2f} ms"
    agreement = (
        f"{export.other_digits} of {export.images:,} as another digit; "
        f"probabilities differ by {export.largest_difference:.1e} at most"
    )
    return f"{printable(export.file)}: {size}; {speed}, {agreement}"
