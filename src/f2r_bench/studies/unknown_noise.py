"""What estimating, misjudging and clipping of the noise cost, on clean clips with known noise."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.models import Gaussian, NoiseModel, PoissonGaussian
from f2r_bench.clips.datasets import find_dataset, read_clip
from f2r_bench.clips.noise import clip_psnr, demosaic, draw_noisy, to_bytes, to_clip, to_frames
from f2r_bench.core import denoise, facts_of
from f2r_bench.options.studies import UnknownNoiseArgs
from f2r_bench.record import write_record

Row = dict[str, Any]

MODELS: Mapping[str, NoiseModel] = {
    "gaussian 10": Gaussian(10 / 255),
    "gaussian 30": Gaussian(30 / 255),
    "gaussian 50": Gaussian(50 / 255),
    "poisson-gaussian 0.5,3": PoissonGaussian(0.5 / 255, 3 / 255),
    "poisson-gaussian 5,10": PoissonGaussian(5 / 255, 10 / 255),
}
"""Noise that is estimated."""
STRENGTH = 20
"""Deviation of correlated noise in 8-bit units; before interpolation for demosaicking noise."""
BLURS = (0.7, 1.5)
"""Standard deviations of the filters of correlated noise, pixels."""
SIGMA = 30
"""Noise level of clipped and misjudged noise, 8-bit units."""
FACTORS = (0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2)
"""Levels that are given, relative to the true one."""


def measure_unknown_noise(args: UnknownNoiseArgs, say: Callable[[str], None]) -> None:
    """Run the chosen cases on every clip and write the figures."""
    tables: dict[str, list[Row]] = {case: [] for case in args.cases}
    for clip in find_dataset(args.data, args.clips).clips:
        study = Study(read_clip(clip, args.frames), args.preset, args.seed)
        rows_of = {
            "auto": study.auto_rows,
            "correlated": study.correlated_rows,
            "clipped": study.clipped_rows,
            "wrong": study.wrong_rows,
        }
        for case in args.cases:
            for row in rows_of[case]():
                tables[case].append({"clip": clip.name} | row)
                say(f"{case}: {tables[case][-1]}")
                write_record(args.output, args, tables)


class Study:
    """The cases of one clip.

    Args:
        clean: (T, C, H, W) frames.
        preset: preset of F2R.
        seed: seed of the noise.
    """

    def __init__(self, clean: Tensor, preset: str, seed: int) -> None:
        self.clean, self.preset, self.seed = clean, preset, seed

    def auto_rows(self) -> Iterator[Row]:
        """Compare the estimated with the true model."""
        for title, model in MODELS.items():
            noisy = to_frames(draw_noisy(self.clean, model, self.seed))
            auto, true = self._run(noisy), self._run(noisy, noise=model)
            loss = round(true["refined"] - auto["refined"], 3)
            yield {"noise": title, "loss": loss, "auto": auto, "true": true}

    def correlated_rows(self) -> Iterator[Row]:
        """Compare the estimated model with white noise of the same strength and the prior alone."""
        for title, noisy in self._correlated():
            strength = float((noisy - self.clean).std())
            frames = to_frames(noisy)
            auto, white = self._run(frames), self._run(frames, sigma=strength)
            yield {
                "noise": title,
                "over_white": round(auto["refined"] - white["refined"], 3),
                "over_prior": round(auto["refined"] - auto["prior"], 3),
                "over_prior_told_white": round(auto["refined"] - white["prior"], 3),
                "auto": auto,
                "white": white,
            }

    def clipped_rows(self) -> Iterator[Row]:
        """Compare 8-bit samples with the same noise unclipped."""
        noisy = draw_noisy(self.clean, Gaussian(SIGMA / 255), self.seed)
        samples = to_bytes(noisy)
        share = float(((samples == 0) | (samples == 255)).mean())
        for told, options in (("true", {"sigma": SIGMA / 255}), ("auto", {})):
            whole, cut = self._run(to_frames(noisy), **options), self._run(samples, **options)
            row = {"told": told, "clipped_share": round(share, 4)}
            row["loss"] = round(whole["refined"] - cut["refined"], 3)
            yield row | {"unclipped": whole, "clipped": cut}

    def wrong_rows(self) -> Iterator[Row]:
        """Give F2R wrong levels."""
        noisy = to_frames(draw_noisy(self.clean, Gaussian(SIGMA / 255), self.seed))
        for factor in FACTORS:
            yield {"factor": factor} | self._run(noisy, sigma=factor * SIGMA / 255)

    def _correlated(self) -> Iterator[tuple[str, Tensor]]:
        for blur in BLURS:
            model = Correlated(Gaussian(STRENGTH / 255), gaussian_correlation(blur))
            yield f"filtered, sd {blur} px", draw_noisy(self.clean, model, self.seed)
        nothing = torch.zeros_like(self.clean)
        white = draw_noisy(nothing, Gaussian(STRENGTH / 255), self.seed)
        yield "demosaicking", self.clean + demosaic(white)

    def _run(self, frames: Any, **options: Any) -> Row:
        result = denoise(frames, preset=self.preset, **options)
        facts = facts_of(result.report)
        return {
            "refined": clip_psnr(to_clip(result.frames), self.clean),
            "anchor": clip_psnr(to_clip(result.anchor), self.clean),
            "prior": clip_psnr(to_clip(result.prior), self.clean),
            "estimated": facts.estimated,
            "noise": facts.noise,
            "used": facts.used,
            "seconds": facts.seconds["total"],
        }
