"""A fitted model: noise of a clip, decisions and adapted networks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray

from f2r.config import DenoiseConfig
from f2r.errors import InputError, reading
from f2r.io.array import ArrayReader, has_channel_axis
from f2r.io.clip import ClipInfo, Frame, FrameReader
from f2r.io.frame_stream import FrameStream
from f2r.io.raw.mosaic import Mosaic
from f2r.method.networks import RunNetworks
from f2r.noise.models import NoiseModel
from f2r.noise.scale import scale_noise
from f2r.run.decide import PlaneDecision
from f2r.run.infer import denoise_frames
from f2r.run.repair import Defects
from f2r.run.result import Result
from f2r.run.setup import Setup, set_up


@dataclass(frozen=True)
class Subject:
    """Kind of frames that a model accepts."""

    groups: tuple[tuple[int, ...], ...]
    """Channels of each plane, as in `PlaneLayout`."""
    mosaic: Mosaic | None = None
    """Pattern and levels of packed raw frames; None for others."""
    units: float = 1.0
    """What float samples are divided by to be nominal: 1, but for files that count photons."""
    defects: Defects | None = None
    """Repairs of every frame; None without any."""


@dataclass(frozen=True)
class Model:
    """Result of `f2r.fit`, which denoises its clip and similar ones."""

    config: DenoiseConfig
    """The options."""
    subject: Subject
    """Kind of frames that it accepts."""
    decisions: Sequence[PlaneDecision]
    """Decision on each plane."""
    networks: RunNetworks
    """Prior and both stages, adapted to the clip if the preset trains; or the draft's network."""
    report: Mapping[str, Any]
    """Every decision, figure and time of the fit; JSON values."""

    @property
    def noise(self) -> list[NoiseModel]:
        """Noise model of each plane, nominal units: one for colour, else one per channel."""
        return [scale_noise(one.noise, 1 / one.scale) for one in self.decisions]

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise at mid-grey, nominal units, over all planes."""
        return float(np.sqrt(np.mean([decision.sigma**2 for decision in self.decisions])))

    @overload
    def denoise(self, frames: NDArray[Any] | torch.Tensor) -> NDArray[np.float32]: ...

    @overload
    def denoise(
        self, frames: Iterator[NDArray[Any] | torch.Tensor]
    ) -> Iterator[NDArray[np.float32]]: ...

    def denoise(self, frames: Any) -> Any:
        """Denoise frames with the noise and the networks of this model.

        Args:
            frames: a clip as for `f2r.denoise`; or an iterator over its frames, (H, W) or
                (H, W, C) each, of which a bounded window is held.

        Returns:
            The clip, or an iterator over its frames, which come a few frames late; float32 in the
            layout of the input, nominal, not clipped; NaN where the input has it. Floats of a
            model that was fitted to a file of photon counts keep the units of that file.

        Raises:
            InputError: the frames cannot be used, or are of another kind than those of the fit.
        """
        if isinstance(frames, Iterator):
            return self._written(FrameStream(map(as_array, frames), self.subject.units))
        reader = ArrayReader(as_array(frames), units=self.subject.units)
        return np.stack(list(self._written(reader)))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the model to one file, such as `night.f2r`; `f2r.load` reads it.

        Args:
            path: the file.
            overwrite: replace a file of this name.

        Raises:
            InputError: the file exists or cannot be written.
        """
        from f2r.run.model_file import save_model

        save_model(self, Path(path), overwrite=overwrite)

    def denoise_reader(self, reader: FrameReader) -> tuple[Setup, Iterator[Result]]:
        """Denoise an open clip: what the run works with, and one result per frame.

        Raises:
            InputError: the clip is of another kind than that of the fit.
        """
        return self.denoise_frames(reader, reader.info)

    def denoise_frames(
        self, frames: Iterable[Frame], info: ClipInfo, start: int = 0
    ) -> tuple[Setup, Iterator[Result]]:
        """Denoise frames: what the run works with, and one result per frame.

        Args:
            frames: (H, W, C) float32, nominal, consecutive.
            info: describes them.
            start: frames that are read but not wanted.

        Raises:
            InputError: the frames are of another kind than those of the fit.
        """
        self.check(info)
        is_colour = any(len(group) == 3 for group in self.subject.groups)
        described = replace(info, is_colour=is_colour, mosaic=self.subject.mosaic)
        setup = set_up(described, None, self.config)
        defects = self.subject.defects
        read = frames if defects is None else map(defects.mend, frames)
        return setup, denoise_frames(read, self.decisions, self.networks, setup, start)

    def check(self, info: ClipInfo) -> None:
        """Refuse frames of another kind than those of the fit.

        Raises:
            InputError: they have other channels, or another size than the repairs.
        """
        of_fit = sum(map(len, self.subject.groups))
        if info.channels != of_fit:
            raise InputError(
                f"frames: have {info.channels} channels, the model was fitted to {of_fit}: fit one "
                "to a clip like this"
            )
        defects = self.subject.defects
        for part in (defects.hot, defects.offsets) if defects else ():
            if part is not None and part.shape[-2:] != (info.height, info.width):
                raise InputError(
                    f"frames: are {info.width}x{info.height}, the repairs of the model are for "
                    f"{part.shape[-1]}x{part.shape[-2]}: fit one to a clip like this"
                )

    def _written(self, reader: ArrayReader | FrameStream) -> Iterator[NDArray[np.float32]]:
        """Check the kind of the clip at once; denoise while frames are asked for."""
        _, results = self.denoise_reader(reader)
        return (_laid_out(r.denoised, reader.info, i) for i, r in enumerate(results))


def _laid_out(frame: Frame, info: ClipInfo, index: int) -> NDArray[np.float32]:
    """Give one (H, W, C) frame in the layout and units of the input, NaN where that has it."""
    assert info.source is not None
    frame = info.source.gaps.restore(frame, index)
    info.source.gaps.forget(index)
    if info.dtype == "float32" and info.scale != 1:
        frame = frame * np.float32(info.scale)
    return frame if has_channel_axis(info) else frame[..., 0]


def as_array(frames: Any) -> NDArray[Any]:
    """Turn an array or a tensor into a NumPy array; uint32 counts something and becomes float32.

    Raises:
        InputError: it is no dense array of numbers.
    """
    with reading("frames", "give a dense array or tensor of numbers"):
        if not isinstance(frames, torch.Tensor):
            array = np.asarray(frames)
            return array.astype(np.float32) if array.dtype.name == "uint32" else array
        dense = frames.detach().cpu()
        return (dense.float() if dense.dtype == torch.bfloat16 else dense).numpy()
