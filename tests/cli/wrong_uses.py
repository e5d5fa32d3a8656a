"""What people type wrongly; what each says stands in docs/reference/wrong-uses.md."""

from __future__ import annotations

from dataclasses import dataclass

#: An estate that is right; the files of the uses below are made of it.
ESTATE = """\
environment: {name: acme, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites:
  cellar: {kind: anywhere}
  cloud: {kind: cloud}
sources:
  shop: {site: cellar, engine: postgresql}
  erp: {site: cloud, engine: mariadb}
pipelines:
  customers:
    source: shop
    query: select id, email from customers
  daily:
    source: shop
    query: select id, day from customers
    incremental_column: day
  orders:
    source: erp
    query: select id from orders
dags:
  all: {pipelines: [customers, daily, orders]}
"""

#: Name of a file → what is replaced in the estate, and by what.
_CHANGES = {
    "misspelled.yaml": ("region:", "regoin:"),
    "twice.yaml": ("  cloud: {kind: cloud}", "  cellar: {kind: cloud}"),
    "region.yaml": ("region: eu-west-1", "region: Ireland"),
    "new-region.yaml": ("eu-west-1", "eu-wset-1"),
    "site.yaml": ("site: cellar", "site: celar"),
    "cpu.yaml": ("engine: mariadb}", "engine: mariadb, cpu: 300}"),
    "types.yaml": ("engine: mariadb}", "engine: mariadb, cpu: lots, connections: true}"),
    "insert.yaml": ("select id, email from customers", "insert into customers values (1)"),
    "two.yaml": ("select id, email from customers", "select 1; select 2"),
    "mask.yaml": ("customers\n", "customers\n    masks: {phone: {kind: hash}}\n"),
    "null.yaml": ("customers\n", "customers\n    parameters: {ids: [1, null]}\n"),
    "schedule.yaml": ("customers\n", "customers\n    schedule: daily\n"),
    "by-hand.yaml": ("[customers, daily, orders]", "[customers, daily]"),
}


def files() -> dict[str, str]:
    """Files of the directory that the commands are typed in, by name."""
    return {
        "hybrid.yaml": ESTATE,
        "empty.yaml": "",
        "tab.yaml": ESTATE.replace("  cellar", "\tcellar"),
        "aws-config": "[profile work]\nregion = eu-west-1\n",
        "project/services": "mine",
        # Only the Region is everywhere; of all else the first is the one.
        **{name: ESTATE.replace(*change, -1 if "region" in name else 1) for name, change in _CHANGES.items()},
    }


@dataclass(frozen=True)
class Use:
    """A command as somebody types it.

    Attributes:
        what: what is wrong with it.
        command: as typed, with variables before it.
        needs: what has to run for it: `postgresql` on port 5432, `emulator` on 4566, `expired` on 4567, which
            answers each request as AWS does when a session has ended.
    """

    what: str
    command: str
    needs: str = ""


_RUN = "bin/hybrid run -e hybrid.yaml"
_KEYS = "AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b"

