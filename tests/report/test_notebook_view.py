"""A training run in the kernel of a notebook: what stands under the cell, and what an interruption leaves."""

import re
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="the extra `test` installs it")
nbformat = pytest.importorskip("nbformat", reason="the extra `test` installs it")

INTERRUPTED_RUN = """
import os, signal
from mnistcnn import train
from mnistcnn.events import TrainingRecord

def interrupt(event):
    if isinstance(event, TrainingRecord) and event.step == 40:
        os.kill(os.getpid(), signal.SIGINT)  # what the button of a notebook sends

settings = dict(data="sample", batch_size=8, log_every=10, checkpoint_every=0, listeners=[interrupt])
result = train("fast", steps=100, validate_every=20, **settings)
"""
RESULT = "print(result.step, result.model is not None, signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def outputs_of(folder: Path, environment: dict[str, str], *cells: str) -> list[list[Any]]:
    """Run cells in a kernel of its own; return the outputs of each."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3")
    client.execute(cwd=str(folder), env=environment)
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.slow
def test_a_run_is_one_display_and_an_interruption_ends_it_gracefully(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """One display is updated in place, and says in the end that the run was stopped; the result has what there is."""
    [run, result] = outputs_of(tmp_path, environment, INTERRUPTED_RUN, RESULT)
    [display] = run
    assert display.output_type == "display_data"
    shown = display.data["text/html"]
    assert len(shown) < 20_000
    assert "step 40 of 100; stopped in" in shown
    assert re.findall(r"<tspan font-weight=\"bold\">(\w+)</tspan>", shown) == ["loss", "accuracy"]
    assert shown.count("<circle") == 4  # two validations in each chart
    assert shown.count("<img") == 1
    assert shown.count("<rect") == 10
    assert display.data["text/plain"].split()[0] == "40"
    assert [output.text for output in result] == ["40 True True\n"]
