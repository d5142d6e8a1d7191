"""Options by which one clip is divided among processes and machines."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from f2r.errors import InputError

if TYPE_CHECKING:
    from f2r.run.job import Announce, Order, Outcome
    from f2r.run.parts.part import Part
    from f2r.system.progress import ProgressCallback

    Step = Callable[[Order, Announce, ProgressCallback], Outcome | None]


@dataclass(frozen=True)
class PartsArgs:
    """At most one of them: a long clip is made in three steps, or by workers at once."""

    prepare_only: bool = False
    """First step: prepare the clip (measure, adapt, decide) and save the result in OUTPUT.run."""
    part: str | None = None
    """Second step: make one part of a prepared clip, such as 3/16, with the same options; in any
    order, on any machine with access to the files."""
    join: bool = False
    """Third step: write the output from all parts."""
    workers: int | Literal["auto"] | None = None
    """All three steps on this machine by so many processes, which share its cores or have a GPU
    each; auto chooses."""
    dask: str | None = None
    """All three steps by the workers of a Dask cluster: address or file of its scheduler."""


NO_PARTS = PartsArgs()
PartsOptions = Annotated[PartsArgs, tyro.conf.arg(name="")]


def step_of(args: PartsArgs) -> "Step":
    """Give the step that the options ask for; without any, a run in one piece.

    Raises:
        InputError: they ask for more than one, or for none that there is.
    """
    given = [f"--{name.replace('_', '-')}" for name, value in vars(args).items() if value]
    if isinstance(args.workers, int) and args.workers < 1:
        raise InputError(f"--workers {args.workers}: give a number from 1 on, or auto")
    if not given:
        from f2r.run.files import denoise_order

        return denoise_order
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} do not go together: give one of them")
    if args.prepare_only:
        return _prepare
    if args.join:
        return _join
    if args.part is not None:
        from f2r.run.parts.part import Part

        return partial(_make, Part.parse(args.part))
    return partial(_by_workers, args)


def _prepare(order: "Order", say: "Announce", show: "ProgressCallback") -> None:
    from f2r.run.parts.steps import prepare_file

    prepare_file(order, say, show)
    say("next: the same command with --part 1/N to --part N/N instead, and then with --join")


def _make(part: "Part", order: "Order", say: "Announce", show: "ProgressCallback") -> None:
    from f2r.run.parts.make import make_part

    make_part(order, part, say, show)


def _join(order: "Order", say: "Announce", show: "ProgressCallback") -> "Outcome":
    from f2r.run.parts.steps import join_file

    return join_file(order, say, show)


def _by_workers(
    args: PartsArgs, order: "Order", say: "Announce", show: "ProgressCallback"
) -> "Outcome":
    from f2r.run.parts.steps import denoise_in_parts

    if args.dask is not None:
        from f2r.run.parts import dask_cluster

        hire = partial(dask_cluster.hire, args.dask)
        return denoise_in_parts(dask_cluster.with_whole_paths(order), hire, say, show)
    from f2r.run.parts import local

    count = args.workers if isinstance(args.workers, int) else None
    return denoise_in_parts(order, partial(local.hire, count), say, show)
