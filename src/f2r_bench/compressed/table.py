"""The grid as a table, and the figures that sum it up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from f2r_bench.compressed.filters import SETTINGS

Case = Mapping[str, Any]
Best = tuple[str, float]
"""A setting and its PSNR in dB."""

NEAR = 1.0
"""An estimated PSNR that is off by no more than this, in dB, counts as right."""
MISSING = "not in this PyAV"


def grid_table(cases: Sequence[Case], balanced: bool) -> str:
    """Write all cases as a Markdown table, with summary lines below."""
    with_filters = any("filters" in case for case in cases)
    header = ["clip", "sigma", "codec", "input", "auto", "found", "estimated"]
    header += ["balanced"] if balanced else []
    header += ["best told (level)", *(SETTINGS if with_filters else ())]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(_row(case, balanced, with_filters)) + " |" for case in cases]
    note = "PSNR in dB per frame, averaged over frames: RGB, 8-bit range, against the clean frames."
    summary = "\n".join(f"- {line}" for line in summary_lines(cases))
    return note + "\n\n" + "\n".join(lines) + "\n\n" + summary + "\n"


def describe_case(case: Case) -> str:
    """Say the main figures of a case in one line."""
    identity, told = case["identity"], best_told(case)
    said = f"{identity['clip']}, sigma {identity['sigma']:g}, {identity['codec']}: "
    said += f"input {case['input']['psnr']:.2f}, auto {case['auto']['psnr']:.2f}"
    said += f", told {told[0]} {told[1]:.2f}"
    filtered = best_filter(case)
    return said + (f", {filtered[0]} {filtered[1]:.2f}" if filtered else "")


def best_told(case: Case) -> Best:
    """Give the noise level that served best when it was given."""
    return max(case["told"].items(), key=lambda item: float(item[1]))


def best_filter(case: Case) -> Best | None:
    """Give the filter that served best at its best setting; None without any."""
    found = [
        (name, max(figures.values()))
        for name, figures in case.get("filters", {}).items()
        if figures
    ]
    return max(found, key=lambda item: item[1], default=None)


def summary_lines(cases: Sequence[Case]) -> list[str]:
    """Sum the grid up, a sentence for each goal."""
    clean = [case for case in cases if not case["identity"]["sigma"]]
    lines = [
        _gap("auto - best told level", cases, lambda c: _auto(c) - best_told(c)[1]),
        _gap(
            "auto - best filter",
            [case for case in cases if best_filter(case)],
            lambda c: _auto(c) - (best_filter(c) or ("", 0.0))[1],
        ),
        _gap("auto - input at sigma 0", clean, lambda c: _auto(c) - float(c["input"]["psnr"])),
        _gap(
            "balanced - fast",
            [c for c in cases if "balanced" in c and c["identity"]["preset"] == "fast"],
            lambda c: float(c["balanced"]["psnr"]) - _auto(c),
        ),
        _estimates(cases),
    ]
    return [line for line in lines if line]


def _gap(name: str, cases: Iterable[Case], difference: Callable[[Case], float]) -> str:
    """Say mean and worst of a difference; nothing without cases."""
    gaps = [(difference(case), case["identity"]) for case in cases]
    if not gaps:
        return ""
    worst, at = min(gaps, key=lambda gap: gap[0])
    where = f"{at['clip']}, sigma {at['sigma']:g}, {at['codec']}"
    mean = fmean(gap for gap, _ in gaps)
    return f"{name}: mean {mean:+.2f} dB, worst {worst:+.2f} dB ({where}), {len(gaps)} cases"


def _estimates(cases: Sequence[Case]) -> str:
    given = [case for case in cases if case["auto"]["estimated_psnr"] is not None]
    near = sum(abs(case["auto"]["estimated_psnr"] - _auto(case)) <= NEAR for case in given)
    right = (
        f", within {NEAR:g} dB of the truth in {near / len(given):.0%} of those" if given else ""
    )
    share = len(given) / max(len(cases), 1)
    return f"estimated PSNR: given in {share:.0%} of {len(cases)} cases{right}"


def _auto(case: Case) -> float:
    return float(case["auto"]["psnr"])


def _row(case: Case, balanced: bool, with_filters: bool) -> list[str]:
    identity, auto, told = case["identity"], case["auto"], best_told(case)
    row = [identity["clip"], f"{identity['sigma']:g}", identity["codec"]]
    row += [f"{case['input']['psnr']:.2f}", f"{auto['psnr']:.2f}", "; ".join(auto["noise"])]
    row.append("-" if auto["estimated_psnr"] is None else f"{auto['estimated_psnr']:.2f}")
    if balanced:
        row.append(f"{case['balanced']['psnr']:.2f}" if "balanced" in case else "-")
    row.append(f"{told[1]:.2f} ({told[0]})")
    filters = case.get("filters", {})
    for name in SETTINGS if with_filters else ():
        row.append(_filtered(filters[name]) if name in filters else "-")
    return row


def _filtered(figures: Mapping[str, float] | None) -> str:
    return f"{max(figures.values()):.2f}" if figures else MISSING