USES: dict[str, list[Use]] = {
    "The command line": [
        Use("A command is misspelled", "bin/hybrid demmo"),
        Use("A command of another tool", "bin/hybrid destroy"),
        Use("A command of a group is misspelled", "bin/hybrid sites lst"),
        Use("An option is misspelled", "bin/hybrid validate --jsn"),
        Use("An argument is missing", "bin/hybrid run"),
        Use("An option has no value", "bin/hybrid hosts list --site"),
        Use("One argument too many", "bin/hybrid schema hybrid.yaml"),
        Use("A text where a number belongs", f"{_RUN} customers --limit ten"),
        Use("A number that is too small", f"{_RUN} customers --limit 0"),
        Use("A word that is no choice", "bin/hybrid demo --mode proces"),
        Use("A shell that has no script", "bin/hybrid completion tcsh"),
        Use("A check that is none", "bin/hybrid test --only nosuch"),
        Use("A command of the CDK is misspelled", "bin/hybrid cdk synht"),
    ],
    "The estate file": [
        Use("There is no such file", "bin/hybrid validate hybird.yaml"),
        Use("There is no such file, for another command", "bin/hybrid sites list -e nowhere/estate.yaml"),
        Use("A directory", "bin/hybrid validate ."),
        Use("An empty file", "bin/hybrid validate empty.yaml"),
        Use("A tab", "bin/hybrid validate tab.yaml"),
        Use("A key is misspelled", "bin/hybrid validate misspelled.yaml"),
        Use("A key that is given twice", "bin/hybrid validate twice.yaml"),
        Use("A Region in words", "bin/hybrid validate region.yaml"),
        Use("A Region that nobody knows", "bin/hybrid validate new-region.yaml"),
        Use("A site that is not there", "bin/hybrid validate site.yaml"),
        Use("CPU units that Fargate does not take", "bin/hybrid validate cpu.yaml"),
        Use("Values of another type", "bin/hybrid validate types.yaml"),
        Use("A query that is no select", "bin/hybrid validate insert.yaml"),
        Use("Two statements", "bin/hybrid validate two.yaml"),
        Use("A mask of a column that the query does not return", "bin/hybrid validate mask.yaml"),
        Use("A list with an empty element", "bin/hybrid validate null.yaml"),
        Use("A schedule in words", "bin/hybrid validate schedule.yaml"),
        Use("A pipeline that nothing starts", "bin/hybrid validate by-hand.yaml"),
        Use("One of several files", "bin/hybrid validate hybrid.yaml two.yaml"),
    ],
    "A run on this machine": [
        Use("A pipeline is misspelled", f"{_RUN} custmers"),
        Use("No database and no credentials", f"{_RUN} customers"),
        Use("An address without a scheme", f"{_RUN} customers --database localhost"),
        Use("An address of JDBC", f"{_RUN} customers --database jdbc:postgresql://localhost/shop"),
        Use("An address without a database", f"{_RUN} customers --database postgresql://me:secret@localhost"),
        Use("An address without a password", f"{_RUN} customers --database postgresql://me@localhost/shop"),
        Use("A port that is none", f"{_RUN} customers --database postgresql://me:secret@localhost:99999/shop"),
        Use("A password with a `#` in it", f"{_RUN} customers --database postgresql://me:sec#ret@localhost/shop"),
        Use("A password with a `/` in it", f"{_RUN} customers --database postgresql://me:sec/ret@localhost/shop"),
        Use("An option that has no value", f"{_RUN} customers --database 'postgresql://me:secret@localhost/shop?sslmode='"),
        Use("An address of another engine", f"{_RUN} customers --database mysql://me:secret@localhost/shop"),
        Use("A time in words", f"{_RUN} daily --from yesterday --to today"),
        Use("A time without a zone", f"{_RUN} daily --from 2026-11-01 --to 2026-11-02"),
        Use("The end before the begin", f"{_RUN} daily --from 2026-11-02T00:00Z --to 2026-11-01T00:00Z"),
        Use("One end of an interval", f"{_RUN} daily --from 2026-11-01T00:00Z"),
        Use("A lake where nobody may write",
            f"{_RUN} customers --database postgresql://me:secret@localhost/shop --lake /proc/lake"),
        Use("A port where nothing listens",
            f"{_RUN} customers --database postgresql://me:secret@127.0.0.1:1/shop"),
        Use("A host that is none", f"{_RUN} customers --database postgresql://me:secret@nowhere.invalid/shop"),
        Use("A wrong password", f"{_RUN} customers --database postgresql://me:wrong@127.0.0.1:5432/shop",
            needs="postgresql"),
        Use("MariaDB's address with PostgreSQL's port",
            f"{_RUN} orders --database mariadb://me:secret@127.0.0.1:5432/shop", needs="postgresql"),
    ],
    "This machine": [
        Use("A directory of packages that is not there", "bin/hybrid setup --offline nowhere"),
    ],
    "A first estate file": [
        Use("Questions where nobody answers", "bin/hybrid init new.yaml"),
        Use("A file that is there", "bin/hybrid init hybrid.yaml --name acme --region eu-west-1"),
        Use("A source that is not there", "bin/hybrid sources inspect shp -e hybrid.yaml"),
        Use("A database that does not answer",
            "bin/hybrid sources inspect shop -e hybrid.yaml --database postgresql://me:wrong@127.0.0.1:1/shop"),
    ],
    "The demo": [
        Use("A DAG that is not there", "bin/hybrid demo -e hybrid.yaml --dag custmers"),
        Use("A database of a source that is not there",
            "bin/hybrid demo -e hybrid.yaml --database shp=postgresql://me:secret@localhost/shop"),
        Use("A directory that is no demo's", "bin/hybrid demo -e hybrid.yaml --directory project"),
        Use("Containers without Docker",
            "PATH=tools bin/hybrid demo -e hybrid.yaml --directory demo --mode container"),
        Use("Exports of a demo that does not run", "bin/hybrid demo --directory nowhere env"),
        Use("A service that is none", "bin/hybrid demo --directory nowhere logs airflw"),
        Use("A change to a demo that does not run",
            "bin/hybrid demo -e hybrid.yaml --directory nowhere apply"),
    ],
    "AWS": [
        Use("No credentials", "bin/hybrid hosts list -e hybrid.yaml"),
        Use("A profile that is not there", "AWS_PROFILE=nope bin/hybrid sites list -e hybrid.yaml"),
        Use("A deployment without credentials", "bin/hybrid cdk deploy --all"),
        Use("A session that has ended",
            f"{_KEYS} AWS_ENDPOINT_URL=http://localhost:4567 bin/hybrid hosts list -e hybrid.yaml",
            needs="expired"),
        Use("A site that is not there", f"{_KEYS} bin/hybrid hosts list -e hybrid.yaml --site celar"),
        Use("An activation of a cloud site", f"{_KEYS} bin/hybrid sites activate cloud -e hybrid.yaml"),
        Use("A source that is not there", f"{_KEYS} bin/hybrid sources secret shp -e hybrid.yaml"),
        Use("A time that is none", f"{_KEYS} bin/hybrid hosts drain rack-1 -e hybrid.yaml --timeout soon"),
        Use("The emulator's own port",
            f"{_KEYS} AWS_ENDPOINT_URL=http://localhost:4566 bin/hybrid hosts list -e hybrid.yaml",
            needs="emulator"),
        Use("An endpoint where nothing listens",
            f"{_KEYS} AWS_ENDPOINT_URL=http://127.0.0.1:1 bin/hybrid hosts list -e hybrid.yaml"),
        Use("An image without Docker", "PATH=tools bin/hybrid image build hybrid-etl"),
    ],
    "The lake": [
        Use("A pipeline that is not there", f"{_KEYS} bin/hybrid lake sweep custmers -e hybrid.yaml"),
        Use("A pipeline that is not there, in a query",
            'bin/hybrid lake query "select * from custmers" --lake project -e hybrid.yaml'),
        Use("A statement that changes something",
            'bin/hybrid lake query "drop table customers" --lake project -e hybrid.yaml'),
        Use("A directory that is not there", "bin/hybrid lake ls -e hybrid.yaml --lake nowhere"),
    ],
}  # fmt: skip
