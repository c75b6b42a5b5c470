import msgspec

from routstr.core.secret import Secret
from routstr.discovery.analytics import SCHEMA, Sums, by_step, snapshot
from routstr.discovery.announcement import Facts
from routstr.discovery.identity import Identity
from routstr.ledger.usage import DAY, HOUR, Figures, Group

ME = Identity(Secret("11" * 32))
FACTS = Facts("Bob", "sells", ("https://n.example.com",), ())
NOW = 1_700_000_000_000


def sums(models: dict[str, Figures]) -> Sums:
    return Sums(NOW - DAY, NOW, models, {"24h": {0: Figures(requests=3, charged=2_500)}})


def told(models: dict[str, Figures], now: int = NOW) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(
        snapshot(FACTS, "my-id", ME, sums(models), now)[0].content
    )
    return found


def test_the_event_is_named_after_the_announcement() -> None:
    draft, _ = snapshot(FACTS, "my-id", ME, sums({}), NOW)
    assert draft.kind == 38_422
    assert draft.tags == (("d", "my-id:stats"), ("provider", "my-id"), ("schema", SCHEMA))


def test_it_tells_sums_and_shares_and_windows() -> None:
    a, b = Figures(3, 10, 20, 2_500, own_cost=7), Figures(1, 1, 1, 500, lost=9)
    said = msgspec.json.decode(snapshot(FACTS, "my-id", ME, sums({"a": a, "b": b}), NOW)[0].content)
    assert said["schema"] == SCHEMA
    assert (said["npub"], said["pubkey"], said["provider_id"]) == (ME.npub, ME.pubkey, "my-id")
    assert said["summary"]["requests"] == 4
    assert said["summary"]["total_tokens"] == 32
    assert (said["summary"]["revenue_msats"], said["summary"]["revenue_sats"]) == (3_000, 3)
    assert said["model_usage_mix"][0] == {"model": "a", "requests": 3, "share_percent": 75.0}
    assert list(said["windows"]) == ["24h", "7d", "30d", "3m", "1y"]
    (point,) = said["windows"]["24h"]["points"]
    assert (point["start"], point["revenue_msats"]) == ("1970-01-01T00:00:00+00:00", 2_500)
    assert "own_cost" not in str(said), "what providers take is nobody's business"


def test_only_the_largest_models_are_named() -> None:
    models = {f"m{number:02}": Figures(requests=1, charged=number) for number in range(30)}
    said = told(models)
    top, others = said["top_model_usage"], said["others_usage"]
    assert isinstance(top, list)
    assert isinstance(others, dict)
    assert [one["model"] for one in top] == [f"m{number:02}" for number in range(29, 9, -1)]
    assert others["revenue_msats"] == sum(range(10))


def test_the_digest_changes_with_the_figures_and_not_with_the_clock() -> None:
    digests = [
        snapshot(FACTS, "my-id", ME, sums({"a": Figures(requests=count)}), NOW + later)[1]
        for count, later in ((1, 0), (1, 5_000), (2, 0))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_finer_spans_are_added_up_into_steps() -> None:
    found = {Group(start=hour * HOUR): Figures(requests=1) for hour in range(8)}
    assert by_step(found, 6 * HOUR) == {0: Figures(requests=6), 6 * HOUR: Figures(requests=2)}
