"""The runs of the page: one after another, beside the page."""

import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event, Thread

from f2r.app.clip import free_output
from f2r.app.forecast import Countdown, Forecast
from f2r.app.player import Players, make_players
from f2r.config import DenoiseConfig
from f2r.errors import F2RError, reason
from f2r.run.files import denoise_file
from f2r.run.job import FileOptions, Outcome
from f2r.run.resume.state import has_progress, state_folder
from f2r.system.progress import Progress


class CancelledError(KeyboardInterrupt):
    """The user has cancelled the run; as Ctrl-C, it keeps what is done."""


class Stand(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """Cancelled or failed."""


@dataclass
class Running:
    """One run; a closed page does not end it."""

    clip: Path
    """The clip."""
    config: DenoiseConfig
    """The options."""
    forecast: Forecast | None = None
    """Its expected time."""
    target: Path | None = None
    """Output of the interrupted run that goes on; None begins a new one."""
    starts_again: bool = False
    """Give up what the interrupted run of `target` has done."""
    stand: Stand = Stand.WAITING
    said: list[str] = field(default_factory=list)
    """What was found and decided, one sentence each."""
    report: Progress = field(default_factory=lambda: Progress("start", 0.0))
    """How far it is."""
    outcome: Outcome | None = None
    """Where everything went, once it is done."""
    players: Players | None = None
    """Clip and output for the browser, once it is done."""
    error: str | None = None
    """Why there is no output, in one line."""
    stop: Event = field(default_factory=Event)
    """Set it to cancel the run."""
    countdown: Countdown | None = None
    """Seconds left."""

    def work(self, folder: Path) -> None:
        """Run to the end; errors are kept in one line.

        Args:
            folder: for copies that browsers can play.
        """
        self.countdown = Countdown(self.forecast, self.config.preset)
        self.stand = Stand.RUNNING
        try:
            self._told(self.report)
            self.outcome = self._denoised()
            self._told(Progress("copy for the browser", 0.0))
            self.players = make_players(self.clip, self.outcome.output, folder)
        except CancelledError:
            self.error = "cancelled"
        except F2RError as error:
            self.error = str(error)
        except Exception as error:  # the runs behind it go on
            self.error = f"failed ({reason(error)}): free some space or memory and try again"
        self.stand = Stand.STOPPED if self.outcome is None else Stand.DONE

    def _denoised(self) -> Outcome:
        goes_on = self.target is not None and not self.starts_again
        self.target = self.target or free_output(self.clip)
        files = FileOptions(resume=goes_on, overwrite=self.starts_again)
        source = str(self.clip)
        return denoise_file(source, self.target, self.config, files, self.said.append, self._told)

    def _told(self, report: Progress) -> None:
        if self.stop.is_set():
            raise CancelledError
        self.report = report
        if self.countdown is not None:
            self.countdown.note(report)


class Runs:
    """All runs since the server was started, in order; one works at a time."""

    def __init__(self) -> None:
        self.all: list[Running] = []
        self._waiting: SimpleQueue[Running] = SimpleQueue()
        self._copies = TemporaryDirectory(prefix="f2r-app-")
        Thread(target=self._work, name="f2r-runs", daemon=True).start()

    def add(self, run: Running) -> None:
        """Put a run at the end of the queue."""
        self.all.append(run)
        self._waiting.put(run)

    def cancel(self, run: Running) -> None:
        """Stop a run, or let it not begin; it keeps what is done."""
        run.stop.set()
        if run.stand == Stand.WAITING:
            run.stand, run.error = Stand.STOPPED, "cancelled"

    def can_go_on(self, run: Running) -> bool:
        """Whether a stopped run has kept something, and no other run goes on from it."""
        if run.target is None or self.is_taken(run.target):
            return False
        return run.outcome is None and has_progress(state_folder(run.target))

    def is_taken(self, target: Path) -> bool:
        """Whether a run that waits or works writes this output."""
        busy = (Stand.WAITING, Stand.RUNNING)
        return any(run.target == target and run.stand in busy for run in self.all)

    def wait(self, run: Running, seconds: float) -> None:
        """Wait until a run has ended, at most so long."""
        end = time.monotonic() + seconds
        while run.stand in {Stand.WAITING, Stand.RUNNING} and time.monotonic() < end:
            time.sleep(0.05)

    def _work(self) -> None:
        folder = Path(self._copies.name)
        while True:
            self._waiting.get().work(folder)
