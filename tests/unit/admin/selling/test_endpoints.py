from pathlib import Path

from tests.unit.admin.selling.shop import open_shop

HERE = "/upstream-providers/own"


async def test_models_are_told_with_their_formula(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        told = await shop.told("GET", "/models?search=large")
        assert (told["total"], told["pages"]) == (1, 1)
        (model,) = told["models"]
        assert (model["exchange_fee"], model["provider_fee"]) == ("1.1", "1.5")
        assert model["prices"][0] == {
            "name": "input", "per": 1_000_000, "own_usd": "2", "client_usd": "3.3", "msat": "3.3",
        }  # fmt: skip
        assert model == await shop.told("GET", f"{HERE}/models/maker/large")


async def test_a_model_is_put_changed_and_taken_back(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        put = {"id": "maker/small", "pricing": {"prompt": 0.000005}, "name": "Mine"}
        assert (await shop.told("POST", f"{HERE}/models", put))["prices"][0]["own_usd"] == "5"
        patch = {"pricing": None, "enabled": False}
        told = await shop.told("PATCH", f"{HERE}/models/maker/small", patch)
        assert (told["model"]["name"], told["model"]["pricing"]["prompt"]) == ("Mine", "0.000001")
        assert (told["state"], told["changed"]) == ("off", True)
        listed = await shop.told("GET", f"{HERE}/models")
        assert [one["name"] for one in listed["db_models"]] == ["Mine"]
        assert len(listed["remote_models"]) == 3
        done = await shop.told("DELETE", f"{HERE}/models/maker/small")
        assert done == {"ok": True, "deleted_id": "maker/small"}
        batch = {"models": [{"id": "maker/small", "free": True}, {"id": "new", "free": True,
                 "context_length": 5}]}  # fmt: skip
        assert (await shop.told("POST", f"{HERE}/batch-override", batch))["count"] == 2
        assert (await shop.told("DELETE", f"{HERE}/models"))["deleted"] == 2
        assert not (await shop.told("GET", f"{HERE}/models"))["db_models"]


async def test_mistakes_have_a_code(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        answer = await shop.call("PATCH", f"{HERE}/models/maker/small", {"fixed": {"request": 0}})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_model")
        answer = await shop.call("GET", f"{HERE}/models/nothing")
        assert (answer.status, answer.json()["error"]["code"]) == (404, "unknown_model")
        answer = await shop.call("GET", "/upstream-providers/nobody/models")
        assert (answer.status, answer.json()["error"]["code"]) == (404, "provider_not_found")
        large = {"model_id": "small", "request_data": {"messages": "x" * 70_000}}
        assert (await shop.call("POST", "/models/test", large)).status == 413


async def test_a_model_and_a_provider_are_tried(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        body = {"model_id": "small", "request_data": {"messages": []}}
        told = await shop.told("POST", "/models/test", body)
        assert (told["success"], told["status_code"], told["error"]) == (True, 200, None)
        assert (told["provider"], told["cost_msats"]) == ("own", 30)
        assert (await shop.told("POST", f"{HERE}/test"))["models"] == 2
        told = await shop.told("POST", f"{HERE}/reset")
        assert told["keys"] == [{"number": 1, "resting_seconds": 0, "refused": False}]
        assert [one["provider"] for one in await shop.told("GET", "/provider-health")] == ["own"]
        assert (await shop.told("GET", f"{HERE}/health"))["models"] == 3
        assert (await shop.call("DELETE", f"{HERE}/keys/1?version=0")).status == 400
        assert (await shop.call("POST", f"{HERE}/keys", {"api_key": "x"})).status == 400
