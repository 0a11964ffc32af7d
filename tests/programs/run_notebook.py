"""Run a notebook in an empty folder, and write it with its outputs: `run_notebook.py SOURCE TARGET`."""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

source, target = map(Path, sys.argv[1:])
notebook = nbformat.read(source, as_version=4)
with tempfile.TemporaryDirectory() as folder:
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
for cell in notebook.cells:
    cell.metadata.pop("execution", None)  # times, which would differ in each run
nbformat.write(notebook, target)
