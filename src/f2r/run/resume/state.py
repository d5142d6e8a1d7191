"""The folder `OUTPUT.run`: everything that an interrupted run goes on from.

It holds the run's identity, the training state, the adapted weights with every decision made
before inference, the finished frames and the before/after picture. Each file is whole or absent
at any instant.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from f2r import __version__
from f2r.errors import InputError
from f2r.run.denoiser import Denoiser
from f2r.run.resume.spool import FrameSpool
from f2r.system.durable import write_durably


class RunState:
    """Training state, decisions and finished frames of one run.

    As a context manager it removes the folder when the run succeeds or has achieved nothing, and
    otherwise keeps it and says so.

    Args:
        output: the clip that is being made; the folder lies beside it.
        identity: what the run's result depends on.
        resume: go on from an existing folder.
        overwrite: an interrupted run's folder may be thrown away.
        announce: told when the folder is kept.

    Raises:
        InputError: asked to resume where nothing, or a different run, was interrupted; or not
            asked to, where it was.
    """

    def __init__(
        self,
        output: Path,
        identity: dict[str, Any],
        *,
        resume: bool,
        overwrite: bool,
        announce: Callable[[str], None],
    ) -> None:
        self.folder = state_folder(output)
        self._announce = announce
        if resume:
            _check_resumable(self.folder, identity)
        elif has_progress(self.folder) and not overwrite:
            raise InputError(
                f"{self.folder}: holds an interrupted run: pass --resume to go on with it, or "
                "--overwrite to start anew"
            )
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._create(identity)
        self.picture = self.folder / "picture.png"
        """Before/after picture, once its frame is done."""
        self.spool = FrameSpool(self.folder / "frames.spool")
        """Finished frames."""

    def _create(self, identity: dict[str, Any]) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
            if not _stamp(self.folder).exists():
                write_durably(_stamp(self.folder), lambda p: _write_json(p, identity))
        except OSError as error:
            raise InputError(
                f"{self.folder}: cannot be written ({error.strerror}): free some space or name "
                "another output with -o"
            ) from error

    def mark_finishing(self) -> None:
        """Say that every frame is done."""
        write_durably(self.folder / "finishing", Path.touch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.spool.close()
        if kind is not None and has_progress(self.folder):
            self._announce(
                f"{self.folder} keeps what is done: repeat the command with --resume to go on"
            )
            return
        _stamp(self.folder).unlink(missing_ok=True)  # from here on there is nothing to resume
        shutil.rmtree(self.folder, ignore_errors=True)


def state_folder(output: Path) -> Path:
    """Name the folder of a run."""
    return output.with_name(output.name + ".run")


def has_progress(folder: Path) -> bool:
    """Tell whether a folder holds anything that --resume would save."""
    return any((folder / name).exists() for name in ("prepared.json", "temporal.ckpt"))


def is_finishing(output: Path) -> bool:
    """Tell whether all frames of a run were done, so that an existing output is its own."""
    return (state_folder(output) / "finishing").exists()


def identity_of(source: str, run: Denoiser, options: dict[str, Any]) -> dict[str, Any]:
    """Tell a run from others by its input's names, sizes and times, and by all its options."""
    path = Path(source)
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    facts = [(str(f.relative_to(path)), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    identity = {
        "version": __version__,
        "input": hashlib.sha256(repr(facts).encode()).hexdigest(),
        "noise": run.noise.to_dict() if run.noise else None,
        "config": asdict(run.config),
        "device": run.device.type,
        "output": options,
    }
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


def _stamp(folder: Path) -> Path:
    return folder / "run.json"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _check_resumable(folder: Path, identity: dict[str, Any]) -> None:
    if not folder.exists():
        raise InputError(f"{folder}: nothing to resume: run without --resume")
    stamp = _stamp(folder)
    if not stamp.exists():  # killed while it was made, or while it was removed
        shutil.rmtree(folder, ignore_errors=True)
        return
    found = json.loads(stamp.read_text(encoding="utf-8"))
    changed = [key for key in identity if found.get(key) != identity[key]]
    if changed:
        raise InputError(
            f"{folder}: belongs to another {', '.join(changed)}: repeat the command as it was, "
            "or run without --resume and with --overwrite"
        )
