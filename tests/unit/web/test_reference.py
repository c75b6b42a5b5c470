from routstr.web.reference import Group, Operation, Part, read

HEADER = {"name": "X-Max", "in": "header", "description": "a ceiling", "schema": {"type": "string"}}
DOCUMENT = {
    "components": {
        "schemas": {
            "Made": {
                "properties": {
                    "id": {"type": "integer", "description": "its number"},
                    "tags": {"type": "array", "items": {"anyOf": [{"type": "string"}, {}]}},
                    "one": {"$ref": "#/components/schemas/Made"},
                    "word": {"enum": ["a", "b"]},
                    "fixed": {"const": "c"},
                },
                "required": ["id"],
            }
        }
    },
    "paths": {
        "/admin": {"get": {"tags": ["admin"], "summary": "Looks."}},
        "/v1/paid": {
            "post": {
                "tags": ["models"],
                "description": "Is paid.",
                "parameters": [HEADER, {"name": "q", "in": "query", "required": True}],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Made"}}
                    }
                },
                "responses": {
                    "200": {
                        "headers": {"X-Cost": {"description": "msat", "schema": {}}},
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/Made"},
                                }
                            }
                        },
                    }
                },
            }
        },
    },
}


def test_what_is_paid_for_comes_first_and_its_headers_are_told_once() -> None:
    made = read(DOCUMENT)
    assert [group.tag for group in made.groups] == ["models", "admin"]
    assert made.asked == [Part("X-Max", "string", "a ceiling", where="header")]
    assert made.told == [Part("X-Cost", "any", "msat")]
    [paid] = made.groups[0].operations
    assert [(part.name, part.required) for part in paid.inputs] == [("q", True)]
    assert made.groups[1].operations[0].does == "Looks."


def test_fields_are_told_with_their_kind() -> None:
    [paid] = read(DOCUMENT).groups[0].operations
    assert paid.fields == paid.answer
    assert [(part.name, part.kind, part.required) for part in paid.fields] == [
        ("id", "integer", True),
        ("tags", "[string | any]", False),
        ("one", "Made", False),
        ("word", '"a" | "b"', False),
        ("fixed", '"c"', False),
    ]


def test_what_several_do_alike_is_told_by_none_in_brief() -> None:
    def operation(does: str) -> Operation:
        return Operation("GET", "/", does, (), (), ())

    long = operation("word " * 30)
    group = Group("node", [operation("Reads. And more."), operation("x"), operation("x"), long])
    first, second, third, cut = group.briefs
    assert (first, second, third) == ("Reads", "", "")
    assert cut.endswith("word...")
    assert len(cut) < 95
