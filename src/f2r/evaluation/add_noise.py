"""Add known noise to a clean clip."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from f2r.errors import check_seed
from f2r.io import ClipInfo, Frame, Source, open_reader, open_writer
from f2r.io.output import check_output
from f2r.io.raw.mosaic import Mosaic
from f2r.io.recognise import VIDEO_SUFFIXES
from f2r.noise.models import NoiseModel
from f2r.system.claim import Claim
from f2r.system.environment import environment, write_report
from f2r.system.placing import check_file
from f2r.system.progress import Progress, ProgressCallback


@dataclass(frozen=True)
class Simulated:
    """A simulated clip on disk."""

    output: Path
    """The noisy clip."""
    report_path: Path
    """JSON with model and seed."""
    notes: tuple[str, ...]
    """Differences between the drawn samples and the file, one sentence each."""
    report: dict[str, Any]
    """Content of the JSON."""


def simulate_file(
    clean: str | Path,
    output: Path,
    noise: NoiseModel,
    seed: int,
    *,
    overwrite: bool = False,
    mosaic: Mosaic | None = None,
    progress: ProgressCallback | None = None,
) -> Simulated:
    """Write a noisy version of a clip with a JSON report beside it.

    `.npy`, TIFF and folders hold float32, not clipped; a video holds up to 16 bits, clipped to
    [0, 1]. The noise depends on seed and frame number only.

    Args:
        clean: the clean clip.
        output: the noisy clip; the extension decides the format.
        noise: noise model, nominal units.
        seed: seed of the noise; >= 0.
        overwrite: replace an existing output.
        mosaic: pattern and levels of a bare mosaic.
        progress: called with `Progress` reports.

    Raises:
        InputError: input, output or seed cannot be used.
    """
    check_seed(seed)
    count, clipped = 0, 0.0
    with (
        claim_simulated(clean, output, overwrite=overwrite) as claim,
        open_reader(clean, mosaic=mosaic) as reader,
    ):
        info = roomy_info(reader.info, output)
        with open_writer(output, info, claim=claim) as writer:
            for index, frame in enumerate(reader):
                noisy = add_frame_noise(frame, noise, seed, index)
                clipped += float(np.mean((noisy < 0) | (noisy > 1)))
                writer.write(noisy)
                count = index + 1
                if progress:
                    progress(Progress("simulate", count / max(info.frames or 0, count)))
            notes = writer.losses
        if info.dtype != "float32" and clipped:
            share = clipped / count
            notes += (f"{share:.2%} of the values lay outside [0, 1] and were clipped.",)
        return finish(clean, claim, noise, seed, count, notes)


def claim_simulated(clean: str | Path, output: Path, *, overwrite: bool) -> Claim:
    """Take the right to make a clip and the JSON beside it.

    Raises:
        InputError: one of them cannot be written, or would replace something.
    """
    check_output(output, None if str(clean) == "-" else Path(clean), overwrite=overwrite)
    check_file(_report_path(output), overwrite=overwrite)
    return Claim(output, overwrite=overwrite, is_shared=True)


def add_frame_noise(frame: Frame, noise: NoiseModel, seed: int, index: int) -> Frame:
    """Draw the noisy version of one frame.

    Args:
        frame: (H, W, C), nominal units.
        noise: noise model, nominal units.
        seed: seed of the noise of the clip.
        index: frame number, from 0; frames can be drawn in any order.

    Returns:
        (H, W, C) float32, not clipped.
    """
    clean = torch.from_numpy(frame).permute(2, 0, 1).contiguous()
    noisy: Frame = noise.sample(clean, frame_generator(seed, index)).permute(1, 2, 0).numpy()
    return noisy


def frame_generator(seed: int, index: int) -> torch.Generator:
    """Create the generator for the noise of one frame."""
    mixed = np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))


def roomy_info(info: ClipInfo, output: Path) -> ClipInfo:
    """Change `info` to the sample type of `output` with the widest range."""
    if output.suffix.lower() in VIDEO_SUFFIXES:
        origin = Source(info.source.path) if info.source else None
        return replace(
            info,
            dtype="uint16",
            scale=65535.0,
            bit_depth=16,
            chroma_subsampled=False,
            source=origin,
        )
    return replace(info, dtype="float32", scale=1.0, bit_depth=32, chroma_subsampled=False)


def finish(
    clean: str | Path,
    claim: Claim,
    noise: NoiseModel,
    seed: int,
    frames: int,
    notes: tuple[str, ...],
    more: dict[str, Any] | None = None,
) -> Simulated:
    """Write the JSON report of a simulated clip, with the entries of `more`."""
    report = {
        "clean": Path(clean).name,
        "output": claim.path.name,
        "frames": frames,
        "noise": noise.to_dict(),
        "noise_text": noise.describe(),
        "seed": seed,
        "notes": notes,
        **(more or {}),
        "environment": environment(),
    }
    report_path = _report_path(claim.path)
    write_report(report_path, report, claim)
    return Simulated(claim.path, report_path, notes, report)


def _report_path(output: Path) -> Path:
    return output.with_name(output.name + ".json")
