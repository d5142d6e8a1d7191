"""Simulate noisy raw clips from clean colour clips."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError, check_seed
from f2r.evaluation.add_noise import Simulated, add_frame_noise, claim_simulated, finish
from f2r.io import ClipInfo, Frame, FrameReader, FrameWriter, Source, open_reader, open_writer
from f2r.io.names import check_name
from f2r.io.raw.colour import as_matrix
from f2r.io.raw.crvd import crvd_mosaic
from f2r.io.raw.mosaic import Mosaic, sites
from f2r.io.raw.packing import raw_info
from f2r.isp.inverse import CameraLook, draw_look, unprocess
from f2r.noise.camera import crvd_noise
from f2r.system.progress import Progress, ProgressCallback


def simulate_raw(  # noqa: PLR0913 - keyword options of a command
    clean: str | Path,
    output: Path,
    iso: int,
    seed: int,
    *,
    clean_output: Path | None = None,
    mosaic: Mosaic | None = None,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Simulated:
    """Write a noisy raw version of a colour clip with a JSON report beside it.

    The inverse ISP uses one camera and one light per clip, drawn from the seed. Samples are rounded
    and clipped at 0 and at white, as an analogue-digital converter does.

    Args:
        clean: the clean colour clip, sRGB.
        output: noisy mosaics, TIFF stack, folder or `.npy`.
        iso: ISO of the CRVD camera.
        seed: seed of camera, light and noise; >= 0.
        clean_output: clean mosaics, rounded; None writes none.
        mosaic: pattern and levels; None takes those of CRVD.
        overwrite: replace existing outputs.
        progress: called with `Progress` reports.

    Raises:
        InputError: input, output, ISO or seed cannot be used.
    """
    check_seed(seed)
    noise = crvd_noise(iso)
    look = draw_look(1, torch.Generator().manual_seed(seed))
    shown = with_look(mosaic or crvd_mosaic(), look, iso)
    with ExitStack() as stack:
        claim = stack.enter_context(claim_simulated(clean, output, overwrite=overwrite))
        if clean_output is not None:
            check_name(clean_output)
        reader = stack.enter_context(open_reader(clean))
        info = _mosaic_info(reader, shown)
        writer = stack.enter_context(open_writer(output, info, claim=claim))
        kept: FrameWriter | None = None
        if clean_output is not None:
            kept = stack.enter_context(open_writer(clean_output, info, overwrite=overwrite))
        count = 0
        for count, frame in enumerate(reader, 1):
            packed = to_raw(frame, look, shown)
            noisy = add_frame_noise(packed, noise, seed, count - 1)
            writer.write(np.minimum(noisy, np.float32(1)))
            if kept is not None:
                kept.write(packed)
            if progress:
                progress(Progress("simulate", count / max(info.frames or 0, count)))
        writer.close()
        notes = writer.losses
        more = {"iso": iso, "mosaic": vars(shown), "brightness": float(look.brightness)}
        return finish(clean, claim, noise, seed, count, notes, more)


def to_raw(frame: Frame, look: CameraLook, mosaic: Mosaic) -> Frame:
    """Convert an (H, W, 1 or 3) sRGB frame to a clean packed raw frame, (H/2, W/2, 4)."""
    even = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
    picture = torch.from_numpy(np.ascontiguousarray(even)).permute(2, 0, 1)[None]
    camera = unprocess(picture.expand(-1, 3, -1, -1), look)[0]
    packed = pick_sites(camera, mosaic).permute(1, 2, 0)
    return np.ascontiguousarray(packed.numpy())


def pick_sites(camera: Tensor, mosaic: Mosaic) -> Tensor:
    """Sample (3, H, W) camera colours by a mosaic: (4, H/2, W/2)."""
    colours = zip((0, 1, 1, 2), sites(mosaic.pattern), strict=True)
    return torch.stack([camera[colour, row::2, column::2] for colour, (row, column) in colours])


def with_look(mosaic: Mosaic, look: CameraLook, iso: int) -> Mosaic:
    """Set white balance and colour matrix of a mosaic to those of a camera and light."""
    red, _, blue = look.gains[0].tolist()
    matrix = as_matrix(torch.linalg.inv(look.matrix[0].double()).numpy())
    return replace(mosaic, iso=iso, white_balance=(red, blue), matrix=matrix)


def _mosaic_info(reader: FrameReader, mosaic: Mosaic) -> ClipInfo:
    """Describe the raw clip that is made from a colour clip.

    Raises:
        InputError: the clip is raw, is neither grey nor colour, or is too small.
    """
    info = reader.info
    if info.mosaic is not None or info.channels not in {1, 3}:
        raise InputError("--raw makes raw frames of colour or grey clips: give one of those")
    if min(info.height, info.width) < 2:
        raise InputError(f"{info.width}x{info.height}: too small for a mosaic")
    grey = replace(
        info,
        height=info.height // 2 * 2,
        width=info.width // 2 * 2,
        channels=1,
        bit_depth=int(mosaic.white).bit_length(),
        dtype="uint16",
        scale=65535.0,
        chroma_subsampled=False,
        source=Source(info.source.path) if info.source else None,
    )
    return raw_info(grey, mosaic)
