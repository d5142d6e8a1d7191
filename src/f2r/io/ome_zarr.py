"""OME-Zarr images, read and written frame by frame; needs the extra `frames2residual[zarr]`.

Source: OME-NGFF 0.4 (Zarr format 2) and 0.5 (Zarr format 3), "multiscales" metadata.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from f2r.errors import InputError, reading
from f2r.io.clip import (
    MAX_CHANNELS,
    ClipInfo,
    Frame,
    Indexed,
    Samples,
    Source,
    bare_piece,
    check_frame_count,
    check_frame_size,
    sample_type,
    stack_info,
    to_nominal,
    to_samples,
    written_scale,
)
from f2r.io.gaps import fill_from
from f2r.io.output import FileWriter
from f2r.io.zarr_chunks import ChunkFiles
from f2r.system.claim import Claim
from f2r.system.owner import MARK

MAX_CHUNK = 2**30
"""Bytes of the largest chunk that is accepted; it is unpacked as a whole."""
MARKS = ("zarr.json", ".zgroup", ".zarray")
"""Files that identify a Zarr folder."""
VERSIONS = {2: "0.4", 3: "0.5"}
"""Version of OME-NGFF by Zarr format."""
NO_CLOCK = "OME-Zarr keeps no timestamps, no sound and no colour tags."


@dataclass(frozen=True)
class ZarrSource(Source):
    """Axes and metadata of an OME-Zarr image."""

    axes: str = "tyx"
    """Names of the axes of `shape`, one letter each."""
    shape: tuple[int, ...] = ()
    chunks: tuple[int, ...] = ()
    time_axis: int | None = 0
    """Index of the axis along which frames follow each other; None for one frame."""
    zarr_format: int = 3
    attributes: dict[str, Any] = field(default_factory=dict)
    """Metadata of the group, with the finest resolution only."""

    def piece(self, frames: range) -> Source:
        """Describe some consecutive frames."""
        return bare_piece(self, frames)


def is_zarr(path: Path) -> bool:
    """Whether a folder is Zarr."""
    return path.is_dir() and any((path / name).is_file() for name in MARKS)


def _library() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise InputError(
            "OME-Zarr needs a further library: pip install 'frames2residual[zarr]'"
        ) from error
    return zarr


class ZarrReader(Indexed):
    """Frames of the finest resolution of an OME-Zarr image.

    Time is the axis t; without one, z. All other axes become channels, each of its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with reading(path, 'it is no OME-Zarr image, whose group has "multiscales" metadata'):
            group = _library().open_group(str(path), mode="r")
            attributes = dict(group.attrs)
            image = attributes.get("ome", attributes)["multiscales"][0]
            axes = "".join(axis["name"] for axis in image["axes"])
            self._array = group[image["datasets"][0]["path"]]
            self._source = _describe_source(path, self._array, axes, attributes)
            self._chunks = ChunkFiles(path, self._array, self._source.time_axis)
        self.info = _describe(self._source, np.dtype(self._array.dtype))

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        source, frames = self._source, self.info.frames or 0
        size = (-1, self.info.height, self.info.width)

        def read(i: int) -> Frame:
            index = [i if a == source.time_axis else slice(None) for a in range(len(source.axes))]
            with reading(self._path, "a chunk is damaged, copy the image again"):
                self._chunks.check(i)
                samples = np.moveaxis(np.asarray(self._array[tuple(index)]).reshape(size), 0, -1)
            return to_nominal(samples, self.info.scale)

        if self.info.dtype != "float32":
            return map(read, range(start, frames))
        return fill_from(start, frames, read, source.gaps, self._path)


def _describe_source(path: Path, array: Any, axes: str, attributes: dict[str, Any]) -> ZarrSource:
    if not axes.endswith("yx") or len(axes) != len(array.shape):
        raise InputError(f"{path}: axes {axes} are not supported: the last must be y and x")
    time = next((axes.index(name) for name in "tz" if name in axes), None)
    kept = {k: v for k, v in attributes.items() if k in {"ome", "multiscales", "omero"}}
    images = kept.get("ome", kept)["multiscales"]
    kept_image = images[0] | {"datasets": images[0]["datasets"][:1]}
    if "ome" in kept:
        kept["ome"] = kept["ome"] | {"multiscales": [kept_image]}
    else:
        kept["multiscales"] = [kept_image]
    left = len(images[0]["datasets"]) - 1
    unread = (f"{left} coarser resolutions are left out.",) if left else ()
    shape, chunks = tuple(array.shape), tuple(array.chunks)
    return ZarrSource(path, unread, axes, shape, chunks, time, array.metadata.zarr_format, kept)


