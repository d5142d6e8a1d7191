"""The tables of a comparison, in Markdown and in LaTeX."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from f2r_bench.methods.method import Learning

Content = Mapping[str, Any]
"""Content of `benchmark.json`."""


PUBLISHED: Mapping[str, Mapping[int, float]] = {
    "udvd": {20: 33.36, 30: 32.01, 40: 30.82, 50: 29.89},
}
"""PSNR in dB of Set8, up to 85 frames, by sigma, as the authors report it."""


@dataclass(frozen=True)
class Table:
    """Cells of text, the same for Markdown and LaTeX; a cell that starts with * is the best."""

    caption: str
    """What the figures are."""
    header: Sequence[str]
    """Names of the columns."""
    rows: Sequence[Sequence[str]]
    """One row per method."""


def markdown_tables(content: Content) -> str:
    """Write the tables of a comparison as Markdown."""
    parts = [f"# {content['dataset']}", _conditions(content)]
    for table in _tables(content):
        lines = ["| " + " | ".join(table.header) + " |", "|" + "---|" * len(table.header)]
        lines += [
            "| " + " | ".join(f"**{c[1:]}**" if c[:1] == "*" else c for c in row) + " |"
            for row in table.rows
        ]
        parts.append(table.caption + "\n\n" + "\n".join(lines))
    return "\n\n".join([*parts, *_footnotes(content)]) + "\n"


def latex_tables(content: Content) -> str:
    """Write the tables of a comparison as LaTeX; they need the package booktabs."""
    parts = [f"% {content['dataset']}. {_conditions(content)}"]
    for table in _tables(content):
        columns = "l" + "r" * (len(table.header) - 1)
        rows = [" & ".join(map(_latex, row)) + r" \\" for row in table.rows]
        parts.append(
            "\n".join(
                [
                    r"\begin{table}",
                    rf"\caption{{{_latex(table.caption)}}}",
                    rf"\begin{{tabular}}{{{columns}}}",
                    r"\toprule",
                    " & ".join(map(_latex, table.header)) + r" \\",
                    r"\midrule",
                    *rows,
                    r"\bottomrule",
                    r"\end{tabular}",
                    r"\end{table}",
                ]
            )
        )
    return "\n\n".join([*parts, *("% " + note for note in _footnotes(content))]) + "\n"


def _footnotes(content: Content) -> list[str]:
    """Say which methods are left out, and what their authors publish."""
    return [
        f"Left out: {entry['method']}, stopped after {entry['steps']} steps on a clip; it needs "
        f"{entry['needed']} to be compared (a longer --budget){_published(entry['method'])}."
        for entry in content.get("left_out", ())
    ]


def _published(method: str) -> str:
    figures = PUBLISHED.get(method)
    if figures is None:
        return ""
    listed = ", ".join(f"{psnr:.2f} at sigma {sigma}" for sigma, psnr in figures.items())
    return f". Published PSNR on Set8: {listed}"


def _latex(text: str) -> str:
    is_best = text[:1] == "*"
    plain = text[1:] if is_best else text
    for special in ("_", "%", "&", "#"):
        plain = plain.replace(special, "\\" + special)
    return rf"\textbf{{{plain}}}" if is_best else plain


def _conditions(content: Content) -> str:
    conditions, machine = content["conditions"], content["environment"]
    return (
        f"{len(content['clips'])} clips ({', '.join(content['clips'])}), at most "
        f"{conditions['frames']} frames each; Gaussian noise, unclipped, seed "
        f"{conditions['seed']}; {conditions['budget']:g} s for each clip and method that trains; "
        f"{conditions['device']}, {conditions['threads']} threads, torch "
        f"{machine['libraries'].get('torch', '?')}, F2R {machine['f2r']}."
    )


def _tables(content: Content) -> list[Table]:
    return [_quality(content), _steadiness(content), _cost(content)]


def _quality(content: Content) -> Table:
    caption = (
        "PSNR in dB / SSIM, output clipped to [0, 1], averaged over frames, then over clips. "
        "Best in bold."
    )
    return _by_sigma(content, caption, ("psnr", "ssim"), ("{:.2f}", "{:.4f}"), max)


def _steadiness(content: Content) -> Table:
    clean = [e["warping_error_of_clean"] for e in content["summary"]]
    known = [value for value in clean if value is not None]
    floor = f"; the clean clips have {1e4 * known[0]:.2f}" if known else ""
    caption = (
        f"Temporal consistency: warping error x 10^4{floor} / flicker x 255 where the scene stands "
        "still. Lower is steadier."
    )
    forms = ("{:.2f}", "{:.2f}")
    return _by_sigma(content, caption, ("warping_error", "flicker"), forms, min, (1e4, 255.0))


def _by_sigma(
    content: Content,
    caption: str,
    keys: tuple[str, str],
    forms: tuple[str, str],
    best_of: Callable[..., float],
    scales: tuple[float, float] = (1.0, 1.0),
) -> Table:
    """Lay out two figures of every method at every noise level; the first one decides."""
    summary = content["summary"]
    sigmas = sorted({entry["sigma"] for entry in summary})
    names = list(dict.fromkeys(entry["method"] for entry in summary))
    found = {(e["method"], e["sigma"]): e for e in summary}
    best = {}
    for sigma in sigmas:
        values = [found[name, sigma][keys[0]] for name in names if (name, sigma) in found]
        best[sigma] = best_of((v for v in values if v is not None), default=None)
    rows = []
    for name in names:
        row = [_label(name, next(e for e in summary if e["method"] == name))]
        for sigma in sigmas:
            entry = found.get((name, sigma), {})
            parts = [
                _format(form, entry.get(key), scale)
                for key, form, scale in zip(keys, forms, scales, strict=True)
            ]
            is_best = entry.get(keys[0]) is not None and entry[keys[0]] == best[sigma]
            row.append(("*" if is_best else "") + " / ".join(parts))
        rows.append(row)
    return Table(caption, ["method", *(f"sigma {sigma:g}" for sigma in sigmas)], rows)


def _label(name: str, entry: Mapping[str, Any]) -> str:
    """Mark methods that were trained with clean frames."""
    return f"{name} †" if Learning(entry["learning"]).saw_clean_frames else name


def _cost(content: Content) -> Table:
    caption = (
        "Cost: parameters, multiply-accumulates per pixel (convolutions only), seconds per frame "
        "without training, seconds and steps of training per clip, largest memory of the process. "
        "† saw clean frames of other clips."
    )
    header = ("method", "learns", "M parameters", "kMAC/pixel", "s/frame", "training s", "steps")
    rows = []
    for name, cost in content["cost"].items():
        entries = [e for e in content["summary"] if e["method"] == name]
        if not entries:
            continue

        def mean(key: str, entries: Sequence[Mapping[str, Any]] = entries) -> float | None:
            values = [e[key] for e in entries if e[key] is not None]
            return sum(values) / len(values) if values else None

        rows.append(
            [
                _label(name, entries[0]),
                entries[0]["learning"],
                _format("{:.2f}", cost["parameters"], 1e-6),
                _format("{:.0f}", cost["macs_per_pixel"], 1e-3),
                _format("{:.3f}", mean("seconds_per_frame")),
                _format("{:.0f}", mean("training_seconds")),
                _format("{:.0f}", mean("steps")),
                _format("{:.0f}", mean("peak_memory_mib")),
            ]
        )
    return Table(caption, [*header, "peak MiB"], rows)


def _format(form: str, value: float | None, scale: float = 1.0) -> str:
    return "-" if value is None else form.format(scale * value)
