"""The widget: choose a layer, look at its noise, denoise it into a new layer."""

from textwrap import fill
from typing import Any

import napari
from magicgui.widgets import (
    ComboBox,
    Container,
    FloatSlider,
    Label,
    ProgressBar,
    PushButton,
    SpinBox,
    create_widget,
)
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from f2r.config import DenoiseConfig, Preset
from f2r.errors import F2RError
from f2r.napari.layer import LayerReader
from f2r.napari.work import StoppedError, denoise_layer, describe_noise
from f2r.system.progress import Progress

LETTERS = 48
"""Letters of a line below the buttons."""


class _Bridge(QObject):  # type: ignore[misc]
    """Carries progress from the thread of a run to the window."""

    told = Signal(str, float)


class DenoiseWidget(Container):  # type: ignore[misc]
    """Denoise a time series.

    Args:
        napari_viewer: gets the result as a new layer.
    """

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        self._viewer, self._stop, self._worker = napari_viewer, False, None
        self.layer = create_widget(label="layer", annotation=napari.layers.Image)
        self.time = SpinBox(label="time axis", value=0, min=0, max=9)
        self.strength = FloatSlider(label="strength", value=1.0, min=0.0, max=1.0)
        self.preset = ComboBox(label="preset", choices=list(Preset), value=Preset.FAST)
        self.measure = PushButton(text="What noise is it?")
        self.run = PushButton(text="Denoise")
        self.cancel = PushButton(text="Cancel", enabled=False)
        self.said = Label(value="")
        self.progress = ProgressBar(label="", value=0, min=0, max=100)
        super().__init__(
            widgets=[
                *(self.layer, self.time, self.strength, self.preset),
                *(self.measure, self.run, self.cancel, self.progress, self.said),
            ]
        )
        self._bridge = _Bridge()
        self._bridge.told.connect(self._show)
        self.measure.clicked.connect(self._measure)
        self.run.clicked.connect(self._denoise)
        self.cancel.clicked.connect(self._cancel)

    def _reader(self) -> LayerReader | None:
        """Open the chosen layer; say in the window why it cannot be."""
        layer = self.layer.value
        if layer is None:
            self.said.value = "open an image with a time axis first"
            return None
        try:
            return LayerReader(layer.data, self.time.value, is_colour=layer.rgb)
        except F2RError as error:
            self._set_said(str(error))
            return None

    def _measure(self) -> None:
        reader = self._reader()
        if reader is not None:
            self._start(self._set_said, describe_noise, reader)

    def _denoise(self) -> None:
        reader, layer = self._reader(), self.layer.value
        if reader is None:
            return
        config = DenoiseConfig(preset=self.preset.value, strength=self.strength.value)

        def done(found: tuple[Any, list[str]]) -> None:
            pixels, said = found
            self._viewer.add_image(pixels, name=f"{layer.name} denoised", **_looks_of(layer))
            self._set_said("\n".join(said))

        self._start(done, denoise_layer, reader, config, self._tell)

    def _start(self, done: Any, function: Any, *arguments: Any) -> None:
        """Run a function beside the window; give its result to `done`."""
        self._stop = False
        self._set_busy(busy=True)
        worker = create_worker(function, *arguments, _ignore_errors=True)  # `errored` tells them
        worker.returned.connect(done)
        worker.errored.connect(self._failed)
        worker.finished.connect(lambda: self._set_busy(busy=False))
        self._worker = worker
        worker.start()

    def _tell(self, report: Progress) -> None:
        if self._stop:
            raise StoppedError
        self._bridge.told.emit(report.stage, report.fraction)

    def _show(self, stage: str, fraction: float) -> None:
        self.said.value, self.progress.value = stage, round(100 * fraction)

    def _cancel(self) -> None:
        self._stop = True

    def _failed(self, error: Exception) -> None:
        self._set_said("cancelled" if isinstance(error, StoppedError) else str(error))

    def _set_said(self, text: str) -> None:
        """Show sentences in lines that keep the window narrow."""
        self.said.value = "\n".join(fill(line, LETTERS) for line in text.splitlines())

    def _set_busy(self, *, busy: bool) -> None:
        self.measure.enabled = self.run.enabled = not busy
        self.cancel.enabled = busy


def _looks_of(layer: Any) -> dict[str, Any]:
    """Give what a new layer takes over from another."""
    names = ("scale", "translate", "metadata", "rgb", "contrast_limits", "gamma", "units")
    found = {name: getattr(layer, name, None) for name in names}
    if not layer.rgb:
        found["colormap"] = layer.colormap
    return {name: value for name, value in found.items() if value is not None}
