"""Add known noise to a clean clip, once, so that every method can be measured on the same bytes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from f2r.errors import InputError, check_seed
from f2r.io import ClipInfo, Frame, Source, open_reader, open_writer
from f2r.io.raw.mosaic import Mosaic
from f2r.io.recognise import VIDEO_SUFFIXES
from f2r.noise.models import NoiseModel
from f2r.system.report import environment, write_report
from f2r.train.loop import Progress, ProgressCallback


@dataclass(frozen=True)
class Simulated:
    """Where a simulated clip went, and what it is."""

    output: Path
    """The noisy clip."""
    report_path: Path
    """JSON with model and seed."""
    notes: tuple[str, ...]
    """What the output does not hold as it was drawn, one plain sentence each."""
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
    """Write a noisy version of a clip, frame by frame, with a JSON beside it.

    `.npy`, TIFF and folders hold the noise unclipped in float32; a video takes 16 bits where its
    encoder can, clipped to [0, 1].

    Args:
        clean: the clean clip.
        output: the noisy clip, its kind by its extension.
        noise: what to add.
        seed: seed of the noise; >= 0.
        overwrite: replace an existing output.
        mosaic: what the samples mean, where they are raw and the file does not say so.
        progress: called with `Progress` reports.

    Raises:
        InputError: input, output or seed cannot be used.
    """
    check_seed(seed)
    if str(output) == "-":
        raise InputError("a simulated clip has a JSON beside it: name a file with -o")
    count, clipped = 0, 0.0
    with open_reader(clean, mosaic=mosaic) as reader:
        info = roomy_info(reader.info, output)
        with open_writer(output, info, overwrite=overwrite) as writer:
            for index, frame in enumerate(reader):
                noisy = add_noise(frame, noise, seed, index)
                clipped += float(np.mean((noisy < 0) | (noisy > 1)))
                writer.write(noisy)
                count = index + 1
                if progress:
                    progress(Progress("simulate", count / max(info.frames or 0, count)))
            notes = writer.losses
    if info.dtype != "float32" and clipped:
        share = clipped / count
        notes += (f"{share:.2%} of the values lay outside [0, 1] and were clipped.",)
    return finish(clean, output, noise, seed, count, notes)


def add_noise(frame: Frame, noise: NoiseModel, seed: int, index: int) -> Frame:
    """Draw the noisy version of one frame.

    Args:
        frame: (H, W, C), nominal units.
        noise: what to add.
        seed: seed of the clip's noise.
        index: number of the frame, from 0; frames can be drawn in any order.

    Returns:
        (H, W, C) float32, not clipped.
    """
    clean = torch.from_numpy(frame).permute(2, 0, 1).contiguous()
    noisy: Frame = noise.sample(clean, frame_generator(seed, index)).permute(1, 2, 0).numpy()
    return noisy


def frame_generator(seed: int, index: int) -> torch.Generator:
    """Make the generator of one frame's noise, independent of all others."""
    mixed = np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))


def roomy_info(info: ClipInfo, output: Path) -> ClipInfo:
    """Describe a clip like `info`, with samples that keep as much noise as `output` can hold."""
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
    output: Path,
    noise: NoiseModel,
    seed: int,
    frames: int,
    notes: tuple[str, ...],
    more: dict[str, Any] | None = None,
) -> Simulated:
    """Write the JSON beside a simulated clip, with `more` entries."""
    report = {
        "clean": str(clean),
        "output": str(output),
        "frames": frames,
        "noise": noise.to_dict(),
        "noise_text": noise.describe(),
        "seed": seed,
        "notes": notes,
        **(more or {}),
        "environment": environment(),
    }
    report_path = output.with_name(output.name + ".json")
    write_report(report_path, report)
    return Simulated(output, report_path, notes, report)
