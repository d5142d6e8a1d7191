"""A preview: some frames around a moment, denoised without training, in seconds."""

from dataclasses import dataclass, replace
from itertools import islice

from f2r.config import DenoiseConfig, EstimateConfig
from f2r.io.clip import Closing, Frame, FrameReader
from f2r.io.excerpt import ExcerptReader
from f2r.isp.show import render_alike
from f2r.method.networks import load_run
from f2r.method.strength import Strength
from f2r.run.decide import decide_plane
from f2r.run.fit import fit_reader
from f2r.run.given_noise import given_noise
from f2r.run.judge import PlaneJudgement
from f2r.run.look import look_at_plane
from f2r.run.look_at_clip import first_stretch
from f2r.run.model import Model, Subject
from f2r.run.repair import RepairedReader, find_defects
from f2r.run.result import Result
from f2r.run.sampling import take_sample
from f2r.run.setup import set_up
from f2r.system.progress import StageClock

AROUND = 5
"""Frames before and after the shown one; its estimate depends on all of them."""

HEIGHT, WIDTH = 384, 512
"""Rows and columns that are previewed, in the middle of larger frames."""

PREVIEW_GRID = 16
"""Parts of frames begin at multiples of this, as the blocks of codecs do."""


@dataclass(frozen=True)
class Preview:
    """One denoised frame, and the model fitted to its surroundings."""

    number: int
    """Number of the frame, counted from 0."""
    result: Result
    """Estimates of the frame; (H, W, C) of the part that is shown."""
    model: Model
    """Noise and decisions, from the surroundings only."""

    def sentences(self) -> list[str]:
        """Describe the findings, one sentence each."""
        planes = [plane for plane in self.model.report["noise"] if not plane["is_noise_free"]]
        if not planes:
            return ["hardly any noise: nothing needs to be removed"]
        coding = planes[0].get("coding")
        before = f" before {coding}" if coding else ""
        return [f"noise{before}: {text}" for text in dict.fromkeys(p["text"] for p in planes)]

    def noisy(self) -> Frame:
        """Give the (H, W, C) input for display, nominal."""
        return self._shown(self.result.noisy)

    def at_strength(self, luma: float, chroma: float | None = None) -> Frame:
        """Give the output for display; it only blends.

        Args:
            luma: share of the estimated noise that is removed.
            chroma: the same for the chroma of colour; None: as `luma`.
        """
        strength = Strength(luma, luma if chroma is None else chroma)
        return self._shown(replace(self.result, strength=strength).denoised)

    def _shown(self, frame: Frame) -> Frame:
        """Render raw frames, all with the exposure of the estimate."""
        mosaic = self.model.subject.mosaic
        if mosaic is None:
            return frame
        estimate = replace(self.result, strength=Strength(1.0, 1.0)).denoised
        return list(render_alike(mosaic, estimate, frame))[1]


def preview(
    reader: FrameReader,
    number: int | None,
    options: EstimateConfig,
    clock: StageClock,
) -> Preview:
    """Denoise a frame by a model of its surroundings.

    Args:
        reader: the clip.
        number: of the frame, counted from 0; None takes the middle of the clip, and a number
            beyond its end the last frame.
        options: options of the estimate; the preview has all strengths.
        clock: measures the stages.

    Raises:
        InputError: the clip cannot be read.
    """
    config = DenoiseConfig.of(options)
    last = max((reader.info.frames or 1) - 1, 0)
    number = last // 2 if number is None else min(number, last)
    around = range(max(number - AROUND, 0), min(number + AROUND, last) + 1)
    part = MiddleReader(ExcerptReader(reader, around))
    model = (
        fit_reader(part, config, clock) if config.trains else _model_of_noise(part, config, clock)
    )
    with clock.stage("denoise"):
        _, results = model.denoise_reader(part)
        result = next(islice(results, number - around.start, None))
    return Preview(number, result, model)


def _model_of_noise(reader: FrameReader, config: DenoiseConfig, clock: StageClock) -> Model:
    """Fit the noise only: no errors are estimated, refined frames are not fused."""
    defects = find_defects(reader, config)
    source = reader if defects is None else RepairedReader(reader, defects)
    setup = set_up(reader.info, given_noise(config, reader.info), config)
    networks = load_run(config.weights, setup.device, setup.weight_set)
    with clock.stage("estimate noise"):
        frames = first_stretch(take_sample(source, config), setup)
        looks = [look_at_plane(seen, setup) for seen in frames]
    decisions = [decide_plane(PlaneJudgement(look, (), None)) for look in looks]
    subject = Subject(setup.layout.groups, reader.info.mosaic, defects=defects)
    report = {"noise": [look.to_dict() for look in looks]}
    return Model(config, subject, decisions, networks, report)


class MiddleReader(Closing):
    """The middle of the frames of a clip, where they are larger than a preview."""

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        info = reader.info
        self._rows, self._columns = _middle(info.height, HEIGHT), _middle(info.width, WIDTH)
        height, width = (part.stop - part.start for part in (self._rows, self._columns))
        self.info = replace(info, height=height, width=width)

    def starting_at(self, start: int) -> "map[Frame]":
        """Read the frames from `start` on."""
        return map(self._cut, self._reader.starting_at(start))

    def entry_before(self, start: int) -> int:
        """Give the frame that decoding has to begin with to reach frame `start`."""
        return self._reader.entry_before(start)

    def _cut(self, frame: Frame) -> Frame:
        return frame[self._rows, self._columns]


def _middle(length: int, most: int) -> slice:
    start = max(length - most, 0) // 2 // PREVIEW_GRID * PREVIEW_GRID
    return slice(start, min(start + most, length))
