"""The grid of noise and codecs: every case measured once, kept at once, and summarised."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from f2r.errors import InputError
from f2r.noise.models import Gaussian
from f2r_bench.clips.datasets import crop_centre, find_dataset, read_clip, size_of
from f2r_bench.clips.noise import draw_noisy
from f2r_bench.compressed.case import Ways, measure_case
from f2r_bench.compressed.filters import SETTINGS, has_filter
from f2r_bench.compressed.table import describe_case, grid_table
from f2r_bench.options.compressed import CompressedArgs
from f2r_bench.record import write_record

Say = Callable[[str], None]
Case = dict[str, Any]

RESULTS, TABLE = "compressed.json", "compressed.md"
"""Files in the output folder."""
NOISE_FREE_TOLD = (1.0, 2.0, 4.0)
"""Levels that are given where no noise was added, in 8-bit units."""
FACTORS = (0.5, 0.75, 1.0, 1.25)
"""Levels that are given, relative to the level before encoding."""


def run_grid(args: CompressedArgs, say: Say) -> str:
    """Measure the cases that are not known yet and write results and table.

    Returns:
        The table, as Markdown.

    Raises:
        InputError: a clip or an option cannot be used.
    """
    _check(args)
    _say_missing_filters(args, say)
    path = args.output / RESULTS
    known, cases = {_key(case["identity"]): case for case in _read(path)}, []
    for identity, clean in _scenes(args):
        case = known.pop(_key(identity), None) or {"identity": identity}
        for part in args.again:
            case.pop(part, None)
        cases.append(case)

        def keep(name: str, figures: Any, case: Case = case) -> None:
            case[name] = figures
            write_record(path, args, {"cases": [*cases, *known.values()]})

        _measure(args, case, clean, keep)
        say(describe_case(case))
    table = grid_table(cases, args.balanced)
    (args.output / TABLE).write_text(table, encoding="utf-8")
    return table


def _measure(
    args: CompressedArgs, case: Case, clean: Tensor, keep: Callable[[str, Any], None]
) -> None:
    sigma = case["identity"]["sigma"]
    told = args.told or told_levels(sigma)
    noisy = draw_noisy(clean, Gaussian(sigma / 255), args.seed) if sigma else clean
    ways = Ways(args.preset, args.seed, told, args.filters, args.balanced)
    measure_case(clean, noisy, case["identity"]["codec"], ways, case, keep)


def _scenes(args: CompressedArgs) -> Iterator[tuple[Case, Tensor]]:
    """Give what identifies each case, and its clean frames."""
    for clip in find_dataset(args.data, args.clips).clips:
        clean = crop_centre(read_clip(clip, args.frames), args.crop)
        if clean.shape[1] == 1:
            clean = clean.expand(-1, 3, -1, -1).contiguous()
        digest = hashlib.sha256(clean.numpy().tobytes()).hexdigest()
        for sigma in args.sigmas:
            for codec in args.codecs:
                identity = {
                    "clip": clip.name,
                    "sigma": sigma,
                    "codec": codec,
                    "clean_sha256": digest,
                    "seed": args.seed,
                    "preset": args.preset,
                }
                yield identity, clean


def told_levels(sigma: float) -> tuple[float, ...]:
    """Choose the noise levels that are given to F2R, in 8-bit units."""
    return tuple(factor * sigma for factor in FACTORS) if sigma else NOISE_FREE_TOLD


def _check(args: CompressedArgs) -> None:
    size_of(args.crop)
    if args.frames < 1:
        raise InputError(f"--frames must be at least 1, not {args.frames}")
    if not args.sigmas or not all(0 <= sigma <= 255 for sigma in args.sigmas):
        raise InputError("--sigmas: noise levels must lie in [0, 255], in 8-bit units")
    if not all(0 < sigma <= 255 for sigma in args.told):
        raise InputError("--told: noise levels must lie in (0, 255], in 8-bit units")


def _say_missing_filters(args: CompressedArgs, say: Say) -> None:
    missing = [name for name in SETTINGS if not has_filter(name)]
    if args.filters and missing:
        say(f"this PyAV is built without {', '.join(missing)}: left out")


def _read(path: Path) -> list[Case]:
    try:
        cases: list[Case] = json.loads(path.read_text(encoding="utf-8"))["cases"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: cannot be read ({error}): remove it to begin anew") from None
    return cases


def _key(identity: Case) -> str:
    return json.dumps(identity, sort_keys=True)
