import json
from pathlib import Path

from devkit.mint import MintOptions, environment

FOLDER = Path("/somewhere/mint")


def test_each_mint_has_a_key_of_its_own() -> None:
    assert MintOptions().private_key != MintOptions().private_key


def test_units_are_served_by_their_derivation_paths() -> None:
    both = environment(FOLDER, MintOptions(), 0)
    one = environment(FOLDER, MintOptions(units=("sat",)), 0)
    assert json.loads(both["MINT_DERIVATION_PATH_LIST"]) == ["m/0'/0'/0'", "m/0'/1'/0'"]
    assert json.loads(one["MINT_DERIVATION_PATH_LIST"]) == ["m/0'/0'/0'"]


def test_settings_of_the_backend_can_be_changed() -> None:
    options = MintOptions(fee_ppk=100, environment={"FAKEWALLET_BRR": "FALSE"})
    settings = environment(FOLDER, options, 3338)
    assert settings["FAKEWALLET_BRR"] == "FALSE"
    assert settings["MINT_INPUT_FEE_PPK"] == "100"
    assert settings["MINT_LISTEN_PORT"] == "3338"


def test_all_data_lie_in_the_mints_folder() -> None:
    settings = environment(FOLDER, MintOptions(), 0)
    assert Path(settings["MINT_DATABASE"]).parent == FOLDER
    assert Path(settings["CASHU_DIR"]).parent == FOLDER
