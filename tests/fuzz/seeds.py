"""Small real files of every kind that F2R reads, to be damaged."""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import tifffile

SIZE = (32, 48)


@dataclass(frozen=True)
class Seed:
    """A file, or a folder of which one file is damaged at a time."""

    name: str
    path: Path
    kind: str = "clip"
    """clip, pipe or noise."""

    def files(self) -> list[Path]:
        """List what can be damaged."""
        if self.path.is_file():
            return [self.path]
        return sorted(p for p in self.path.rglob("*") if p.is_file())


def frames(dtype=np.uint8, count=4, channels=3):
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    clip = np.stack([(rows * 3 + columns * 2 + 9 * t) % 250 for t in range(count)])
    clip = clip + np.random.default_rng(0).integers(0, 6, clip.shape)
    clip = clip.astype(dtype)
    return clip if channels == 1 else np.stack([clip] * channels, -1)


def make_seeds(folder: Path) -> list[Seed]:
    """Write one of each kind into `folder`."""
    return [*_videos(folder), *_stacks(folder), *_folders(folder), *_sidecars(folder)]


def _videos(folder):
    kinds = (
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "ffv1", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.gif", "gif", "rgb8"),
        ("a.ts", "mpeg2video", "yuv420p"),
        ("a.y4m", "rawvideo", "yuv420p"),
    )
    for name, codec, pixels in kinds:
        yield Seed(name, _video(folder / name, codec, pixels))
    yield Seed("pipe", folder / "a.y4m", "pipe")


def _video(path, codec, pixels):
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], pixels
        for i, picture in enumerate(frames()):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = i, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _stacks(folder):
    grey = frames(np.uint16, channels=1)
    np.save(folder / "a.npy", grey)
    np.save(folder / "f.npy", frames(np.float32))
    yield Seed("npy", folder / "a.npy")
    yield Seed("npy float", folder / "f.npy")
    kinds = {
        "plain": {},
        "zlib": {"compression": "zlib", "predictor": True},
        "tiled": {"compression": "zlib", "tile": (16, 16)},
        "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
        "ome": {"ome": True, "metadata": {"axes": "TYX"}},
        "big": {"bigtiff": True, "byteorder": ">"},
        "lzma": {"compression": "lzma"},
    }
    for name, options in kinds.items():
        tifffile.imwrite(folder / f"{name}.tif", grey, photometric="minisblack", **options)
        yield Seed(f"tiff {name}", folder / f"{name}.tif")
    yield from _zarrs(folder, grey)


def _zarrs(folder, grey):
    try:
        import zarr
    except ImportError:
        return
    axes = [{"name": n, "type": "time" if n == "t" else "space"} for n in "tyx"]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": []}]}
    for version in (2, 3):
        path = folder / f"v{version}.zarr"
        group = zarr.open_group(str(path), mode="w", zarr_format=version)
        said = {"multiscales": [image]}
        group.attrs.update(said if version == 2 else {"ome": {"version": "0.5", **said}})
        group.create_array("0", shape=grey.shape, chunks=(1, *SIZE), dtype=grey.dtype)[:] = grey
        yield Seed(f"zarr {version}", path)


def _folders(folder):
    for suffix in (".png", ".jpg", ".bmp", ".tif"):
        path = folder / f"pictures{suffix}"
        path.mkdir()
        for i, picture in enumerate(frames()[:2]):
            if suffix == ".tif":
                tifffile.imwrite(path / f"{i}.tif", picture, photometric="rgb")
            else:
                cv2.imwrite(str(path / f"{i}{suffix}"), picture)
        yield Seed(f"folder {suffix}", path)
    yield from _exr(folder)
    yield from _raw(folder)


def _exr(folder):
    try:
        import OpenEXR
    except ImportError:
        return
    path = folder / "pictures.exr"
    path.mkdir()
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    for i, picture in enumerate(frames(np.float32)[:2]):
        OpenEXR.File(header, {"RGB": picture / 255}).write(str(path / f"{i}.exr"))
    yield Seed("folder .exr", path)


def _raw(folder):
    try:
        import rawpy  # noqa: F401
    except ImportError:
        return
    from f2r.io.raw.dng_writer import write_dng
    from f2r.io.raw.mosaic import Mosaic

    path = folder / "a.dng"
    write_dng(path, frames(np.uint16, 1, 1)[0] * 16, Mosaic("RGGB", (0.0,) * 4, 4095.0))
    yield Seed("dng", path)


def _sidecars(folder):
    models = (
        {"model": "poisson-gaussian", "gain": 0.01, "read": 0.02, "offset": 0.0},
        {
            "model": "correlated",
            "base": {"model": "gaussian", "sigma": 0.1},
            "correlation": [[[[0.0, 0.2, 0.0], [0.2, 1.0, 0.2], [0.0, 0.2, 0.0]]]],
        },
    )
    for i, model in enumerate(models):
        path = folder / f"noise{i}.json"
        path.write_text(json.dumps({"noise": model}))
        yield Seed(f"noise {i}", path, "noise")
