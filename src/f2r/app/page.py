"""The page: open a clip, preview it, run, download. Everything stays on this machine."""

import os
import socket
import time
from collections.abc import Iterator
from typing import Any

from f2r.app.clip import OpenClip, open_clip, preview_clip, shown
from f2r.app.running import Running
from f2r.config import DenoiseConfig, Preset
from f2r.errors import F2RError, InputError
from f2r.run.preview import Preview

HOST = "127.0.0.1"
"""The page is served to this machine only."""

POLL = 0.4
"""Seconds between two looks at a run."""

POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: ws://127.0.0.1:*"
"""Content security policy: the browser asks nobody else for anything."""


def serve(port: int, *, opens_browser: bool, wait: bool = True) -> str:
    """Serve the page.

    Args:
        port: of this machine.
        opens_browser: show the page at once.
        wait: return only when the server ends.

    Returns:
        The address.

    Raises:
        InputError: the port is in use, or Gradio is not installed.
    """
    _check_port(port)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        from starlette.middleware import Middleware

        page = build()
    except ImportError as error:
        raise InputError("the page needs Gradio: pip install 'frames2residual[app]'") from error
    _, address, _ = page.queue(default_concurrency_limit=4).launch(
        server_name=HOST,
        server_port=port,
        share=False,
        quiet=True,
        inbrowser=opens_browser,
        prevent_thread_lock=not wait,
        footer_links=[],
        theme=_theme(),
        app_kwargs={"middleware": [Middleware(_Policy)]},
    )
    return str(address)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise InputError(f"--port {port}: is in use: close the other page, or choose another")


def _theme() -> Any:
    import gradio

    return gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"])


class _Policy:
    """Adds the content security policy to every answer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"content-security-policy", POLICY.encode()))
            await send(message)

        await self._app(scope, receive, answer)


def build() -> Any:
    """Lay out the page."""
    import gradio as gr

    with gr.Blocks(title="Frames2Residual", analytics_enabled=False) as page:
        clip, seen, running = gr.State(None), gr.State(None), gr.State(None)
        gr.Markdown("# Frames2Residual\nDenoise a video. Nothing leaves this machine.")
        with gr.Row():
            file = gr.File(label="Drop a clip here", type="filepath", elem_id="file")
            with gr.Column():
                name = gr.Textbox(label="or write the name of a file or folder", elem_id="name")
                opens = gr.Button("Open", elem_id="open")
        said = gr.Textbox(label="What it is", lines=4, interactive=False, elem_id="said")
        place = gr.Slider(0, 1, 0.5, label="Moment of the preview: start to end", elem_id="place")
        slider = gr.ImageSlider(label="Noisy and denoised", interactive=False, elem_id="slider")
        with gr.Row():
            luma = gr.Slider(0, 1.5, 1.0, label="Strength, luma", elem_id="luma")
            chroma = gr.Slider(0, 1.5, 1.0, label="Strength, chroma", elem_id="chroma")
        preset = gr.Radio(list(Preset), value=Preset.FAST, label="Preset", elem_id="preset")
        with gr.Row():
            run = gr.Button("Denoise the clip", variant="primary", elem_id="run")
            cancel = gr.Button("Cancel", elem_id="cancel")
        state = gr.Textbox(label="Run", lines=3, interactive=False, elem_id="state")
        result = gr.File(label="Result", elem_id="result")

        opened = gr.on(
            [opens.click, file.upload],
            _opened,
            [name, file],
            [clip, said, run],
            concurrency_id="look",
        )
        looked = [clip, place, luma, chroma]
        opened.success(_previewed, looked, [seen, slider], concurrency_id="look")
        place.release(_previewed, looked, [seen, slider], concurrency_id="look")
        gr.on([luma.input, chroma.input], _mixed, [seen, luma, chroma], slider)
        run.click(
            _ran,
            [clip, preset, luma, chroma],
            [running, state, result],
            concurrency_id="run",
            concurrency_limit=1,  # further clips wait in the queue
        )
        cancel.click(_cancelled, running, None)
    return page


def _opened(name: str, file: str | None) -> tuple[OpenClip, str, Any]:
    import gradio as gr

    with _told():
        clip = open_clip(name or file or "")
    label = "Go on with the interrupted run" if clip.was_interrupted else "Denoise the clip"
    return clip, clip.text, gr.Button(label)


def _previewed(
    clip: OpenClip | None, share: float, luma: float, chroma: float
) -> tuple[Preview | None, Any]:
    if clip is None:
        return None, None
    with _told():
        seen = preview_clip(clip, share)
    return seen, shown(seen, luma, chroma)


def _mixed(seen: Preview | None, luma: float, chroma: float) -> Any:
    return None if seen is None else shown(seen, luma, chroma)


def _ran(
    clip: OpenClip | None, preset: str, luma: float, chroma: float
) -> Iterator[tuple[Running | None, str, str | None]]:
    if clip is None:
        yield None, "open a clip first", None
        return
    config = DenoiseConfig(preset=Preset(preset), strength=luma, chroma_strength=chroma)
    running = Running(str(clip.path), config, clip.was_interrupted).start()
    start = time.monotonic()
    while running.is_alive:
        yield running, _describe(running, time.monotonic() - start), None
        time.sleep(POLL)
    if running.outcome is None:
        yield running, running.error or "failed", None
        return
    done = running.outcome
    spent = done.report["seconds"]["total"]
    text = f"done in {spent:.0f} s: {done.output}\n" + "\n".join(running.said)
    yield running, text, str(done.output) if done.output.is_file() else None


def _describe(running: Running, spent: float) -> str:
    stage, share = running.report.stage, running.report.fraction
    left = (
        f", about {spent * (1 - share) / share:.0f} s left" if stage == "denoise" and share else ""
    )
    return f"{stage}: {100 * share:.0f} %{left}\n" + "\n".join(running.said)


def _cancelled(running: Running | None) -> None:
    if running is not None:
        running.stop.set()


class _told:  # noqa: N801 - reads as a word
    """Shows a foreseen error as its one line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, F2RError):
            import gradio as gr

            raise gr.Error(str(error), print_exception=False) from error
