"""Several clips in one command: one failure does not stop the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from f2r.errors import F2RError, InputError
from f2r.io import default_output
from f2r.io.opening import is_folder_of_clips, list_clips
from f2r.run.resume.state import state_folder

FAILURES = (F2RError, OSError, MemoryError, RuntimeError)
"""Errors that end one clip of a batch but not the others."""


@dataclass(frozen=True)
class Task:
    """One clip of a batch."""

    source: str
    """What to read."""
    output: Path
    """Where to write."""


@dataclass
class Summary:
    """Result of each clip; sources, in order."""

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Finished before the batch was resumed."""
    failed: list[str] = field(default_factory=list)

    def describe(self) -> str:
        """Describe the result in one line."""
        parts = [f"{len(self.done)} done"]
        parts += [f"{len(self.skipped)} were done before"] if self.skipped else []
        parts += [f"{len(self.failed)} failed: {', '.join(self.failed)}"] if self.failed else []
        return "; ".join(parts)


def is_batch(inputs: Sequence[str]) -> bool:
    """Whether the inputs are several clips; a folder of pictures is one clip."""
    return len(inputs) > 1 or any(is_folder_of_clips(Path(name)) for name in inputs)


def plan_batch(inputs: Sequence[str], folder: Path | None, label: str | None = None) -> list[Task]:
    """List the clips and where each goes.

    Args:
        inputs: clips, and folders of video files.
        folder: where to write, made if missing; None puts each output beside its input.
        label: of the outputs; see `default_output`.

    Raises:
        InputError: the folder cannot be one, or two outputs would have one name.
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file: several clips need a folder to go to")
    sources = [
        clip
        for name in inputs
        for clip in (list_clips(Path(name)) if is_folder_of_clips(Path(name)) else [name])
    ]
    if "-" in sources:
        raise InputError("a pipe cannot be part of several inputs: pass it alone")
    outputs = [default_output(source, label) for source in sources]
    outputs = outputs if folder is None else [folder / output.name for output in outputs]
    twice = next((output for i, output in enumerate(outputs) if output in outputs[:i]), None)
    if twice is not None:
        raise InputError(f"{twice}: two inputs would be written there: denoise them apart")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return [Task(source, output) for source, output in zip(sources, outputs, strict=True)]


def run_batch(
    tasks: Sequence[Task],
    denoise: Callable[[Task, bool], None],
    announce: Callable[[str], None],
    *,
    resume: bool,
) -> Summary:
    """Denoise clip after clip.

    Args:
        tasks: what to do.
        denoise: denoises one clip; its second argument is true to resume.
        announce: receives a sentence at the start and the failure of a clip.
        resume: skip finished clips, and resume an interrupted one.
    """
    summary = Summary()
    for number, task in enumerate(tasks, start=1):
        goes_on = resume and state_folder(task.output).exists()
        if resume and task.output.exists() and not goes_on:
            summary.skipped.append(task.source)
            continue
        announce(f"clip {number} of {len(tasks)}: {task.source}")
        try:
            denoise(task, goes_on)
        except FAILURES as error:
            announce(f"failed: {error}")
            summary.failed.append(task.source)
        else:
            summary.done.append(task.source)
    return summary
