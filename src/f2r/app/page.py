"""Layout of the page: clip, noise, preview, runs, players."""

from pathlib import Path
from typing import Any

import gradio as gr

from f2r.app import fragments
from f2r.app.events import Events
from f2r.app.forecast import PRESETS
from f2r.app.running import Runs
from f2r.config import Preset

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
"""Style sheet."""

SECONDS = 1.0
"""Seconds between two looks at the runs."""

HINTS = """
<p class='facts'>Left of the handle is the clip, right of it the denoised frame. A strength of 0.8
keeps a fifth of the noise.</p>
<p class='facts'>The preview is made by the preset fast. Of large frames it shows the middle.</p>
"""


def theme() -> Any:
    """Give Gradio's plain theme with fonts of the system: none is loaded."""
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    return gr.themes.Base(primary_hue="blue", neutral_hue="slate", radius_size="md", **fonts)


def build() -> Any:
    """Lay out the page and connect it to its events."""
    events = Events(Runs())
    with gr.Blocks(title="Frames2Residual", analytics_enabled=False) as page:
        gr.HTML("<h1>Frames2Residual</h1><p>Denoise a video. Nothing leaves this machine.</p>")
        clip, seen, played = gr.State(None), gr.State(None), gr.State(-1)
        file, name, opens = _source()
        with gr.Column(visible=False) as body:
            findings, chart = _noise()
            pictures, frame, luma, chroma = _preview()
            preset, runs_it, again = _run()
        rows = gr.HTML(elem_id="runs", js_on_load=fragments.ACTIONS)
        players = gr.HTML(elem_id="players", js_on_load=fragments.TOGETHER)

        opening = {
            "outputs": [
                *(clip, seen, findings, chart, pictures),
                *(frame, chroma, preset, body, runs_it, again),
            ],
            "concurrency_id": "look",
            "show_progress_on": [file],
        }
        by_name = gr.on([opens.click, name.submit], events.named, [name, file], **opening)
        by_file = file.upload(events.opened, file, **opening)
        looked = {
            "fn": events.previewed,
            "inputs": [clip, frame, luma, chroma],
            "outputs": [seen, pictures, preset],
            "concurrency_id": "look",
            "show_progress_on": [pictures],
        }
        for happens in (by_name.success, by_file.success, frame.release):
            happens(**looked)
        mixed = {"inputs": [seen, luma, chroma], "outputs": pictures, "show_progress": "hidden"}
        gr.on([luma.input, chroma.input], events.mixed, trigger_mode="always_last", **mixed)
        ordered = {"inputs": [clip, seen, preset, luma, chroma], "outputs": [rows, runs_it, again]}
        runs_it.click(events.ran, **ordered, show_progress="hidden")
        again.click(events.ran_again, **ordered, show_progress="hidden")
        looks_at = {"outputs": [rows, players, played], "show_progress": "hidden", "queue": False}
        rows.click(events.acted, **looks_at)
        timer = gr.Timer(SECONDS)
        gr.on([timer.tick, page.load], events.polled, [rows, played], **looks_at)
    return page


def _source() -> tuple[Any, Any, Any]:
    """Lay out where a clip comes from: file, name, button."""
    with gr.Row(equal_height=True, elem_id="source"):
        file = gr.File(label="Clip", type="filepath", elem_id="file", height=130)
        with gr.Column():
            name = gr.Textbox(
                label="or write the name of a file or folder", elem_id="name", lines=1
            )
            opens = gr.Button("Open", elem_id="open")
    return file, name, opens


def _noise() -> tuple[Any, Any]:
    """Lay out what is found: words and chart."""
    gr.HTML("<h2>Noise</h2>")
    with gr.Row(equal_height=True):
        findings = gr.HTML(elem_id="findings", container=True, padding=True)
        chart = gr.Image(
            elem_id="chart", show_label=False, interactive=False, buttons=[], scale=2, format="png"
        )
    return findings, chart


def _preview() -> tuple[Any, Any, Any, Any]:
    """Lay out the preview: pictures, frame, both strengths."""
    gr.HTML("<h2>Preview</h2>")
    with gr.Row():
        pictures = gr.ImageSlider(
            elem_id="slider", show_label=False, interactive=False, buttons=["fullscreen"], scale=3
        )
        with gr.Column(min_width=280):
            frame = gr.Slider(0, 1, 0, step=1, label="Frame", elem_id="frame")
            luma = gr.Slider(0, 1.5, 1.0, label="Luma strength", elem_id="luma")
            chroma = gr.Slider(0, 1.5, 1.0, label="Chroma strength", elem_id="chroma")
            gr.HTML(HINTS)
    return pictures, frame, luma, chroma


def _run() -> tuple[Any, Any, Any]:
    """Lay out the start of a run: preset, button, button to start again."""
    gr.HTML("<h2>Denoise</h2>")
    names = [(text, preset) for preset, text in PRESETS.items()]
    preset = gr.Radio(names, value=Preset.FAST, show_label=False, elem_id="preset")
    with gr.Row():
        runs_it = gr.Button("Denoise the clip", variant="primary", elem_id="run")
        again = gr.Button("Start again", visible=False, elem_id="again")
    return preset, runs_it, again
