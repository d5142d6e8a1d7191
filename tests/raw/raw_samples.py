"""Raw clips made by formula, and the files that cameras would make of them."""

import numpy as np
import tifffile

from f2r.evaluation.make_raw import pick_sites
from f2r.io.raw.dng_writer import write_dng
from f2r.io.raw.mosaic import Mosaic
from synthetic import moving_clip

LEVELS = {"black": (240.0,) * 4, "white": 4095.0}


def camera_clip(pattern, frames=3, height=64, width=64, noise=8.0, seed=0):
    """Make (T, H, W) uint16 mosaics whose red and blue are darker than green, as daylight gives."""
    mosaic = Mosaic(pattern, **LEVELS)
    clip = moving_clip(frames, height, width, seed=seed)
    clip = clip * clip.new_tensor((0.4, 0.9, 0.5)).view(1, 3, 1, 1)
    packed = np.stack([pick_sites(frame, mosaic).permute(1, 2, 0).numpy() for frame in clip])
    levels = np.stack([mosaic.to_samples(frame) for frame in packed])
    levels += np.random.default_rng(seed).normal(0, noise, levels.shape)
    return levels.round().clip(0, 4095).astype(np.uint16)


def write_dngs(folder, clip, mosaic):
    """Write a folder of DNG files."""
    folder.mkdir()
    for index, samples in enumerate(clip):
        write_dng(folder / f"shot_{index}.dng", samples, mosaic)
    return folder


def write_odd_dng(path, samples, photometric, pattern=(), size=(2, 2), more=()):
    """Write a DNG with few tags: a mosaic of any colour filters, or one demosaiced already."""
    count = samples.shape[2] if samples.ndim == 3 else 1
    tags = [
        (50706, 1, 4, bytes((1, 4, 0, 0)), True),  # DNGVersion
        (50707, 1, 4, bytes((1, 1, 0, 0)), True),  # DNGBackwardVersion
        (50708, 2, 0, "Odd", True),  # UniqueCameraModel
        (50717, 3, count, (4095,) * count if count > 1 else 4095, True),  # WhiteLevel
        (
            50721,
            10,
            9,
            (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1),
            True,
        ),  # ColorMatrix1
        (50778, 3, 1, 21, True),  # CalibrationIlluminant1
        *more,
    ]
    if pattern:  # CFARepeatPatternDim and CFAPattern
        tags += [(33421, 3, 2, size, True), (33422, 1, len(pattern), bytes(pattern), True)]
    tags.sort(key=lambda tag: tag[0])
    options = {"planarconfig": "contig"} if count > 1 else {}
    tifffile.imwrite(
        path, samples, photometric=photometric, metadata=None, extratags=tags, **options
    )
    return path
