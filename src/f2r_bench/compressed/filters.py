"""Denoising filters of FFmpeg, each at several settings, through PyAV."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import av
from av.container import InputContainer
from av.filter import Filter, Graph

from f2r_bench.compressed.lossless import write_lossless

SETTINGS: Mapping[str, Sequence[str]] = {
    "nlmeans": [f"s={s:g}:p=7:r=9" for s in (1.5, 2.5, 3.5, 5, 6.5, 8, 10, 13)],
    "bm3d": [f"sigma={s}" for s in (2, 5, 10, 15, 25, 35, 50, 70)],
    "hqdn3d": [f"luma_spatial={s}" for s in (1, 2, 4, 6, 8, 12, 18)],
    "atadenoise": [
        ":".join(f"{plane}a={a}:{plane}b={4 * a:g}" for plane in range(3)) + ":s=5"
        for a in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
    ],
}
"""Settings of each filter, from gentle to strong."""


@cache
def has_filter(name: str) -> bool:
    """Tell whether the FFmpeg inside PyAV was built with a filter."""
    try:
        Filter(name)
    except ValueError:
        return False
    return True


def filter_file(source: Path, output: Path, name: str, setting: str) -> None:
    """Filter a video as `ffmpeg -vf NAME=SETTING` does and keep the result without loss."""
    with av.open(str(source)) as container:
        write_lossless(output, _filtered(container, name, setting))


def _filtered(container: InputContainer, name: str, setting: str) -> Iterator[av.VideoFrame]:
    stream = container.streams.video[0]
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(template=stream), graph.add(name, setting), graph.add("buffersink")
    ).configure()
    for picture in container.decode(stream):
        graph.vpush(picture)
        yield from _ready(graph)
    graph.vpush(None)
    yield from _ready(graph)


def _ready(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return
