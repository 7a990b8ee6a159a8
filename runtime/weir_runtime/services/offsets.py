"""Which offsets may be committed: those before which everything is done. Pure."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Records of one partition, begun in order and done in any."""

    _order: deque[int] = field(default_factory=deque)
    _open: set[int] = field(default_factory=set)
    _next: int | None = None

    def begin(self, offset: int) -> None:
        """A record was read."""
        self._order.append(offset)
        self._open.add(offset)

    def done(self, offset: int) -> None:
        """It is delivered, a dead letter, or none of ours."""
        self._open.discard(offset)
        while self._order and self._order[0] not in self._open:
            self._next = self._order.popleft() + 1

    @property
    def committable(self) -> int | None:
        """The offset to go on from after a crash; None: nothing new is done."""
        return self._next

    @property
    def under_way(self) -> int:
        """How many records are read and not yet behind the committable offset."""
        return len(self._order)
