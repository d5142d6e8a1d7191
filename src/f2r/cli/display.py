"""Display of a running command: decisions line by line, one progress bar per stage."""

import math
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from f2r.system.progress import Progress as Report


class TimeLeft(TimeRemainingColumn):
    """Expected time until the run ends; until the run is planned, until its stage ends."""

    def render(self, task: Task) -> Text:
        """Draw the time of one stage; nothing after it."""
        if task.finished:
            return Text("")
        left = task.fields["left"]
        if left is None:
            return super().render(task).append(" left")
        time = timedelta(seconds=math.ceil(left))
        return Text(f"{time} left", style="progress.remaining")


class Display:
    """Progress on the terminal's error stream, so that standard output stays free for data."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False, quiet=quiet)
        self.bars = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeLeft(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
        )
        self.tasks: dict[str, int] = {}

    def say(self, sentence: str) -> None:
        """Show one sentence; a closed terminal is ignored."""
        with suppress(OSError):
            self.console.print(sentence, soft_wrap=True, markup=False)

    def update(self, report: Report) -> None:
        """Show the progress of a stage."""
        if report.stage not in self.tasks:
            self.tasks[report.stage] = self.bars.add_task(
                report.stage, total=1.0, note="", left=None
            )
        note = "" if report.loss is None else f"loss {report.loss:.4f}, step {report.step}"
        task = self.tasks[report.stage]
        self.bars.update(
            self.bars.task_ids[task], completed=report.fraction, note=note, left=report.left
        )

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self.bars.stop()
