"""State of an interrupted training, in a folder that one training claims."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from f2r.errors import InputError
from f2r.system.claim import Claim
from f2r.system.marked import check_stamp, make_marked, read_stamp, remove_marked
from f2r.system.placing import cannot_write, check_file


@contextmanager
def training_state(claim: Claim, folder: Path, identity: str) -> Iterator[Path]:
    """Keep the state of a training until it succeeds.

    Args:
        claim: claim of the output.
        folder: where the state lies; its parent is that of the output.
        identity: what the state depends on.

    Raises:
        InputError: the folder is none of F2R's, or belongs to another training and must not be
            overwritten.
    """
    found = read_stamp(folder)
    if found is not None and found.get("identity") != identity:
        if not claim.overwrite:
            raise InputError(
                f"{folder}: holds the state of another training: repeat its options, choose "
                "another output, or pass --overwrite"
            )
        remove_marked(claim, folder)
        found = None
    if found is None:
        make_marked(claim, folder, {"identity": identity})
    else:
        check_stamp(folder, found)
    try:
        yield folder
    except BaseException:
        if not any(folder.glob("*.ckpt")):
            remove_marked(claim, folder)
        raise
    remove_marked(claim, folder)


@contextmanager
def claim_weights(paths: list[Path], folder: Path, *, overwrite: bool) -> Iterator[Claim]:
    """Claim and check files of weights.

    Args:
        paths: files to write, in one folder, which is made if missing; the claim has the name of
            the first.
        folder: where the state lies.
        overwrite: existing files may be replaced.

    Raises:
        InputError: one exists, or another training writes them.
    """
    place = paths[0].parent
    is_new = not place.exists()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(place, error) from error
    try:
        with Claim(
            paths[0], overwrite=overwrite, ledger=folder / "placed.json", is_shared=True
        ) as claim:
            for path in paths:
                check_file(path, overwrite=claim.may_replace(path))
            read_stamp(folder)
            yield claim
    finally:
        if is_new and place.is_dir() and not os.listdir(place):  # noqa: PTH208
            with suppress(OSError):
                place.rmdir()
