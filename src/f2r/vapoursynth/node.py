"""The filter: one frame of VapourSynth from the frames around it."""

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

from f2r.errors import InputError
from f2r.io.clip import Frame, Indexed
from f2r.io.excerpt import ExcerptReader
from f2r.method.exposure import EXPOSURE_REACH
from f2r.method.networks import Networks
from f2r.models.draft import DraftDenoiser
from f2r.models.given_prior import DenoiseImages
from f2r.run.fit import choose_config, fit_reader
from f2r.run.model import Model
from f2r.run.model_file import load_model
from f2r.run.result import Result
from f2r.system.progress import StageClock
from f2r.vapoursynth.formats import describe_clip, layout_of, read_frame, write_frame

KEPT = 12
"""Finished frames that are kept for requests which come out of order."""

FITTED = (0, 48)
"""Frames that a model is fitted to, unless others are named."""


class ClipReader(Indexed):
    """A clip of VapourSynth as a reader.

    Args:
        clip: the clip.

    Raises:
        InputError: its format is none that F2R takes.
    """

    def __init__(self, clip: Any) -> None:
        self._clip, self._layout = clip, layout_of(clip)
        self.info = describe_clip(clip)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        for number in range(start, len(self._clip)):
            with self._clip.get_frame(number) as picture:
                frame = read_frame(picture, self._layout)
            yield frame


def denoise(
    clip: Any,
    model: Model | str | Path | None = None,
    *,
    frames: tuple[int, int] = FITTED,
    prior: DenoiseImages | None = None,
    **options: Any,
) -> Any:
    """Denoise a clip of VapourSynth.

    Frames asked for in order are fast: each takes one step. A jump computes the frames before it
    again.

    Args:
        clip: a `vapoursynth.VideoNode` of constant format: YUV, RGB or GRAY of 8 to 16 bits, or
            RGBS or GRAYS; nominal range, not clipped where float.
        model: what `f2r.fit` or `f2r fit` made, or the name of its file; None fits one to `frames`.
        frames: first frame and the one after the last that a model is fitted to.
        prior: the image denoiser of a model that was fitted with one of the user's own.
        options: of the fit, as for `f2r.fit`.

    Returns:
        A `VideoNode` of the same format, length and frame properties.

    Raises:
        InputError: the clip, the model or an option cannot be used.
    """
    reader = ClipReader(clip)
    if model is None:
        config, noise = choose_config(None, options)
        first, stop = max(frames[0], 0), min(frames[1], len(clip))
        if first >= stop:
            raise InputError(f"frames {frames}: the clip has {len(clip)}")
        part = ExcerptReader(reader, range(first, stop))
        model = fit_reader(part, config, StageClock(), noise=noise, prior=prior)
    elif options:
        raise InputError(f"{next(iter(options))}: a model that is given was fitted before")
    elif not isinstance(model, Model):
        model = load_model(model, prior=prior)
    networks = model.networks
    if isinstance(networks, DraftDenoiser):
        raise InputError("a draft needs too many frames at once here: fit with --preset fast")
    model.check(reader.info)
    window = Window(model, reader, lookahead_of(networks) + EXPOSURE_REACH)
    around = _shifted(clip, window.reach)
    return clip.std.ModifyFrame(clips=around, selector=window.frame)


def _shifted(clip: Any, reach: int) -> list[Any]:
    """Give the clip shifted by -reach to reach; beyond its ends the last frame repeats."""
    first, last = clip[0], clip[len(clip) - 1]
    shifted = []
    for by in range(-reach, reach + 1):
        if by < 0:
            padded = first * -by + clip
            shifted.append(padded[: len(clip)])
        else:
            padded = clip + last * by if by else clip
            shifted.append(padded[by:])
    return shifted


class Window:
    """Answers requests for single frames, in any order.

    Args:
        model: what to denoise with.
        reader: describes the clip.
        reach: frames on either side of a frame that its estimate depends on.
    """

    def __init__(self, model: Model, reader: ClipReader, reach: int) -> None:
        self._model, self._reader, self.reach = model, reader, reach
        self._layout = reader._layout
        self._lock = Lock()
        self._frames: dict[int, Frame] = {}
        self._done: dict[int, Frame] = {}
        self._next = -self.reach - 1  # so that the first request begins
        self._results: Iterator[Result] = iter(())

    def frame(self, n: int, f: list[Any]) -> Any:
        """Give frame `n`; `f` holds the frames around it."""
        with self._lock:
            for number, picture in enumerate(f, start=n - self.reach):
                if 0 <= number < len(self) and number not in self._frames:
                    self._frames[number] = read_frame(picture, self._layout)
            if n not in self._done:
                self._advance(n)
            made = f[self.reach].copy()
            write_frame(self._done[n], made, self._layout)
            return made

    def __len__(self) -> int:
        return self._reader.info.frames or 0

    def _advance(self, n: int) -> None:
        """Go on to frame `n`, or begin again before it after a jump."""
        if not self._next <= n <= self._next + self.reach:
            self._begin(n)
        while self._next <= n:
            self._done[self._next] = next(self._results).denoised
            self._next += 1
        for old in sorted(self._done)[:-KEPT]:
            del self._done[old]
        for far in [one for one in self._frames if not -self.reach <= one - n <= 2 * self.reach]:
            del self._frames[far]

    def _begin(self, n: int) -> None:
        first = max(n - self.reach, 0)
        self._done.clear()
        self._next, self._results = n, self._denoised(first, n - first)

    def _denoised(self, first: int, start: int) -> Iterator[Result]:
        frames = (self._frames[number] for number in range(first, len(self)))
        return self._model.denoise_frames(frames, self._reader.info, start)[1]


def lookahead_of(networks: Networks) -> int:
    """Give the frames on either side on which a finished frame depends."""
    return networks.lookahead + networks.temporal.radius
