"""What is looked up for each sample and costs more to make: the least recently used go when there is no more room."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Two generations: when the young one is full the old one goes. `young` may be read directly; a miss asks `find`.

    So what is found costs no more than a dictionary's look-up, which an order of use would double.
    """

    def __init__(self, room: int) -> None:
        self._room = room // 2
        self._used = 0
        self.young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def find(self, key: K, size: int) -> V | None:
        """A value of the old generation, which is young again by that; `size` in bytes."""
        value = self._old.pop(key, None)
        if value is not None:
            self.put(key, value, size)
        return value

    def put(self, key: K, value: V, size: int) -> None:
        """A new one of so many bytes."""
        self.young[key] = value
        self._used += size
        if self._used > self._room:
            self._old, self._used = dict(self.young), 0
            self.young.clear()

    def clear(self) -> None:
        """Forgets all."""
        self.young.clear()
        self._old.clear()
        self._used = 0
