"""Slots of one process."""

from routstr.proxy.limits.slots import MemorySlots


async def test_each_has_so_many_slots_of_its_own_and_gets_them_back() -> None:
    slots = MemorySlots()
    assert [await slots.take("a", 2, str(number)) for number in range(3)] == [True, True, False]
    assert await slots.take("b", 2, "4")
    slots.give("a", "0")
    assert await slots.take("a", 2, "5")
    for who, request in (("a", "1"), ("a", "5"), ("b", "4")):
        slots.give(who, request)
    assert slots._taken == {}, "who has gone takes no space"
    await slots.close()
