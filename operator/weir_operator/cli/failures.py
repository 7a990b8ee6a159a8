"""How a command ends when it cannot do what was asked: an exit code, a place, and what to do about it."""

from enum import IntEnum
from typing import Self


class Exit(IntEnum):
    """The exit codes of `weir`, as `weir --help` and docs/laptop.md list them."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNREACHABLE = 5
    UNAVAILABLE = 6
    TIMEOUT = 7
    INTERRUPTED = 130


class CommandError(Exception):
    """A command's end: one or few lines for people, never a traceback.

    `advice` says what to do next; `problems` are further lines, one per place, when there is more than one.
    """

    def __init__(self, code: Exit, message: str, *, advice: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice
        self.problems = problems

    @classmethod
    def failed(cls, message: str, advice: str = "") -> Self:
        """Something that should have worked did not."""
        return cls(Exit.FAILURE, message, advice=advice)

    @classmethod
    def usage(cls, message: str, advice: str = "") -> Self:
        """The command was not given what it needs."""
        return cls(Exit.USAGE, message, advice=advice)

    @classmethod
    def not_found(cls, message: str, advice: str = "") -> Self:
        """What was named is not there."""
        return cls(Exit.NOT_FOUND, message, advice=advice)

    @classmethod
    def refused(cls, message: str, problems: tuple[str, ...] = (), advice: str = "") -> Self:
        """The resource is wrong, or the change would lose state."""
        return cls(Exit.REFUSED, message, advice=advice, problems=problems)

    @classmethod
    def unreachable(cls, message: str, advice: str = "") -> Self:
        """A broker or a service does not answer."""
        return cls(Exit.UNREACHABLE, message, advice=advice)

    @classmethod
    def unavailable(cls, message: str, advice: str = "") -> Self:
        """The directory or a port is used by someone else, or cannot be written."""
        return cls(Exit.UNAVAILABLE, message, advice=advice)

    @classmethod
    def timeout(cls, message: str, advice: str = "") -> Self:
        """What was waited for did not happen in time; it may still."""
        return cls(Exit.TIMEOUT, message, advice=advice)

    def lines(self) -> tuple[str, ...]:
        """The error as it is printed."""
        advice = (f"hint: {self.advice}",) if self.advice else ()
        return (f"error: {self.message}", *(f"  {problem}" for problem in self.problems), *advice)
