"""A training run in words and drawn with characters: its start, its records, and a picture of the last one.

Events and the size of a terminal go in; lines come out. Nothing is printed here.
"""

from collections.abc import Sequence

from mnistcnn.errors import printable
from mnistcnn.events import TrainingRecord, TrainingStarted
from mnistcnn.report.text_graphics import bar, drawn, sparkline
from mnistcnn.results import TrainingValidation
from mnistcnn.wording import counted, loss_and_accuracy_text

Line = list[tuple[str, str]]  # pieces of text, each with its Rich style
LogEvent = TrainingRecord | TrainingValidation

FIGURES_HEADER = "  step    loss   acc step/s digit"
RECORD_HEADER = FIGURES_HEADER + "".join(f"{digit:>4}" for digit in range(10)) + "  %"
# columns: a line of the log
LOG_COLUMNS = len(RECORD_HEADER)
# columns and lines: the size of the drawn image, and the gap beside it
IMAGE_COLUMNS, IMAGE_LINES, GAP = 28, 14, 2
# columns: the least of a terminal in which the image is drawn beside the bars
MIN_COLUMNS = 60
# columns: what a bar stands between, its digit and its percents with the mark of the label
BESIDE_BAR = len(" 0 ") + len(" 100.0 % its label")
# columns: the least that the bar of a probability of 1 takes
MIN_BAR = 4


def start_line(event: TrainingStarted) -> str:
    """Return what a run is about to do, as a line."""
    config = event.config
    return (
        f"{config.recipe} recipe: {counted(config.steps, 'step')} of {config.batch_size} on "
        f"{counted(event.train_images, 'image')} of {printable(event.data)}; {event.backend} on {event.device}, "
        f"{event.precision}"
        + (f", {event.processes} processes" if event.processes > 1 else "")
        + (f"; going on at step {event.start_step:,}" if event.start_step else "")
    )


def log_header(columns: int = LOG_COLUMNS) -> str:
    """Return the names above the lines of a log: those that fit a width."""
    return RECORD_HEADER if columns >= LOG_COLUMNS else FIGURES_HEADER


def log_line(event: LogEvent, columns: int = LOG_COLUMNS) -> str:
    """Return a record or a validation as a line.

    A record's has figures, the first image's label and answer and, if it fits, the probabilities in percent.
    """
    if isinstance(event, TrainingValidation):
        figures = loss_and_accuracy_text(event.loss, event.accuracy)
        return f"validation at step {event.step:,}: {figures}" + (", the best so far" if event.is_best else "")
    label, first = event.labels[0], event.probabilities[0]
    read = max(range(10), key=first.__getitem__)
    figures = f"{event.step:6} {event.loss:7.4f} {event.accuracy:5.2f} {event.steps_per_second:6.1f}  {label}→{read}"
    percents = "".join(f"{100 * probability:4.0f}" for probability in first)
    return f"{figures} {percents}" if columns >= LOG_COLUMNS else figures


def log_lines(events: Sequence[LogEvent], columns: int) -> list[str]:
    """Return the last lines of a log under their header."""
    return [log_header(columns), *(log_line(event, columns) for event in events)]


def record_title(record: TrainingRecord) -> str:
    """Return what stands above the first image of a record and its probabilities."""
    return f"the batch's first image, {'an' if record.labels[0] == 8 else 'a'} {record.labels[0]}, is read as"


def picture(
    record: TrainingRecord, losses: Sequence[float], log: Sequence[LogEvent], *, columns: int, lines: int, color: bool
) -> list[Line]:
    """Draw the last record of a run to fit a terminal.

    Args:
        record: The record: its figures, and its first image with the probabilities as bars.
        losses: The losses so far, drawn as a sparkline.
        log: The records and validations so far, of which the last are listed if there is room.
        columns: The width of the terminal.
        lines: The most lines to return.
        color: Whether the image is drawn in greys.

    Returns:
        The lines, each in pieces of text and Rich style.

    """
    figures = f"{loss_and_accuracy_text(record.loss, record.accuracy, decimals=0)} at step {record.step:,}  "
    head: list[Line] = [
        [(figures + sparkline(losses, max(columns - len(figures), 0)), "")],
        [(record_title(record), "")],
    ]
    has_image = columns >= MIN_COLUMNS and lines >= len(head) + IMAGE_LINES
    body = _beside_image(record, columns, color=color) if has_image else _bars(record, columns)
    room = lines - len(head) - len(body) - 2
    tail = [] if room < 1 or not log else ["", *log_lines(log[-room:], columns)]
    return [*head, *body, *([(line, "")] for line in tail)][:lines]


def _beside_image(record: TrainingRecord, columns: int, *, color: bool) -> list[Line]:
    image = drawn(record.first_image().tolist(), color=color)
    bars = _bars(record, columns - IMAGE_COLUMNS - GAP)
    above = (IMAGE_LINES - len(bars)) // 2
    empty: list[Line] = [[]] * above
    beside = [*empty, *bars, *empty]
    return [[*line, (" " * GAP, ""), *bar_line] for line, bar_line in zip(image, beside, strict=True)]


def _bars(record: TrainingRecord, columns: int) -> list[Line]:
    """Return the probabilities of a record's first image as ten bars in so many columns."""
    width = max(columns - BESIDE_BAR, MIN_BAR)
    return [
        [
            (
                f"{digit:>2} {bar(probability, width)} {100 * probability:5.1f} %"
                + (" its label" if digit == record.labels[0] else ""),
                "",
            )
        ]
        for digit, probability in enumerate(record.probabilities[0])
    ]
