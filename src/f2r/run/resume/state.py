"""The folder `OUTPUT.run`: state of a run, from which it can be resumed.

It holds the identity of the run, the training state, the adapted weights with the decisions, the
finished frames and the before/after picture. Each file is complete or absent at any time.
"""

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from f2r import __version__
from f2r.config import DenoiseConfig
from f2r.errors import InputError, reading
from f2r.method.networks import describe_networks
from f2r.run.resume.fingerprint import fingerprint_of
from f2r.run.resume.kept import DECISIONS
from f2r.run.resume.spool import FrameSpool
from f2r.run.setup import Setup
from f2r.system.claim import Claim
from f2r.system.lock import is_locked
from f2r.system.marked import check_stamp, make_marked, read_stamp, remove_marked
from f2r.system.placing import cannot_write
from f2r.system.sealed import DamagedError, damaged, read_sealed, write_sealed

PICTURE_FILE = "picture.sealed"
"""Before/after picture, in the folder of a run."""


class RunState:
    """Training state, decisions and finished frames of one run.

    As a context manager it removes the folder if the run succeeds or has no progress, else it keeps
    the folder and announces it.

    Args:
        identity: what the run's result depends on.
        resume: continue from an existing folder.
        claim: claim of the output; with `overwrite` it may replace the folder of an interrupted
            run.
        announce: receives a sentence if the folder is kept.

    Raises:
        InputError: `resume` without an interrupted run of this identity, or the reverse; the folder
            is not F2R's; a file of it is damaged.
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
        self._stays = False
        found = read_stamp(self.folder)
        if resume:
            _check_resumable(self.folder, found, identity)
        elif has_progress(self.folder) and not claim.overwrite:
            raise InputError(
                f"{self.folder}: holds an interrupted run: pass --resume to resume it, or "
                "--overwrite to start again"
            )
        elif found is not None:
            _check_idle(self.folder)
            remove_marked(claim, self.folder)
        if not resume:
            make_marked(claim, self.folder, identity)
        self.picture = self.folder / PICTURE_FILE
        """Before/after picture, once its frame is done."""
        if self.picture.exists():
            read_sealed(self.picture)
        self.spool = FrameSpool(self.folder / "frames.spool")
        """Finished frames."""
        if len(self.spool) and not (self.folder / DECISIONS).exists():
            self.spool.close()
            raise damaged(self.folder / DECISIONS, "it is missing")

    def stay(self) -> None:
        """Keep the folder though the run succeeds: others go on from it."""
        self._stays = True

    def keep_picture(self, write: Callable[[Path], None]) -> None:
        """Keep the before/after picture that `write` fills a file with."""
        seal_picture(self.picture, write)

    def place_picture(self, path: Path) -> None:
        """Put the before/after picture beside the output.

        Raises:
            InputError: it was damaged, or the disk is full.
        """
        content = read_sealed(self.picture)

        def write(part: Path) -> None:
            part.write_bytes(content)

        self._claim.write(path, write)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.spool.close()
        is_damaged = kind is not None and issubclass(kind, DamagedError)
        if is_damaged or (kind is None and self._stays):
            return
        if kind is not None and has_progress(self.folder):
            self._announce(
                f"{self.folder} keeps what is done: repeat the command with --resume to continue"
            )
            return
        with suppress(OSError):  # what remains lies in the claim and goes with it
            remove_marked(self._claim, self.folder)


def state_folder(output: Path) -> Path:
    """Name the folder of a run."""
    return output.with_name(output.name + ".run")


def seal_picture(path: Path, write: Callable[[Path], None]) -> None:
    """Keep, with a checksum, the picture that `write` fills a file with.

    Raises:
        InputError: the disk is full.
    """
    fresh = path.with_name(f".f2r-{secrets.token_hex(8)}.png")
    try:
        write(fresh)
        write_sealed(path, fresh.read_bytes())
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        fresh.unlink(missing_ok=True)


def has_progress(folder: Path) -> bool:
    """Whether a folder holds progress that --resume can use."""
    return any((folder / name).exists() for name in (DECISIONS, "temporal.ckpt"))


def interrupted_config(output: Path) -> DenoiseConfig | None:
    """Give the options of the interrupted run of an output; None without one that can go on.

    Raises:
        InputError: its folder is damaged, or was not made by F2R.
    """
    folder = state_folder(output)
    found = read_stamp(folder) if has_progress(folder) else None
    if found is None:
        return None
    check_stamp(folder, found)
    with reading(folder, "move it away, or denoise with --overwrite"):
        return DenoiseConfig.from_dict(found["config"])


def state_ledger(output: Path) -> Path:
    """Name the file that lists the files that a run has put into place."""
    return state_folder(output) / "placed.json"


def identity_of(source: str, setup: Setup, options: dict[str, Any]) -> dict[str, Any]:
    """Identify a run by its input, weights and options."""
    identity = {
        "version": __version__,
        "input": fingerprint_of(Path(source)),
        "weights": describe_networks(setup.config.weights, setup.weight_set),
        "noise": setup.noise.to_dict() if setup.noise else None,
        "config": asdict(setup.config),
        "device": setup.device.type,
        "output": options,
    }
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


def _check_idle(folder: Path) -> None:
    """Refuse to throw away what workers are filling."""
    if any(is_locked(path) for path in folder.glob("parts/*.lock")):
        raise InputError(f"{folder}: parts of the clip are being made: wait for them or stop them")


def _check_resumable(folder: Path, found: dict[str, Any] | None, identity: dict[str, Any]) -> None:
    if found is None:
        raise InputError(f"{folder}: nothing to resume: run without --resume")
    check_stamp(folder, found)
    changed = [key for key in identity if found.get(key) != identity[key]]
    if changed:
        raise InputError(
            f"{folder}: belongs to another {', '.join(changed)}: repeat the command as it was, "
            "or run without --resume and with --overwrite"
        )
