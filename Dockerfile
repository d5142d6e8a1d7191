# F2R as a command: `docker run IMAGE denoise ...` on files of /data. Built by `make image`.
#
#   docker run --rm --read-only --tmpfs /tmp --network none --cap-drop ALL \
#     --user "$(id -u):$(id -g)" --volume "$PWD:/data" f2r denoise night.mp4
#
# With CUDA: --build-arg DEVICE=cuda, and `docker run --gpus all`.
ARG BASE=python:3.13-slim

FROM ${BASE} AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM ${BASE}
ARG DEVICE=cpu
ARG TORCH=2.13.0
# Index of PyTorch's CPU builds; the default index of pip has builds for CUDA only (on x86-64).
ARG TORCH_INDEX=
RUN python3 -m venv /opt/f2r && \
    if [ "$DEVICE" = cpu ]; then torch="torch==$TORCH+cpu"; else torch="torch==$TORCH"; fi && \
    /opt/f2r/bin/pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$torch"
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    /opt/f2r/bin/pip install --no-cache-dir /wheel/*.whl && \
    useradd --create-home --uid 1000 f2r

# Whatever a library keeps goes to /tmp, the one place that can be written with --read-only.
ENV PATH=/opt/f2r/bin:$PATH HOME=/tmp XDG_CACHE_HOME=/tmp/cache PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
USER 1000:1000
HEALTHCHECK --interval=5m --timeout=60s CMD ["f2r", "info"]
ENTRYPOINT ["f2r"]
CMD ["--help"]
