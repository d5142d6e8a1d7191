"""F2R as a filter of VapourSynth: `f2r.vapoursynth.denoise(clip, model="night.f2r")`."""

from f2r.vapoursynth.node import denoise

__all__ = ["denoise"]
