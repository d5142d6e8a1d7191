"""`f2r app`: the page in the browser."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AppArgs:
    """Show F2R as a page in the browser, for this machine only."""

    port: int = 7860
    """Port of 127.0.0.1."""
    browser: bool = True
    """Open the page at once."""


def app_command(args: AppArgs) -> None:
    """Run `f2r app`."""
    from f2r.app.server import HOST, serve
    from f2r.cli.display import Display

    Display().say(f"page: http://{HOST}:{args.port} (Ctrl-C ends it)")
    serve(args.port, opens_browser=args.browser)
