"""Denoise a file into a file, with what belongs beside it: report, picture, training state."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from f2r.config import DenoiseConfig
from f2r.denoiser import Denoiser, Result
from f2r.errors import InputError
from f2r.io import default_output, open_reader, open_writer
from f2r.io.clip import ClipInfo, Frame, FrameReader
from f2r.noise.models import NoiseModel
from f2r.picture import write_before_after
from f2r.raw.mosaic import Mosaic
from f2r.raw.render import render_alike
from f2r.raw.suspicion import pattern_warning
from f2r.report import environment, write_report
from f2r.train.loop import ProgressCallback

LEAK_LIMIT = 0.015
"""Correlation of the anchor's error with its frame's noise above which the user is warned."""

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """Where everything went."""

    output: Path
    """The denoised clip."""
    report_path: Path
    """JSON with every decision, figure and time."""
    picture: Path
    """Before/after picture of the middle frame."""
    report: dict[str, Any]
    """Content of the JSON."""


def denoise_file(  # noqa: PLR0913
    source: str,
    output: Path | None,
    noise: NoiseModel | None,
    config: DenoiseConfig,
    *,
    overwrite: bool = False,
    resume: bool = False,
    mosaic: Mosaic | None = None,
    announce: Announce = lambda _: None,
    progress: ProgressCallback | None = None,
) -> Outcome:
    """Denoise a clip from disk.

    Args:
        source: video file, folder of frames, TIFF stack, `.npy`, or '-'.
        output: where to write; None puts `NAME.f2r.EXT` beside the input.
        noise: noise model; None estimates it.
        config: the user's choices.
        overwrite: replace an existing output.
        resume: go on from the training state of an interrupted run.
        mosaic: what the samples mean, where they are raw and the file does not say so.
        announce: told in plain sentences what was decided.
        progress: called with `Progress` reports.

    Raises:
        InputError: input, output or options cannot be used.
    """
    if "-" in (source, str(output)):
        raise InputError("pipes cannot be denoised yet: training reads the clip twice; use a file")
    target = output or default_output(source)
    with open_reader(source, mosaic=mosaic) as reader, _opened(target, reader, overwrite) as writer:
        for loss in writer.losses:
            announce(f"cannot be kept: {loss}")
        with training_state(target, source, noise, config, resume) as state:
            run = Denoiser(reader, noise, config, state, progress)
            announce(_describe(reader.info))
            warning = pattern_warning(reader)
            if warning is not None:
                announce(f"warning: {warning}")
            run.prepare()
            for sentence in decisions(run.report):
                announce(sentence)
            shown = None
            for i, result in enumerate(run.results()):
                writer.write(result.denoised)
                shown = result if i <= run.report["frames"] // 2 else shown
        shown_pair = None if shown is None else shown_frames(reader.info, shown)
    return _finish(target, source, config, run.report, shown_pair)


@contextmanager
def _opened(target: Path, reader: FrameReader, overwrite: bool) -> Iterator[Any]:
    with open_writer(target, reader.info, overwrite=overwrite) as writer:
        yield writer


def shown_frames(info: ClipInfo, result: Result) -> tuple[Frame, Frame]:
    """Give (noisy, denoised) as they can be shown: raw frames rendered, both alike."""
    if info.mosaic is None:
        return result.noisy, result.denoised
    denoised, noisy = render_alike(info.mosaic, result.denoised, result.noisy)
    return noisy, denoised


def _describe(info: ClipInfo) -> str:
    count = "?" if info.frames is None else str(info.frames)
    kind = "colour" if info.is_colour else f"{info.channels} channel(s)"
    if info.mosaic is not None:
        kind = f"raw {info.mosaic.pattern} packed to four channels"
    return f"input: {count} frames, {info.width}x{info.height}, {kind}, {info.bit_depth} bit"


def decisions(report: dict[str, Any]) -> list[str]:
    """Say in plain sentences what a prepared run has decided."""
    said = [f"device: {report['device']}"]
    said += [f"noise: {entry['text']}" for entry in report["noise"]]
    for entry in report["estimated_psnr"]:
        figures = ", ".join(f"{k} {entry[k]:.2f}" for k in ("prior", "anchor", "refined"))
        said.append(f"estimated PSNR in dB: {figures}; output: {entry['output']}")
        if entry["leak"] > LEAK_LIMIT:
            said.append(f"warning: the anchor leaks (correlation {entry['leak']:.3f})")
    if not report["estimated_psnr"]:
        said.append("no frame has a neighbour: the image prior works alone")
    return said


def _finish(
    target: Path,
    source: str,
    config: DenoiseConfig,
    report: dict[str, Any],
    shown: tuple[Frame, Frame] | None,
) -> Outcome:
    report = {
        "input": source,
        "output": str(target),
        "config": asdict(config),
        **report,
        "environment": environment(),
    }
    report_path = target.with_name(target.name + ".json")
    picture = target.with_name(target.name + ".png")
    write_report(report_path, report)
    if shown is not None:
        write_before_after(picture, *shown)
    return Outcome(target, report_path, picture, report)


@contextmanager
def training_state(
    target: Path, source: str, noise: NoiseModel | None, config: DenoiseConfig, resume: bool
) -> Iterator[Path]:
    """Keep a folder `OUTPUT.run` for training state, removed when the run succeeds.

    Raises:
        InputError: asked to resume where nothing, or a different run, was interrupted.
    """
    folder = target.with_name(target.name + ".run")
    identity = _identity(source, noise, config)
    stamp = folder / "run.json"
    if resume:
        if not stamp.exists():
            raise InputError(f"{folder}: nothing to resume: run without --resume")
        if json.loads(stamp.read_text()) != identity:
            raise InputError(
                f"{folder}: belongs to another input or other options: repeat those, or run "
                "without --resume"
            )
    else:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        stamp.write_text(json.dumps(identity))
    try:
        yield folder
    except KeyboardInterrupt:
        if not any(folder.glob("*.ckpt")):  # nothing that --resume could go on from
            shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _identity(source: str, noise: NoiseModel | None, config: DenoiseConfig) -> dict[str, Any]:
    """Tell a run from others by its input's names, sizes and times, and by its options."""
    path = Path(source)
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    facts = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    return {
        "input": hashlib.sha256(repr(facts).encode()).hexdigest(),
        "noise": noise.to_dict() if noise else None,
        "config": json.loads(json.dumps(asdict(config))),
    }
