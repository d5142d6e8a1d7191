"""The whole story: read, estimate the noise, train on the clip, denoise, write.

The only module that joins io, noise, train and infer.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from f2r.config import TRAINING_SECONDS, DenoiseConfig
from f2r.flow.choice import choose_flow
from f2r.io.clip import Frame, FrameReader
from f2r.method.fusion import FusedStream
from f2r.method.memory_plan import plan_memory
from f2r.method.networks import describe_networks, load_networks
from f2r.method.planes import PlaneLayout, layout_of
from f2r.method.prepared_clip import anchors_of_clip, prepare_clip
from f2r.method.speed import seconds_of_stages
from f2r.method.storage import choose_keep
from f2r.method.stream import Estimate
from f2r.method.tiles import Tiling
from f2r.noise.models import NoiseModel
from f2r.quality.error_estimation import add_leak
from f2r.quality.fusion_gain import add_fusion, frames_worth
from f2r.run.plane import Plane, look_at_plane, plane_from_dict
from f2r.run.repair import repaired
from f2r.run.result import PlaneEstimate, Result
from f2r.run.resume.spool import Mark
from f2r.run.sampling import Sample, take_sample
from f2r.system.device import choose_device, describe_device
from f2r.train.adapt import AdaptConfig, adapt
from f2r.system.progress import Progress, ProgressCallback

LEAK = 6
"""What measuring the leak costs, in frames of inference."""

SAFETY = 0.96
"""Share of a time budget that is planned for; the rest absorbs what was misjudged."""


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
        self.noise, self.config = noise, config
        self.checkpoints, self.progress = checkpoints, progress
        self.device = choose_device(config.device)
        self.layout = layout_of(reader.info)
        self.memory = plan_memory(self.layout, self.device, config.memory_gib)
        """What inference is expected to take."""
        self._tiling = Tiling(self.memory.side)
        self.report: dict[str, Any] = {"device": describe_device(self.device), "seconds": {}}
        self.reader = repaired(reader, config, self.report)
        self.elapsed_before = 0.0
        """Seconds that earlier sessions of a resumed run took."""
        self._start = time.monotonic()
        self._generator = torch.Generator().manual_seed(config.seed)
        raw = reader.info.mosaic is not None
        self.networks = load_networks(config.weights, self.device, raw=raw)
        self.report["weights"] = describe_networks(config.weights, raw=raw)
        self.planes: list[Plane] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, earlier sessions included."""
        return self.elapsed_before + time.monotonic() - self._start

    def prepare(self) -> None:
        """Estimate the noise, prepare a sample of the clip, train on it, choose the output."""
        self.look()
        self.train()

    def look(self) -> None:
        """Estimate the noise, prepare a sample of the clip, measure how fast inference is."""
        with self._timed("read sample"):
            sample = take_sample(self.reader, self.config)
            self.report |= {
                "frames": self.reader.info.frames or sample.frames,
                "frames_trained_on": sample.frames,
                "rows_and_columns_trained_on": [sample.layout.height, sample.layout.width],
            }
        with self._timed("estimate noise"):
            self.planes = [
                self._plane(k, [frames[k] for frames in sample.stretches[0]], sample.layout)
                for k in range(len(self.layout.groups))
            ]
        with self._timed("prior and flow"):
            self._prepare_clips(sample.stretches)
        self.report["seconds_per_frame"] = round(self._seconds_per_frame(sample), 4)
        self.report["training_seconds_planned"] = round(self._training_seconds(), 1)

    def train(self) -> None:
        """Judge the networks, train them on the sample, choose the output; let go of the sample."""
        with self._timed("judge"):
            self._judge()
        with self._timed("train"):
            self._train()
        with self._timed("choose output"):
            self._choose()
        for plane in self.planes:
            plane.clips.clear()

    def results(
        self, frames: Iterable[Frame] | None = None, done: Sequence[Mark] = ()
    ) -> Iterator[Result]:
        """Denoise the whole clip, frame by frame, in order.

        Args:
            frames: every frame of the clip; None takes them from the reader.
            done: what is known of the first frames, which are finished and are left out.
        """
        marks, total = [*done], self.report["frames"]
        with self._timed("denoise"):
            for result in self._results(self.reader if frames is None else frames, len(done)):
                marks.append(result.mark)
                self._tell("denoise", len(marks) / max(total, len(marks)))
                yield result
        self.report |= {
            "frames": len(marks),
            "tile_side": self._tiling.side if self._tiling.side < max(self.layout.padded) else None,
            "scene_cuts": [i + 1 for i, mark in enumerate(marks) if i and mark.starts_shot],
            "frames_by_prior_alone": sum(mark.is_alone for mark in marks),
        }
        self.report["seconds"]["total"] = round(self.elapsed, 2)

    def _results(self, frames: Iterable[Frame], start: int) -> Iterator[Result]:
        """Denoise from frame `start` on; the window before it is made anew."""
        streams = [plane.stream(self.networks) for plane in self.planes]
        first = max(start - streams[0].lookahead, 0)
        unwanted = start - first
        for estimates in self._estimates(streams, frames, first):
            if unwanted:
                unwanted -= 1
                continue
            pairs = zip(estimates, self.planes, strict=True)
            parts = [PlaneEstimate(e, plane.scale, plane.finish) for e, plane in pairs]
            yield Result(self.layout, parts, self.config.strength)

    def _estimates(
        self, streams: list[FusedStream], frames: Iterable[Frame], first: int
    ) -> Iterator[list[Estimate]]:
        for i, frame in enumerate(frames):
            if i < first:
                continue
            planes = self.layout.split(frame)
            ready = [
                stream.push(plane.scale * noisy)
                for stream, plane, noisy in zip(streams, self.planes, planes, strict=True)
            ]
            yield from (list(group) for group in zip(*ready, strict=True))
        yield from (list(group) for group in zip(*(s.finish() for s in streams), strict=True))

    def _plane(self, index: int, frames: list[Tensor], layout: PlaneLayout) -> Plane:
        height, width = layout.height, layout.width
        channels = slice(1 if layout.is_grey(index) else None)
        seen = [frame[channels, :height, :width] for frame in frames]
        flow = choose_flow(self.config.flow, self.device)
        plane = look_at_plane(seen, self.noise, self.networks.prior, flow, self._tiling)
        self.report.setdefault("noise", []).append(plane.entry())
        return plane

    def restore_plane(self, content: dict[str, Any]) -> Plane:
        """Make a plane from what an earlier session of the run decided."""
        flow = choose_flow(self.config.flow, self.device)
        return plane_from_dict(content, self.networks.prior, flow, self._tiling)

    def _prepare_clips(self, stretches: list[list[list[Tensor]]]) -> None:
        total = sum(len(stretch) for stretch in stretches) * len(self.planes)
        done = 0

        def count(_: int) -> None:
            nonlocal done
            done += 1
            self._tell("prior and flow", done / total)

        while stretches:  # what is prepared is let go of
            stretch = stretches.pop(0)
            for k, plane in enumerate(self.planes):
                frames = [plane.scale * planes[k] for planes in stretch]
                clip = prepare_clip(
                    frames,
                    plane.preprocessor,
                    self.layout.is_grey(k),
                    count,
                    keep=choose_keep(self.checkpoints, self.device),
                    radius=self.networks.temporal.radius,
                )
                plane.clips.append(clip)

    def _judge(self) -> None:
        """Estimate the noise again from the anchors, then the errors of the networks as they are.

        On a clip that they were not trained on, the estimates need no pixels to be withheld.
        """
        for k, plane in enumerate(self.planes):
            for clip in plane.shots:
                clip.anchors = anchors_of_clip(clip, self.networks.temporal)
            if self.noise is not None:
                self.report["noise"][k] = plane.check()
            elif not plane.is_noise_free:
                self.report["noise"][k] = plane.revise(self.networks.temporal)
            frames, is_known = self.report["frames"], self.noise is not None
            plane.judge(self.networks, frames, self._generator, is_known=is_known)

    def _train(self) -> None:
        noisy = [plane for plane in self.planes if not plane.is_noise_free]
        clips = [clip for plane in noisy for clip in plane.shots]
        seconds = self._training_seconds()
        if seconds <= 0 or not clips:
            return
        done = adapt(
            self.networks,
            noisy[0].preprocessor,
            clips,
            self._adaptation(seconds),
            self.config.seed,
            self.checkpoints,
            self.progress,
        )
        self.networks.temporal.eval()
        self.networks.refiner.eval()
        judged = iter(zip(done.changes, done.blends, strict=True))
        for plane in noisy:
            plane.note_training(list(islice(judged, len(plane.shots))))
        self.report["training"] = asdict(done)

    def _adaptation(self, seconds: float) -> AdaptConfig:
        if self.config.steps is None:
            return AdaptConfig(seconds)
        return AdaptConfig(math.inf, steps=self.config.steps)

    def _training_seconds(self) -> float:
        """Say how long to train: by the preset, or by what the time budget leaves."""
        if self.config.steps is not None:
            return math.inf
        if self.config.time_budget is None:
            return TRAINING_SECONDS[self.config.preset]
        spent = time.monotonic() - self._start
        reach = self.networks.lookahead + self.networks.temporal.radius
        choice = LEAK + frames_worth(self.layout.padded, reach)
        inference = (self.report["frames"] + choice) * self.report["seconds_per_frame"]
        return max(SAFETY * self.config.time_budget - spent - inference, 0.0)

    def _seconds_per_frame(self, sample: Sample) -> float:
        """Measure inference on one frame of the sample and scale it to whole frames."""
        prepared = self.report["seconds"]["prior and flow"] / sample.frames
        stages = sum(seconds_of_stages(self.networks, plane.clips[0]) for plane in self.planes)
        whole, seen = self.layout.padded, sample.layout.padded
        return (prepared + stages) * (whole[0] * whole[1]) / (seen[0] * seen[1])

    def _choose(self) -> None:
        """Choose each plane's output by its estimated error."""
        self.report["estimated_psnr"] = []
        for plane in self.planes:
            if plane.errors is None:
                continue
            judged = self.networks, plane.preprocessor, plane.shots[0], self._generator
            errors = add_leak(plane.errors, *judged)
            errors = add_fusion(errors, *judged)
            self.report["estimated_psnr"].append(plane.choose(errors))

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
