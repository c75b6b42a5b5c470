from scripts.bootstrap.environments import ENVIRONMENTS, environment, to_make
from scripts.places import PROJECT_ENVIRONMENT, ROOT


def test_the_mints_lie_where_the_launchers_look_for_them() -> None:
    assert environment("mint-0.21").program("mint") == ROOT / ".tools/mint-0.21/bin/mint"
    assert environment("mint-0.19").program("mint") == ROOT / ".tools/mint-0.19/bin/mint"


def test_every_environment_has_its_locked_requirements_with_their_size() -> None:
    assert all(one.megabytes > 0 for one in ENVIRONMENTS.values())


def test_a_larger_set_serves_a_smaller_one_but_not_the_other_way_round() -> None:
    dev, demo = environment("dev"), environment("demo")

    assert dev.serves("demo")
    assert demo.serves("demo")
    assert not demo.serves("dev")


def test_only_what_shares_the_folder_is_contained() -> None:
    for one in ENVIRONMENTS.values():
        assert all(environment(name).folder == one.folder for name in one.contains)
        assert one.holds_project == (one.folder == PROJECT_ENVIRONMENT)


def test_what_another_wanted_one_contains_is_not_made_twice() -> None:
    wanted = [environment(name) for name in ("demo", "mint-0.19", "dev")]

    assert [one.name for one in to_make(wanted)] == ["mint-0.19", "dev"]
