"""Small real files of every kind that F2R reads, to be damaged."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import tifffile
from sidecars import make_sidecars

SIZE = (32, 48)


@dataclass(frozen=True)
class Seed:
    """A file, or a folder of which one file is damaged at a time."""

    name: str
    path: Path
    kind: str = "clip"
    """clip, pipe, or the name of a sidecar."""

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
    clips = [*_videos(folder), *_stacks(folder), *_folders(folder)]
    return [*clips, *(Seed(*made) for made in make_sidecars(folder))]


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
    yield Seed("sound.mkv", _video(folder / "sound.mkv", "libx264", "yuv420p", "aac"))
    yield Seed("sound.mov", _video(folder / "sound.mov", "prores_ks", "yuv422p10le", "pcm_s16le"))


def _video(path, codec, pixels, sound=None):
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], pixels
        voice = output.add_stream(sound, rate=48000) if sound else None
        count = 12 if path.suffix == ".ts" else 4  # FFmpeg opens no shorter .ts
        for i, picture in enumerate(frames(count=count)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = i, Fraction(1, 25)
            output.mux(stream.encode(frame))
        if voice is not None:
            tone = np.sin(np.arange(7680) / 20)[None].astype(np.float32)
            heard = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            heard.sample_rate = 48000
            output.mux(voice.encode(heard))
            output.mux(voice.encode(None))
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
    yield from _packed_zarrs(folder, grey, group.attrs)


def _packed_zarrs(folder, grey, attributes):
    """Write what is packed by other compressors, and in shards."""
    import zarr

    codecs = zarr.codecs
    for name, codec in (
        ("blosc", codecs.BloscCodec(cname="lz4")),
        ("gzip", codecs.GzipCodec()),
        ("zstd", codecs.ZstdCodec()),
    ):
        for shards in (None, (2, *SIZE)):
            path = folder / f"{name}{'s' if shards else ''}.zarr"
            group = zarr.open_group(str(path), mode="w", zarr_format=3)
            group.attrs.update(attributes)
            sides = {"chunks": (1, SIZE[0], SIZE[1] // 2), "shards": shards}
            made = group.create_array(
                "0", shape=grey.shape, dtype=grey.dtype, compressors=codec, **sides
            )
            made[:] = grey
            yield Seed(f"zarr {name}{' in shards' if shards else ''}", path)


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
