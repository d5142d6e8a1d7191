"""Parts of the page that are plain HTML: findings, runs, players."""

from html import escape
from pathlib import Path
from urllib.parse import quote

from f2r.app.clip import OpenClip
from f2r.app.player import Players
from f2r.app.running import Running, Runs, Stand
from f2r.run.sentences import describe_seconds

FILES = "/gradio_api/file="
"""Where the server gives the files that it was told to."""
SAID = ("noise", "estimated", "warning", "cannot be kept", "scene cuts", "no frame", "no noise")
"""First words of the sentences of a run that its row repeats."""

ACTIONS = """
element.addEventListener('click', event => {
  const button = event.target.closest('[data-act]');
  if (button) trigger('click', {act: button.dataset.act, run: Number(button.dataset.run)});
});
"""
"""Tells the server which button of which run was pressed."""

TOGETHER = """
const others = video => [...element.querySelectorAll('video')].filter(one => one !== video);
element.addEventListener('play', event => others(event.target).forEach(one => one.play()), true);
element.addEventListener('pause', event => others(event.target).forEach(one => one.pause()), true);
element.addEventListener('seeking', event => others(event.target).forEach(one => {
  if (Math.abs(one.currentTime - event.target.currentTime) > 0.05)
    one.currentTime = event.target.currentTime;
}), true);
"""
"""Plays, pauses and winds both players together."""


def findings(clip: OpenClip) -> str:
    """Show what a clip is, its noise, and advice."""
    *noise, advice = clip.findings()
    lines = "".join(f"<li>{escape(line)}</li>" for line in noise)
    return (
        f"<p class='name'>{escape(clip.path.name)}</p><p class='facts'>{escape(clip.facts())}</p>"
        f"<ul>{lines}</ul><p class='advice'>{escape(advice)}</p>"
    )


def rows(runs: Runs) -> str:
    """Show all runs, the newest first."""
    shown = [_row(number, run, runs.can_go_on(run)) for number, run in enumerate(runs.all)]
    return "".join(reversed(shown))


def _row(number: int, run: Running, can_go_on: bool) -> str:
    title = f"<b>{escape(run.clip.name)}</b> <span class='facts'>{escape(_options(run))}</span>"
    said = [line for line in run.said if line.startswith(SAID)]
    lines = "".join(f"<li>{escape(line)}</li>" for line in said)
    return (
        f"<div class='run {run.stand}'><div class='head'><div>{title}</div>"
        f"<div class='acts'>{_actions(number, run, can_go_on)}</div></div>"
        f"{_bar(run)}<p class='state'>{escape(_state(run))}</p><ul class='said'>{lines}</ul></div>"
    )


def _options(run: Running) -> str:
    config = run.config
    chroma = config.strength if config.chroma_strength is None else config.chroma_strength
    parts = [str(config.preset)]
    if (config.strength, chroma) != (1.0, 1.0):
        parts.append(f"luma {config.strength:g}, chroma {chroma:g}")
    return " · ".join(parts)


def _state(run: Running) -> str:
    """Say where a run stands, in one line."""
    if run.stand == Stand.WAITING:
        return "waits for the run before it"
    if run.stand == Stand.RUNNING:
        left = None if run.countdown is None else run.countdown.left()
        after = "" if left is None else f" · about {describe_seconds(left)} left"
        return f"{run.report.stage}: {100 * run.report.fraction:.0f} %{after}"
    if run.outcome is None:
        return run.error or "stopped"
    spent = describe_seconds(run.outcome.report["seconds"]["total"])
    return f"done in {spent}: {run.outcome.output.name}, beside the clip"


def _bar(run: Running) -> str:
    if run.stand != Stand.RUNNING or run.countdown is None:
        return ""
    share = run.countdown.share()
    width = run.report.fraction if share is None else share
    return f"<div class='bar'><i style='width:{100 * width:.1f}%'></i></div>"


def _actions(number: int, run: Running, can_go_on: bool) -> str:
    if run.stand in {Stand.WAITING, Stand.RUNNING}:
        return _button(number, "cancel", "Cancel")
    if run.outcome is None:
        return _button(number, "go", "Go on") if can_go_on else ""
    return (_button(number, "show", "Play") if run.players else "") + _download(run.outcome.output)


def _button(number: int, act: str, text: str) -> str:
    return f"<button data-act='{act}' data-run='{number}'>{text}</button>"


def _download(output: Path) -> str:
    if not output.is_file():
        return ""
    name = escape(output.name, quote=True)
    return f"<a class='download' href='{_url(output)}' download='{name}'>Download</a>"


def _url(path: Path) -> str:
    return FILES + quote(str(path.resolve()))


def players(shown: Players) -> str:
    """Show clip and output side by side."""
    note = (
        "The first seconds, converted for the browser; the output itself is complete."
        if shown.are_copies
        else "The files themselves."
    )
    sides = {"Original": shown.before, "Denoised": shown.after}
    figures = "".join(_figure(title, path) for title, path in sides.items())
    return f"<div class='players'>{figures}</div><p class='facts'>{note} Both play together.</p>"


def _figure(title: str, path: Path) -> str:
    video = f"<video src='{_url(path)}' controls loop muted playsinline preload='auto'></video>"
    return f"<figure>{video}<figcaption>{title}</figcaption></figure>"
