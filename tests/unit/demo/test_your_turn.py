import json
import shlex

from demo.your_turn import lines


def test_every_line_is_a_whole_shell_command() -> None:
    commands = [shlex.split(line) for line in lines("http://127.0.0.1:1/v1", "cashuBtoken")]
    assert commands[:2] == [["BASE=http://127.0.0.1:1/v1"], ["KEY=cashuBtoken"]]
    assert all(command[0] == "curl" for command in commands[2:])
    bodies = [json.loads(command[-1]) for command in commands[2:4]]
    assert [body.get("stream", False) for body in bodies] == [False, True]
