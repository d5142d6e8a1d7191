"""A program of several commands: read arguments, run a command, return an exit code."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import tyro

from f2r.errors import F2RError, InputError
from f2r.system.processor import share_processor
from f2r.system.signals import describe_interrupt, exit_code, stoppable

DONE, FAILED, BAD_INPUT = 0, 1, 2
"""Exit codes."""


@dataclass(frozen=True)
class Program:
    """A command line with several commands."""

    name: str
    """Name in the usage line."""
    description: str
    """First line of `--help`."""
    options: Any
    """Union of the dataclasses of all commands, as tyro reads it."""
    commands: Mapping[type, Callable[[Any], None]]
    """Function of each command, by the type of its options."""
    resumable: tuple[type, ...] = ()
    """Options of the commands that continue an interrupted run without being asked to."""

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Run one command.

        Args:
            arguments: the arguments; None takes those of the process.

        Returns:
            0 done, 1 failure, 2 bad input or usage; 128 + signal number if a signal stopped the
            command: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
        """
        args: Any = None
        share_processor()
        try:
            with stoppable():
                args = self._read(arguments)
                self.commands[type(args)](args)
        except InputError as error:
            return _fail(str(error), BAD_INPUT)
        except F2RError as error:
            return _fail(str(error), FAILED)
        except KeyboardInterrupt as interrupt:
            hint = ": repeat the command to continue" if isinstance(args, self.resumable) else ""
            return _fail(f"{describe_interrupt(interrupt)}{hint}", exit_code(interrupt))
        except OSError as error:  # a full disk, a removed folder
            return _fail(f"{error.filename or 'disk'}: {error.strerror or error}", FAILED)
        except MemoryError:
            return _fail("out of memory: use a smaller clip or close other programs", FAILED)
        return DONE

    def _read(self, arguments: list[str] | None) -> Any:
        settings = (tyro.conf.EnumChoicesFromValues,)
        return tyro.cli(
            self.options,
            prog=self.name,
            args=arguments,
            description=self.description,
            config=settings,
        )


def _fail(message: str, code: int) -> int:
    with suppress(OSError):  # standard error may be closed
        print(f"f2r: {message}", file=sys.stderr)
    return code
