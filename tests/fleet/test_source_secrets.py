"""`bin/hybrid sources secret`: credentials from a prompt, standard input or a file, and in no message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fleet_estate import DeployedEstate

GOOD = {
    "host": "10.1.2.3",
    "port": 5432,
    "username": "etl",
    "password": "planted-password-é",
    "dbname": "crm",
}


def value(depot: DeployedEstate) -> dict[str, object]:
    answer = depot.aws.client("secretsmanager").get_secret_value(SecretId=depot.names.source_secret("ledger"))
    found: dict[str, object] = json.loads(answer["SecretString"])
    return found


def test_standard_input_fills_the_secret(depot: DeployedEstate) -> None:
    done = depot.run("sources", "secret", "ledger", input=json.dumps(GOOD))
    assert done.exit_code == 0, done.output
    assert value(depot) == GOOD
    assert "planted" not in done.output


def test_a_file_fills_the_secret_and_the_list_says_so(depot: DeployedEstate, tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    file.write_text(json.dumps(GOOD | {"sslmode": "verify-full"}))
    before = json.loads(depot.run("sources", "list", "--json").stdout)
    done = depot.run("sources", "secret", "ledger", "--file", str(file))
    after = json.loads(depot.run("sources", "list", "--json").stdout)
    assert done.exit_code == 0, done.output
    assert (before[0]["state"], after[0]["state"]) == ("empty", "filled")
    assert value(depot)["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("planted-password", "is not the JSON"),
        ("[" * 60_000, "is not JSON"),
        (json.dumps(GOOD | {"port": 99999}), "port"),
        (json.dumps(GOOD | {"pasword": "planted-password"}), "pasword"),
        (json.dumps(GOOD | {"sslmode": "planted-password"}), "sslmode"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "host"}), "host"),
        (json.dumps(GOOD | {"sslrootcert": "planted" * 10_000}), "65,536 bytes"),
    ],
)
def test_what_is_no_secret_is_refused_by_its_keys_and_never_by_its_values(
    depot: DeployedEstate, text: str, says: str
) -> None:
    done = depot.run("sources", "secret", "ledger", input=text)
    assert done.exit_code == 2
    assert says in done.output
    assert "planted" not in done.output


def test_an_unknown_source_is_refused(depot: DeployedEstate) -> None:
    done = depot.run("sources", "secret", "leger", input=json.dumps(GOOD))
    assert done.exit_code == 2
    assert "did you mean `ledger`?" in done.output


def test_there_is_no_option_for_a_password(depot: DeployedEstate) -> None:
    shown = depot.run("sources", "secret", "--help").output
    assert "--password" not in shown
    assert "--value" not in shown


def test_a_dry_run_leaves_the_secret_empty(depot: DeployedEstate) -> None:
    done = depot.run("sources", "secret", "ledger", "--dry-run", input=json.dumps(GOOD))
    assert done.exit_code == 0
    assert json.loads(depot.run("sources", "list", "--json").stdout)[0]["state"] == "empty"
