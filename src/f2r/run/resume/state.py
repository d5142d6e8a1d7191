"""The folder `OUTPUT.run`: everything that an interrupted run goes on from.

It holds the run's identity, the training state, the adapted weights with every decision made
before inference, the finished frames and the before/after picture. Each file is whole or absent
at any instant.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from f2r import __version__
from f2r.errors import InputError
from f2r.run.denoiser import Denoiser
from f2r.run.resume.spool import FrameSpool
from f2r.system.claim import Claim
from f2r.system.durable import sync, write_durably
from f2r.system.owner import MARK, read_marked
from f2r.system.placing import cannot_write, discard


class RunState:
    """Training state, decisions and finished frames of one run.

    As a context manager it removes the folder when the run succeeds or has achieved nothing, and
    otherwise keeps it and says so.

    Args:
        identity: what the run's result depends on.
        resume: go on from an existing folder.
        claim: the right to make the clip, beside which the folder lies; to overwrite means that
            an interrupted run's folder may be thrown away.
        announce: told when the folder is kept.

    Raises:
        InputError: asked to resume where nothing, or a different run, was interrupted; or not
            asked to, where it was; or the folder is none of F2R's.
    """

    def __init__(
        self,
        identity: dict[str, Any],
        *,
        resume: bool,
        claim: Claim,
        announce: Callable[[str], None],
    ) -> None:
        self.folder = state_folder(claim.path)
        self._announce, self._claim = announce, claim
        _check_ours(self.folder)
        if resume:
            _check_resumable(self.folder, identity)
        elif has_progress(self.folder) and not claim.overwrite:
            raise InputError(
                f"{self.folder}: holds an interrupted run: pass --resume to go on with it, or "
                "--overwrite to start anew"
            )
        else:
            self._remove()
        self._create(identity)
        self.picture = self.folder / "picture.png"
        """Before/after picture, once its frame is done."""
        self.spool = FrameSpool(self.folder / "frames.spool")
        """Finished frames."""

    def _create(self, identity: dict[str, Any]) -> None:
        """Make the folder, with the run's identity in it from the first instant."""
        if self.folder.exists():
            return
        fresh = self._claim.part(self.folder)
        try:
            fresh.mkdir()
            write_durably(_stamp(fresh), lambda p: _write_json(p, {"made_by": MARK, **identity}))
            fresh.rename(self.folder)
            sync(self.folder.parent)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def _remove(self) -> None:
        """Remove the folder: it is gone at once, though its files take a while."""
        if self.folder.exists():
            doomed = self._claim.part(self.folder)
            self.folder.rename(doomed)
            discard(doomed)

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
        with suppress(OSError):  # what remains lies in the claim and goes with it
            self._remove()


def state_folder(output: Path) -> Path:
    """Name the folder of a run."""
    return output.with_name(output.name + ".run")


def has_progress(folder: Path) -> bool:
    """Tell whether a folder holds anything that --resume would save."""
    return any((folder / name).exists() for name in ("prepared.json", "temporal.ckpt"))


def state_ledger(output: Path) -> Path:
    """Name the file that says what a run has put into place, so that it knows its own again."""
    return state_folder(output) / "placed.json"


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


def _check_ours(folder: Path) -> None:
    """Refuse a folder that F2R did not make; it would be written to, and removed in the end."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir() or read_marked(_stamp(folder)) is None:
        raise InputError(
            f"{folder}: is in the way and was not made by F2R: move it or name another output"
        )


def _check_resumable(folder: Path, identity: dict[str, Any]) -> None:
    if not folder.exists():
        raise InputError(f"{folder}: nothing to resume: run without --resume")
    found = read_marked(_stamp(folder)) or {}
    changed = [key for key in identity if found.get(key) != identity[key]]
    if changed:
        raise InputError(
            f"{folder}: belongs to another {', '.join(changed)}: repeat the command as it was, "
            "or run without --resume and with --overwrite"
        )
