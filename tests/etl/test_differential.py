"""What lands is what an independent reader of the query sees, for random tables, queries and options.

The suite takes a sample; HYBRID_TEST_CASES for each engine makes it a campaign (700: minutes), and the seed
that it prints, as HYBRID_TEST_SEED, repeats it; HYBRID_TEST_ONLY takes the case of one number.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from differential import cases
from differential.campaign import Campaign, reduce
from etl_process import Database, Etl

_SAMPLE = 40


@pytest.mark.timeout(7200)
def test_what_lands_is_what_another_reader_sees(
    etl: Etl, each_database: Database, native_decoder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("HYBRID_TEST_SEED") or random.randrange(2**32))
    count, only = int(os.environ.get("HYBRID_TEST_CASES") or _SAMPLE), os.environ.get("HYBRID_TEST_ONLY")
    engine = each_database.engine if each_database.engine == "postgresql" else _flavour(each_database)
    campaign = _campaign(etl, each_database, engine, monkeypatch)
    print(f"\nHYBRID_TEST_SEED={seed} {engine}: {count} cases")
    faults = []
    for number in [int(only)] if only else range(count):
        case = cases.make(seed, number, engine)
        told = campaign.differences(case)
        if told:
            small, told = reduce(campaign, case)
            faults.append(f"{told}\n{small.recipe()}")
            print(f"FAULT {number}: {faults[-1]}\n", flush=True)
    print(f"HYBRID_TEST_SEED={seed} {engine}: {dict(campaign.outcomes)}, {len(faults)} faults")
    assert not faults, f"HYBRID_TEST_SEED={seed}\n" + "\n\n".join(faults[:3])


def _flavour(database: Database) -> str:
    return "mariadb" if "MariaDB" in str(database.say("select version()")) else "mysql"


def _campaign(etl: Etl, database: Database, engine: str, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    for name in ("HYBRID_SPECIFICATIONS", "HYBRID_LAKE", "HYBRID_SECRET", "HYBRID_DECODER"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if engine == "postgresql":
        database.say(
            "drop table if exists df; drop type if exists df_mood; drop domain if exists df_positive"
        )
        database.say("create type df_mood as enum ('sad', 'o k', 'ü'); create domain df_positive as int4")
    return Campaign(etl=etl, databases={engine: database}, outcomes=Counter())
