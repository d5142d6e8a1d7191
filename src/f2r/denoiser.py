"""The whole story: read, estimate the noise, train on the clip, denoise, write.

The only module that joins io, noise, train and infer.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from f2r.config import TRAINING_SECONDS, DenoiseConfig
from f2r.device import choose_device, describe_device
from f2r.errors import InputError
from f2r.infer.choose import ESTIMATED_DOUBT, estimate_errors
from f2r.infer.planes import layout_of
from f2r.infer.stages import encode_frame, predict_anchor, refine_frame
from f2r.infer.stream import Estimate, Networks, PlaneStream
from f2r.io.clip import Frame, FrameReader
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_prior, load_shipped
from f2r.noise.models import NoiseModel
from f2r.plane import Plane, make_plane
from f2r.repair import repaired
from f2r.train.adapt import AdaptConfig, adapt
from f2r.train.clip import clip_anchors, prepare_clip
from f2r.train.loop import Progress, ProgressCallback
from f2r.train.sample import choose_stretches, frames_within, read_stretches

LOOK = 18
"""Frames that are prepared to measure noise and quality when nothing is trained."""

CHOICE = 10
"""What choosing the output costs, in frames of inference."""

SAFETY = 0.96
"""Share of a time budget that is planned for; the rest absorbs what was misjudged."""


@dataclass(frozen=True)
class Result:
    """One denoised frame and what it was made from; (H, W, C) float32, nominal."""

    noisy: Frame
    """The input."""
    prior: Frame
    """The image prior's estimate."""
    anchor: Frame
    """Stage 1's estimate."""
    denoised: Frame
    """The output."""


