"""Serve the page to this machine only."""

import os
import socket
from typing import Any

from f2r.errors import InputError, reason

HOST = "127.0.0.1"
"""The page is served to this machine only."""

POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: ws://127.0.0.1:*"
"""Content security policy: the browser asks nobody else for anything."""

FULL = 507
"""HTTP: insufficient storage."""


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

        from f2r.app.page import STYLE, build, theme
    except ImportError as error:
        raise InputError("the page needs Gradio: pip install 'frames2residual[app]'") from error
    _, address, _ = (
        build()
        .queue(default_concurrency_limit=4)
        .launch(
            server_name=HOST,
            server_port=port,
            share=False,
            quiet=True,
            inbrowser=opens_browser,
            prevent_thread_lock=not wait,
            footer_links=[],
            theme=theme(),
            css=STYLE,
            app_kwargs={"middleware": [Middleware(Border)]},
        )
    )
    return str(address)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise InputError(f"--port {port}: is in use: close the other page, or choose another")


class Border:
    """Adds the content security policy to every answer; says in one line why an upload failed.

    Args:
        app: the ASGI application behind it.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        has_begun = False

        async def answer(message: Any) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"].append((b"content-security-policy", POLICY.encode()))
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except OSError as error:
            if has_begun or scope["type"] != "http":
                raise
            text = f"{reason(error)}: free some space, or write the name of the file instead"
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await answer({"type": "http.response.start", "status": FULL, "headers": headers})
            await answer({"type": "http.response.body", "body": text.encode()})
