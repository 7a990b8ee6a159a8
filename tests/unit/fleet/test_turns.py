"""Who may come up when."""

from pathlib import Path

from weir_operator.fleet.turns import Turns

A, B, C = Path("a"), Path("b"), Path("c")


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_so_many_at_once_and_the_next_when_one_is_up() -> None:
    turns = Turns(2, Clock())
    assert [turns.take(one) for one in (A, B, C)] == [True, True, False]
    assert turns.take(A), "who has a turn may ask again"
    turns.end(A)
    turns.end(A)
    assert [turns.take(C), turns.take(A)] == [True, False]


def test_who_never_comes_up_stands_in_nobodys_way() -> None:
    clock = Clock()
    turns = Turns(1, clock)
    assert turns.take(A)
    clock.seconds = 59
    assert not turns.take(B)
    clock.seconds = 61
    assert turns.take(B) and not turns.take(A)
