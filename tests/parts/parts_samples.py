"""Small noisy clips of every kind, and the three steps of a divided run."""

import random
import shutil
from fractions import Fraction

import av
import numpy as np
import tifffile

from f2r.cli.main import main
from f2r.io.images.picture import write_picture
from synthetic import moving_clip

FAST = ("--sigma", "20", "--preset", "fast")


def noisy_frames(count=11, height=24, width=32, seed=0):
    """Make (T, H, W, 3) uint8 with one scene cut."""
    cut = count // 2
    shots = [
        moving_clip(cut, height, width, seed=seed),
        1 - moving_clip(count - cut, height, width),
    ]
    clean = np.concatenate([shot.permute(0, 2, 3, 1).numpy() for shot in shots])
    noise = np.random.default_rng(seed).normal(0, 0.08, clean.shape)
    return ((clean + noise).clip(0, 1) * 255).round().astype(np.uint8)


def write_npy(path, **options):
    np.save(path, noisy_frames(**options))
    return path


def write_video(path, codec, pixel_format, has_sound, **options):
    with av.open(str(path), "w") as output:
        frames = noisy_frames(**options)
        gop = {"g": "4", "crf": "4", "preset": "veryfast"} if codec == "libx264" else {}
        stream = output.add_stream(codec, rate=25, options=gop)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        sound = output.add_stream("aac", rate=48000, layout="mono") if has_sound else None
        for i, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = i, Fraction(1, 25)
            output.mux(stream.encode(frame))
        for block in range(16 if sound else 0):
            wave = np.sin((np.arange(1024) + 1024 * block) / 20).astype(np.float32) * 0.3
            heard = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            heard.rate, heard.pts, heard.time_base = 48000, 1024 * block, Fraction(1, 48000)
            output.mux(sound.encode(heard))
        if sound:
            output.mux(sound.encode(None))
        output.mux(stream.encode(None))
    return path


def write_kind(folder, kind, **options):
    """Write a clip; give its path and the name of an output of the same kind."""
    if kind == "mkv":
        return write_video(folder / "in.mkv", "ffv1", "yuv444p", False, **options), "out.mkv"
    if kind == "mp4":
        return write_video(folder / "in.mp4", "libx264", "yuv420p", True, **options), "out.mp4"
    frames = noisy_frames(**options)
    if kind == "tif":
        deep = frames[..., 0].astype(np.uint16) * 257
        tifffile.imwrite(folder / "in.tif", deep, metadata={"axes": "TYX"})
        return folder / "in.tif", "out.tif"
    if kind == "png":
        (folder / "in").mkdir()
        for i, frame in enumerate(frames):
            write_picture(folder / "in" / f"shot{i:03d}.png", frame)
        return folder / "in", "out"
    scene = folder / "ISO3200"
    scene.mkdir()
    for i, frame in enumerate(frames):
        levels = 240 + 15 * frame[..., 1].astype(np.float64)
        tifffile.imwrite(scene / f"frame{i + 1}_noisy0.tiff", levels.round().astype(np.uint16))
    return scene, "out"


def step(source, output, options, *which):
    return main(["denoise", str(source), "-o", str(output), *map(str, options), *which])


def prepare(source, output, options, whole):
    """Prepare a clip, and finish it in one piece under another name."""
    assert step(source, output, options, "--prepare-only") == 0
    folder = output.with_name(output.name + ".run")
    shutil.copytree(folder, whole.with_name(whole.name + ".run"))
    assert step(source, whole, options, "--resume") == 0


def make_and_join(source, output, options, count, seed=0):
    """Make all parts in shuffled order, join."""
    order = list(range(1, count + 1))
    random.Random(seed).shuffle(order)
    for number in order:
        assert step(source, output, options, "--part", f"{number}/{count}") == 0
    assert step(source, output, options, "--join") == 0


def content(path):
    """Give everything that is in an output: bytes, or packets where a muxer draws numbers."""
    if path.is_dir():
        return {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    if path.suffix != ".mkv":
        return path.read_bytes()
    with av.open(str(path)) as container:
        packets = [(p.stream_index, p.pts, bytes(p)) for p in container.demux() if p.size]
        return packets, dict(container.metadata)
