"""The text report of a training run that has ended: figures, course, files, and the next command to type."""

import sys
from pathlib import Path

from mnistcnn.errors import printable
from mnistcnn.report.console import console_on, say
from mnistcnn.report.evaluation import measured
from mnistcnn.report.text_graphics import sparkline
from mnistcnn.results import TrainingResult
from mnistcnn.wording import loss_and_accuracy_text

# columns: the losses of the run
SPARKLINE_COLUMNS = 40


def show_training_result(
    result: TrainingResult, model: Path, checkpoints: Path, command_to_resume: str, next_command: str
) -> None:
    """Print a run's result and what to type next on stdout, or, if it was stopped, how to go on with it on stderr.

    `model` is the model file, `checkpoints` the folder that holds the last checkpoint.
    """
    out = console_on(sys.stdout)
    if result.test is None:
        say(f"stopped at step {result.step:,} of {result.steps:,}; go on with: {printable(command_to_resume)}")
        return
    minutes, seconds = divmod(round(result.seconds), 60)
    out.print(f"trained to step {result.step:,} in {minutes} min {seconds:02} s, {result.steps_per_second:.1f} steps/s")
    if result.loss is not None:
        out.print(f"last batch: loss {result.loss:.4f}")
    for line in course_lines(result):
        out.print(line)
    out.print(measured(result.test))
    out.print(f"model saved: {printable(str(model))}")
    megabytes = sum(file.stat().st_size for file in checkpoints.glob("*")) / 1e6
    folder = printable(str(checkpoints))
    out.print(f"checkpoint: {folder}, {megabytes:.0f} MB; delete it unless you resume")
    out.print(f"next: {printable(next_command)}")


def course_lines(result: TrainingResult) -> list[str]:
    """Return lines on the course of a run: its losses as a sparkline, its last validation, the step that is kept."""
    losses, validations = [point.loss for point in result.history.records], result.history.validations
    lines = []
    if len(losses) > 1:
        lines.append(f"loss from {losses[0]:.4f} to {losses[-1]:.4f}: {sparkline(losses, SPARKLINE_COLUMNS)}")
    if validations:
        last = validations[-1]
        figures = loss_and_accuracy_text(last.loss, last.accuracy)
        lines.append(f"validation split at step {last.step:,}: {figures}")
    if result.kept_step is not None and result.kept_step != result.step:
        lines.append(f"no validation was better than that of step {result.kept_step:,}: its weights are kept")
    return lines