class Denoiser:
    """Denoises one clip: call `prepare`, then iterate over `results`.

    Args:
        reader: the clip.
        noise: noise model of the clip; None estimates one per plane.
        config: the user's choices.
        checkpoints: folder for training state, from which an interrupted run resumes.
        progress: called as the run goes on.
    """

    def __init__(
        self,
        reader: FrameReader,
        noise: NoiseModel | None,
        config: DenoiseConfig,
        checkpoints: Path | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        self.reader, self.noise, self.config = reader, noise, config
        self.checkpoints, self.progress = checkpoints, progress
        self.device = choose_device(config.device)
        self.layout = layout_of(reader.info)
        self.report: dict[str, Any] = {"device": describe_device(self.device), "seconds": {}}
        self._start = time.monotonic()
        self._generator = torch.Generator().manual_seed(config.seed)
        self.networks = Networks(
            load_prior(self.device),
            load_shipped(TemporalEstimator, self.device).eval(),
            load_shipped(SpatialRefiner, self.device).eval(),
        )
        self.planes: list[Plane] = []

    def prepare(self) -> None:
        """Estimate the noise, prepare a sample of the clip, train on it, choose the output."""
        with self._timed("read sample"):
            self.reader = repaired(self.reader, self.config, self.report)
            stretches = self._read_sample()
        with self._timed("estimate noise"):
            self.planes = [
                self._plane(k, [frames[k] for frames in stretches[0]])
                for k in range(len(self.layout.groups))
            ]
        with self._timed("prior and flow"):
            self._prepare_clips(stretches)
        with self._timed("train"):
            self._train()
        with self._timed("choose output"):
            self._choose()
        for plane in self.planes:
            plane.clips.clear()

    def results(self) -> Iterator[Result]:
        """Denoise the whole clip, frame by frame, in order."""
        streams = [PlaneStream(self.networks, plane.preprocessor) for plane in self.planes]
        total, done, cuts, alone = self.report["frames"], 0, 0, 0
        with self._timed("denoise"):
            for estimates in self._estimates(streams):
                done += 1
                cuts += done > 1 and estimates[0].starts_shot
                alone += not estimates[0].has_neighbours
                self._tell("denoise", done / max(total, done))
                yield self._result(estimates)
        self.report |= {"frames": done, "scene_cuts": cuts, "frames_by_prior_alone": alone}
        self.report["seconds"]["total"] = round(time.monotonic() - self._start, 2)

    def _estimates(self, streams: list[PlaneStream]) -> Iterator[list[Estimate]]:
        for frame in self.reader:
            planes = self.layout.split(frame)
            ready = [
                stream.push(plane.scale * noisy)
                for stream, plane, noisy in zip(streams, self.planes, planes, strict=True)
            ]
            yield from (list(group) for group in zip(*ready, strict=True))
        yield from (list(group) for group in zip(*(s.finish() for s in streams), strict=True))

    def _result(self, estimates: list[Estimate]) -> Result:
        strength = self.config.strength

        def merge(part: Callable[[Estimate, Plane], Tensor]) -> Frame:
            pairs = zip(estimates, self.planes, strict=True)
            return self.layout.merge([part(e, plane) / plane.scale for e, plane in pairs])

        return Result(
            merge(lambda e, _: e.noisy),
            merge(lambda e, _: e.prior),
            merge(lambda e, _: e.anchor),
            merge(lambda e, plane: torch.lerp(e.noisy, plane.finish(e), strength)),
        )

    def _read_sample(self) -> list[list[list[Tensor]]]:
        """Read the frames to train on: per stretch, frame and plane (3, H', W')."""
        info = self.reader.info
        limit = frames_within(info, self.config.sample_gib)
        if not self.config.trains:
            limit = min(limit, LOOK)
        stretches = choose_stretches(info.frames or limit, limit)
        read = read_stretches(self.reader, stretches)
        if not read:
            raise InputError("the clip has no frames")
        sampled = sum(len(stretch) for stretch in read)
        self.report |= {"frames": info.frames or sampled, "frames_trained_on": sampled}
        return [[self.layout.split(frame) for frame in stretch] for stretch in read]

    def _plane(self, index: int, frames: list[Tensor]) -> Plane:
        height, width = self.layout.height, self.layout.width
        channels = 1 if self.layout.is_grey(index) else 3
        seen = [frame[:channels, :height, :width] for frame in frames]
        plane = make_plane(seen, self.noise, self.networks.prior)
        self.report.setdefault("noise", []).append(plane.entry())
        return plane

    def _prepare_clips(self, stretches: list[list[list[Tensor]]]) -> None:
        total = sum(len(stretch) for stretch in stretches) * len(self.planes)
        done = 0

        def count(_: int) -> None:
            nonlocal done
            done += 1
            self._tell("prior and flow", done / total)

        for k, plane in enumerate(self.planes):
            for stretch in stretches:
                frames = [plane.scale * planes[k] for planes in stretch]
                clip = prepare_clip(frames, plane.preprocessor, self.layout.is_grey(k), count)
                plane.clips.append(clip)

    def _train(self) -> None:
        noisy = [plane for plane in self.planes if not plane.is_noise_free]
        clips = [clip for plane in noisy for clip in plane.clips if clip.targets]
        seconds = self._training_seconds() if clips else 0.0
        self.report["training_seconds_planned"] = round(seconds, 1)
        if seconds <= 0:
            return
        preprocessor = self.planes[0].preprocessor
        done = adapt(
            self.networks,
            preprocessor,
            clips,
            AdaptConfig(seconds),
            self.config.seed,
            self.checkpoints,
            self.progress,
            self._revise_noise,
        )
        self.networks.temporal.eval()
        self.networks.refiner.eval()
        self.report["training"] = asdict(done)

    def _revise_noise(self) -> None:
        """Where nobody said what the noise is, estimate it again from what the anchors leave."""
        size = self.layout.height, self.layout.width
        for k, plane in enumerate(self.planes):
            if self.noise is None and not plane.is_noise_free:
                self.report["noise"][k] = plane.revise(self.networks.temporal, size)

    def _training_seconds(self) -> float:
        """Say how long to train: by the preset, or by what the time budget leaves."""
        if self.config.time_budget is None:
            return TRAINING_SECONDS[self.config.preset]
        spent = time.monotonic() - self._start
        inference = (self.report["frames"] + CHOICE) * self._seconds_per_frame()
        return max(SAFETY * self.config.time_budget - spent - inference, 0.0)

    def _seconds_per_frame(self) -> float:
        """Measure inference on one frame of the sample."""
        total = 0.0
        for plane in self.planes:
            clip = plane.clips[0]
            prepared = self.report["seconds"]["prior and flow"] / self.report["frames_trained_on"]
            total += prepared / len(self.planes)
            if not clip.targets:
                continue
            for _ in range(2):  # the first round warms up
                start = time.monotonic()
                target = clip.targets[0]
                frames = dict(enumerate(clip.frames[: target + 3]))
                features = {t: encode_frame(self.networks.temporal, f) for t, f in frames.items()}
                around = clip.neighbours[target]
                anchor = predict_anchor(self.networks.temporal, frames, features, around, target)
                refine_frame(self.networks.refiner, clip.frames[target], anchor)
                measured = time.monotonic() - start
            total += measured
        return total

    def _choose(self) -> None:
        """Choose each plane's output by its estimated error, from training clips."""
        untrained = [c for plane in self.planes for c in plane.clips if c.targets and not c.anchors]
        for shot in untrained:
            shot.anchors = clip_anchors(shot, self.networks.temporal)
        if untrained:
            self._revise_noise()
        estimated = []
        for plane in self.planes:
            clip = next((c for c in plane.clips if c.targets), None)
            if clip is None:
                continue
            doubt = ESTIMATED_DOUBT if self.noise is None else 0.0
            errors = estimate_errors(
                self.networks, plane.preprocessor, clip, self._generator, doubt
            )
            plane.output = "noisy" if plane.is_noise_free else errors.best()
            entry = errors.psnr() | {"leak": errors.leak, "output": plane.output}
            estimated.append(entry | {"interval_95": errors.intervals()})
        self.report["estimated_psnr"] = estimated

    def _tell(self, stage: str, fraction: float) -> None:
        if self.progress:
            self.progress(Progress(stage, fraction))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.monotonic()
        self._tell(stage, 0.0)
        yield
        self._tell(stage, 1.0)
        self.report["seconds"][stage] = round(time.monotonic() - start, 2)