def _describe(source: ZarrSource, dtype: np.dtype[Any]) -> ClipInfo:
    height, width = source.shape[-2:]
    check_frame_size(height, width, source.path)
    kind = sample_type(dtype, source.path)
    frames = 1 if source.time_axis is None else source.shape[source.time_axis]
    check_frame_count(frames, source.path)
    if prod(source.chunks) * dtype.itemsize > MAX_CHUNK:
        raise InputError(f"{source.path}: chunks of {source.chunks} are too large: save it again")
    channels = prod(source.shape) // (height * width * frames)
    if not 1 <= channels <= MAX_CHANNELS or channels * height * width > 2**30:
        raise InputError(f"{source.path}: {channels} planes per frame are too many: split the file")
    return stack_info(frames, (height, width, channels), kind, source, is_colour=False)


class ZarrWriter(FileWriter):
    """An OME-Zarr image with the axes and metadata of the one that was read."""

    failures = (OSError, ValueError)

    def __init__(self, claim: Claim, info: ClipInfo) -> None:
        if claim.path.exists():
            _check_ours(claim.path, claim.path)
        zarr = _library()
        super().__init__(claim, info, (NO_CLOCK,) if info.fps is not None else ())
        is_mirror = isinstance(info.source, ZarrSource)
        self._layout = info.source if isinstance(info.source, ZarrSource) else _make_source(info)
        with self._explained():
            group = zarr.open_group(str(self._part), mode="w", zarr_format=self._layout.zarr_format)
            group.attrs.update(self._layout.attributes | {"made_by": MARK})
            name = _image(self._layout.attributes)["datasets"][0]["path"]
            self._array = group.create_array(
                name,
                shape=self._layout.shape,
                chunks=self._layout.chunks,
                dtype=info.dtype,
            )
        self._scale = info.scale if is_mirror else written_scale(info, info.dtype)

    def _pack(self, frame: Frame) -> Samples:
        return [to_samples(frame, self.info.dtype, self._scale)]

    def _put(self, samples: Samples) -> None:
        layout = self._layout
        time = layout.time_axis
        if time is not None and self.count >= self._array.shape[time]:
            self._resize(self.count + 1)
        index = [self.count if a == time else slice(None) for a in range(len(layout.axes))]
        shape = [n for a, n in enumerate(layout.shape) if a != time]
        self._array[tuple(index)] = np.moveaxis(samples[0], -1, 0).reshape(shape)

    def _resize(self, frames: int) -> None:
        shape = list(self._array.shape)
        shape[self._layout.time_axis or 0] = frames
        self._array.resize(tuple(shape))

    def _finish(self) -> None:
        if self._layout.time_axis is not None:
            self._resize(self.count)

    def _release(self) -> None:
        """Do nothing: no file is open."""

    def _check_replaced(self, old: Path, new: Path) -> None:  # noqa: ARG002 - of the base
        _check_ours(old, self.path)


def _check_ours(folder: Path, name: Path) -> None:
    """Replace an image only if F2R made it and nothing was added."""
    found = is_zarr(folder) and not folder.is_symlink()
    attributes = _attributes(folder) if found else {}
    if attributes.get("made_by") != MARK:
        raise InputError(
            f"{name}: was not made by F2R and is not replaced: remove it or name another output"
        )
    kept = {*MARKS, ".zattrs", _first_folder(attributes)}
    for entry in folder.iterdir():
        if entry.name not in kept:
            raise InputError(
                f"{name}: holds more than F2R wrote ({entry.name}) and is not replaced: remove it "
                "or name another output"
            )


def _attributes(folder: Path) -> dict[str, Any]:
    try:
        found = dict(_library().open_group(str(folder), mode="r").attrs)
        _first_folder(found)
    except (KeyError, IndexError, TypeError, ValueError, OSError):
        return {}
    return found


def _first_folder(attributes: dict[str, Any]) -> str:
    return Path(_image(attributes)["datasets"][0]["path"]).parts[0]


def _image(attributes: dict[str, Any]) -> dict[str, Any]:
    image: dict[str, Any] = attributes.get("ome", attributes)["multiscales"][0]
    return image


def _make_source(info: ClipInfo) -> ZarrSource:
    """Describe the image that a clip from elsewhere becomes."""
    has_channels = info.channels > 1
    axes = "tcyx" if has_channels else "tyx"
    sizes = {"t": info.frames or 1, "c": info.channels, "y": info.height, "x": info.width}
    chunks = tuple(1 if name in "tc" else sizes[name] for name in axes)
    kinds = {"t": "time", "c": "channel", "y": "space", "x": "space"}
    step = 1.0 if info.fps is None else float(1 / info.fps)
    image = {
        "axes": [{"name": name, "type": kinds[name]} for name in axes],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [step if name == "t" else 1.0 for name in axes]}
                ],
            }
        ],
    }
    attributes = {"ome": {"version": VERSIONS[3], "multiscales": [image]}}
    return ZarrSource(
        path=None,
        axes=axes,
        shape=tuple(sizes[name] for name in axes),
        chunks=chunks,
        attributes=attributes,
    )
