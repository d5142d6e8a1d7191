"""A run that goes on beside the page."""

from dataclasses import dataclass, field
from threading import Event, Thread

from f2r.config import DenoiseConfig
from f2r.errors import F2RError
from f2r.run.files import denoise_file
from f2r.run.job import FileOptions, Outcome
from f2r.system.progress import Progress


class CancelledError(KeyboardInterrupt):
    """The user has cancelled the run; as Ctrl-C, it keeps what is done."""


@dataclass
class Running:
    """One run in a thread of its own; a closed page does not end it."""

    source: str
    """The clip."""
    config: DenoiseConfig
    """The options."""
    resume: bool
    """Go on with an interrupted run."""
    said: list[str] = field(default_factory=list)
    """What was found and decided, one sentence each."""
    report: Progress = field(default_factory=lambda: Progress("start", 0.0))
    """How far it is."""
    outcome: Outcome | None = None
    """Where everything went, once it is done."""
    error: str | None = None
    """Why there is none, in one line."""
    stop: Event = field(default_factory=Event)
    """Set it to cancel the run."""
    thread: Thread | None = None

    def start(self) -> "Running":
        """Begin."""
        self.thread = Thread(target=self._run, name="f2r-run", daemon=True)
        self.thread.start()
        return self

    @property
    def is_alive(self) -> bool:
        """Whether the run goes on."""
        return self.thread is not None and self.thread.is_alive()

    def _run(self) -> None:
        files = FileOptions(resume=self.resume)
        try:
            self.outcome = denoise_file(
                self.source, None, self.config, files, self.said.append, self._told
            )
        except CancelledError:
            self.error = "cancelled: press the button again to go on"
        except F2RError as error:
            self.error = str(error)
        except (OSError, MemoryError) as error:
            self.error = f"failed ({error}): free some space or memory and press the button again"

    def _told(self, report: Progress) -> None:
        if self.stop.is_set():
            raise CancelledError
        self.report = report
