"""What the page does when something is dropped, moved or pressed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from f2r.app import fragments
from f2r.app.clip import OpenClip, interrupted, open_clip, preview_clip, shown
from f2r.app.forecast import PRESETS, Forecast, choices, forecast_of, names_of
from f2r.app.running import Running, Runs
from f2r.config import DenoiseConfig, Preset
from f2r.errors import F2RError
from f2r.io.clip import ClipInfo
from f2r.pictures.noise_picture import draw_noise
from f2r.run.preview import Preview
from f2r.system.progress import StageClock


@dataclass(frozen=True)
class Seen:
    """A preview, and the time of a run that follows from it."""

    preview: Preview
    forecast: Forecast


@contextmanager
def told() -> Iterator[None]:
    """Show a foreseen error as its one line, until it is closed."""
    try:
        yield
    except F2RError as error:
        raise gr.Error(str(error), duration=None, title="", print_exception=False) from error


class Events:
    """The handlers of the page.

    Args:
        runs: the runs of the server.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._served: set[Path] = set()

    def named(self, name: str, file: str | None) -> list[Any]:
        """Open the clip of that name, or else the file that was dropped."""
        return self.opened(name or file)

    def opened(self, name: str | None) -> list[Any]:
        """Open a clip.

        Returns:
            Clip, no preview yet, findings, chart, no pictures yet, frame, chroma, presets,
            sections, and both buttons.
        """
        with told():
            clip = open_clip(name or "")
            chart = draw_noise(clip.planes[0])
            goes_on = self._interrupted(clip) is not None
        return [
            clip,
            None,
            fragments.findings(clip),
            chart,
            None,
            gr.Slider(maximum=max(clip.last, 1), value=clip.last // 2),
            gr.Slider(visible=clip.info.is_colour, value=1.0),
            _presets(clip.info),
            gr.Column(visible=True),
            gr.Button("Go on with the interrupted run" if goes_on else "Denoise the clip"),
            gr.Button(visible=goes_on),
        ]

    def previewed(
        self, clip: OpenClip | None, frame: float, luma: float, chroma: float
    ) -> list[Any]:
        """Denoise a frame: preview, both pictures, presets with their times."""
        if clip is None:
            return [None, None, gr.Radio()]
        clock = StageClock()
        with told():
            preview = preview_clip(clip, round(frame), clock)
        seen = Seen(preview, forecast_of(clip.info, preview, clock))
        return [seen, shown(preview, luma, chroma), gr.Radio(choices(seen.forecast))]

    def mixed(self, seen: Seen | None, luma: float, chroma: float) -> Any:
        """Mix noisy and denoised frame; nothing is computed again."""
        return None if seen is None else shown(seen.preview, luma, chroma)

    def ran(
        self, clip: OpenClip | None, seen: Seen | None, preset: str, luma: float, chroma: float
    ) -> list[Any]:
        """Put a run into the queue, the interrupted one if there is any: rows, both buttons."""
        return self._add(clip, seen, _config(preset, luma, chroma), starts_again=False)

    def ran_again(
        self, clip: OpenClip | None, seen: Seen | None, preset: str, luma: float, chroma: float
    ) -> list[Any]:
        """Put a run into the queue that gives up the interrupted one: rows, both buttons."""
        return self._add(clip, seen, _config(preset, luma, chroma), starts_again=True)

    def _add(
        self, clip: OpenClip | None, seen: Seen | None, config: DenoiseConfig, *, starts_again: bool
    ) -> list[Any]:
        if clip is None:
            raise gr.Error("open a clip first", title="", print_exception=False)
        forecast = None if seen is None else seen.forecast
        with told():
            found = self._interrupted(clip)
        target, kept = (None, config) if found is None else found
        used = config if starts_again else kept
        self._runs.add(Running(clip.path, used, forecast, target, starts_again and bool(found)))
        return [fragments.rows(self._runs), gr.Button("Denoise the clip"), gr.Button(visible=False)]

    def _interrupted(self, clip: OpenClip) -> tuple[Path, DenoiseConfig] | None:
        """Find the interrupted run of a clip, unless it is in the queue already."""
        found = interrupted(clip.path)
        return None if found is None or self._runs.is_taken(found[0]) else found

    def acted(self, event: gr.EventData) -> list[Any]:
        """Cancel a run, go on with it, or play its output: rows, players, number played."""
        run = self._runs.all[event.run]
        if event.act == "cancel":
            self._runs.cancel(run)
        if event.act == "go" and self._runs.can_go_on(run):
            self._runs.add(Running(run.clip, run.config, run.forecast, run.target))
        if event.act == "show" and run.players is not None:
            return [fragments.rows(self._runs), fragments.players(run.players), event.run]
        return [fragments.rows(self._runs), gr.skip(), gr.skip()]

    def polled(self, before: str | None, played: int) -> list[Any]:
        """Look at the runs: rows if they have changed, and the players of a new output."""
        self._serve_files()
        rows = fragments.rows(self._runs)
        done = [number for number, run in enumerate(self._runs.all) if run.players is not None]
        news = [gr.skip() if rows == before else rows]
        if not done or done[-1] <= played:
            return [*news, gr.skip(), gr.skip()]
        players = self._runs.all[done[-1]].players
        assert players is not None
        return [*news, fragments.players(players), done[-1]]

    def _serve_files(self) -> None:
        """Let the browser load the outputs, and what it plays; nothing else."""
        files: list[Path] = []
        for run in self._runs.all:
            files += [] if run.outcome is None else [run.outcome.output]
            files += [] if run.players is None else [run.players.before, run.players.after]
        new = [file for file in files if file.is_file() and file not in self._served]
        if new:
            gr.set_static_paths(new)
            self._served |= set(new)


def _presets(info: ClipInfo) -> Any:
    """Offer the presets of a clip; fast is chosen where it lacks one."""
    names = names_of(info)
    return gr.Radio(names) if len(names) == len(PRESETS) else gr.Radio(names, value=Preset.FAST)


def _config(preset: str, luma: float, chroma: float) -> DenoiseConfig:
    return DenoiseConfig(preset=Preset(preset), strength=luma, chroma_strength=chroma)
