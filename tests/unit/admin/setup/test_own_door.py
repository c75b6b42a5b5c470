from routstr.admin.setup.own_door import OwnDoor
from tests.unit.admin.public import INVOICE, Public


async def test_a_call_arrives_as_a_clients_and_its_answer_is_read_whole() -> None:
    public = Public()
    body = {"amount_sats": 5}
    reply = await OwnDoor(public).call("POST", "/v1/x/invoice", key="sk-x", json=body)
    assert public.asked == [("POST", "/v1/x/invoice", "sk-x", body)]
    assert (reply.status, reply.data, reply.problem) == (200, INVOICE, "")


async def test_a_refusal_tells_why() -> None:
    reply = await OwnDoor(Public()).call("GET", "/v1/nothing")
    assert (reply.status, reply.problem) == (500, "Refused.")


async def test_what_is_no_json_is_nothing() -> None:
    async def odd(_scope: object, _receive: object, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>"})

    assert (await OwnDoor(odd).call("GET", "/")).data == {}
