"""One run of a filter of VapourSynth: FILTER SIGMA STRENGTH SOURCE OUTPUT.

It runs in a Python of its own, with the packages vapoursynth, vapoursynth-bm3d,
vapoursynth-mvtools, av and numpy, and imports nothing of F2R.
"""

import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import vapoursynth

core = vapoursynth.core

MOST_SAD = 8 * 8 * 255
"""Largest sum of differences of a block; as the threshold of scene changes, noise is none."""


def read(path: str) -> list[Any]:
    """Read the planes of a YUV 4:4:4 video, (3, H, W) uint8 a frame."""
    with av.open(path) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def clip_of(frames: list[Any]) -> Any:
    """Make a clip of VapourSynth from frames in memory."""
    height, width = frames[0].shape[1:]
    blank = core.std.BlankClip(
        None, width, height, vapoursynth.YUV444P8, len(frames), 25, 1, keep=True
    )

    def fill(n: int, f: Any) -> Any:
        copy = f.copy()
        for plane in range(3):
            np.asarray(copy[plane])[:] = frames[n][plane]
        return copy

    return core.std.ModifyFrame(blank, blank, fill)


def bm3d(clip: Any, sigma: float, strength: float) -> Any:
    """Two steps of BM3D on single frames."""
    options = {"sigma": [strength * sigma] * 3, "profile": "fast"}
    basic = core.bm3d.Basic(clip, **options)
    return core.bm3d.Final(clip, basic, **options)


def vbm3d(clip: Any, sigma: float, strength: float) -> Any:
    """Two steps of V-BM3D, with one frame on either side."""
    options = {"sigma": [strength * sigma] * 3, "profile": "fast", "radius": 1}
    basic = core.bm3d.VAggregate(core.bm3d.VBasic(clip, **options), radius=1)
    basic = core.resize.Point(basic, format=clip.format.id)
    return core.bm3d.VAggregate(core.bm3d.VFinal(clip, basic, **options), radius=1)


def degrain(clip: Any, sigma: float, strength: float) -> Any:
    """Degrain3 of MVTools with overlapping blocks of 8 pixels."""
    pyramid = core.mv.Super(clip, pel=2, sharp=2)
    search = {"blksize": 8, "overlap": 4, "search": 4, "truemotion": True}
    vectors = [
        core.mv.Analyse(pyramid, isb=isb, delta=delta, **search)
        for delta in (1, 2, 3)
        for isb in (True, False)
    ]
    thresholds = {"thsad": min(round(strength * sigma), MOST_SAD), "thscd1": MOST_SAD}
    return core.mv.Degrain3(clip, pyramid, *vectors, **thresholds)


def write(clip: Any, path: str) -> None:
    """Write a clip by FFV1 to Matroska."""
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=25, options={"level": "3"})
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv444p"
        context = stream.codec_context
        context.colorspace, context.color_range = 1, 1  # BT.709, limited
        for frame in clip.frames():
            planes = np.stack([np.asarray(frame[plane]) for plane in range(3)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv444p")))
        container.mux(stream.encode(None))


FILTERS = {"bm3d": bm3d, "vbm3d": vbm3d, "degrain": degrain}


def run(name: str, sigma: float, strength: float, source: Path, output: Path) -> None:
    """Filter a file."""
    done = FILTERS[name](clip_of(read(str(source))), sigma, strength)
    write(core.resize.Point(done, format=vapoursynth.YUV444P8), str(output))


if __name__ == "__main__":
    chosen, level, share, *paths = sys.argv[1:]
    run(chosen, float(level), float(share), *map(Path, paths))
